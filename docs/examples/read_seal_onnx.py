"""Read images of one seal each with ONNX Runtime, OpenCV and NumPy alone; sealkit is not needed.

    python read_seal_onnx.py DETECTOR.onnx RECOGNISER.onnx IMAGE ...

DETECTOR: a seal detector exported by sealkit (four outputs: text, up direction of the characters, seal area).
RECOGNISER: a CTC recogniser exported by sealkit. IMAGE: one seal with a margin of about 15 % of its size.
What it does not do: find seals on pages, part texts that touch, vote over several views, read doubtful texts in both
directions.
"""

import sys

import cv2
import numpy as np
import onnxruntime

# of the detector: `Sealkit` in inference.yml or in the metadata of the ONNX file
SIDE, MULTIPLE = 288, 32  # pixels of the long side of a seal's crop; both sides are multiples of 32
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])  # applied to BGR, in this order
THRESH, BOX_THRESH, UNCLIP = 0.2, 0.6, 0.5
# of the recogniser: RecResizeImg.image_shape
HEIGHT, LEAST_WIDTH, MOST_WIDTH = 48, 320, 3200
LEAST_PIXELS = 25  # of the map; smaller regions are specks
ENDS = 0.3  # of its height, which a strip is longer at both ends: the map is unsure of first and last characters
STRAIGHT = 0.02  # least spread of the up directions of an arc (sine squared)


def detector_input(image):
    """(H, W, 3) uint8 BGR → (1, 3, h, w) float32."""
    high, wide = image.shape[:2]
    ratio = SIDE / max(high, wide)
    size = [max(round(int(side * ratio) / MULTIPLE) * MULTIPLE, MULTIPLE) for side in (wide, high)]
    small = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    return ((small / 255 - MEAN) / STD).astype(np.float32).transpose(2, 0, 1)[None]


def text_regions(maps):
    """(4, h, w) maps → per text: pixels (N, 2) x, y, their unit vectors up (N, 2), by how many pixels to grow it."""
    mask = (maps[0] > THRESH).astype(np.uint8)
    count, labels = cv2.connectedComponents(mask)
    for number in range(1, count):
        y, x = np.nonzero(labels == number)
        if len(x) < LEAST_PIXELS or maps[0, y, x].mean() < BOX_THRESH:
            continue
        up = maps[1:3, y, x].T
        contours, _ = cv2.findContours((labels == number).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        length = sum(cv2.arcLength(contour, True) for contour in contours)
        grow = UNCLIP * len(x) / max(length, 1)  # the map shows texts shrunk
        yield np.stack([x, y], axis=1) + 0.5, up / np.maximum(np.linalg.norm(up, axis=1, keepdims=True), 1e-6), grow


def reading_grid(points, up, grow):
    """(48, W, 2) places on the map: where each pixel of the straightened text lies."""
    across = np.eye(2) - np.einsum("ni,nj->nij", up, up)
    if np.linalg.eigvalsh(across.mean(axis=0))[0] < STRAIGHT:
        return straight_grid(points, up, grow)
    # the lines through the pixels along their up directions meet in the centre of the arc
    centre = np.linalg.solve(across.sum(axis=0), np.einsum("nij,nj->i", across, points))
    return arc_grid(points - centre, up, grow) + centre


def straight_grid(points, up, grow):
    """Of a text along a line."""
    up = up.mean(axis=0) / np.linalg.norm(up.mean(axis=0))
    right = np.array([-up[1], up[0]])
    along, above = points @ right, points @ up
    low, top = above.min() - grow, above.max() + grow
    slack = grow + ENDS * (top - low)
    left, end = along.min() - slack, along.max() + slack
    wide = columns((end - left) / (top - low))
    return np.linspace(top, low, HEIGHT)[:, None, None] * up + np.linspace(left, end, wide)[None, :, None] * right


def arc_grid(points, up, grow):
    """Of a text along an arc around the origin; the radius may vary, as on an oval."""
    clockwise = 1 if (points * up).sum() > 0 else -1  # tops outwards: clockwise on the screen
    angle, radius = np.arctan2(points[:, 1], points[:, 0]) * clockwise, np.linalg.norm(points, axis=1)
    turns = np.sort(angle)
    gaps = np.diff(np.append(turns, turns[0] + 2 * np.pi))
    start = turns[(gaps.argmax() + 1) % len(turns)]  # the text begins behind the widest gap
    angle = (angle - start) % (2 * np.pi)
    length = 2 * np.pi - gaps.max()
    slices = np.clip((angle / length * 32).astype(int), 0, 31)
    filled = np.unique(slices)
    middle = np.array([np.mean(radius[slices == one]) for one in filled])
    thick = np.percentile([np.ptp(radius[slices == one]) for one in filled], 75) + 2 * grow
    slack = min((grow + ENDS * thick) / radius.mean(), gaps.max() / 2)
    wide = columns((length + 2 * slack) * radius.mean() / thick)
    turn = np.linspace(-slack, length + slack, wide)
    rings = np.interp(turn, (filled + 0.5) / 32 * length, middle)
    rows = rings + clockwise * np.linspace(thick / 2, -thick / 2, HEIGHT)[:, None]
    real = (turn + start) * clockwise
    return np.stack([rows * np.cos(real), rows * np.sin(real)], axis=2)


def columns(ratio):
    """Width in pixels of a strip of this width to height."""
    return int(np.clip(np.ceil(ratio * HEIGHT), 1, MOST_WIDTH))


def recogniser_input(strip):
    """(48, W, 3) uint8 BGR → (1, 3, 48, max(W, 320)) float32; zeros on the right."""
    out = np.zeros((1, 3, HEIGHT, max(strip.shape[1], LEAST_WIDTH)), np.float32)
    out[0, :, :, : strip.shape[1]] = ((strip / 255 - 0.5) / 0.5).transpose(2, 0, 1)
    return out


def ctc_text(probabilities, characters):
    """(T, C) → text and mean probability: repeated classes once, blanks dropped."""
    best = probabilities.argmax(axis=1)
    kept = (best != 0) & (best != np.concatenate([[-1], best[:-1]]))
    score = float(probabilities.max(axis=1)[kept].mean()) if kept.any() else 0.0
    return "".join(characters[index] for index in best[kept]), score


class Reader:
    """Both networks."""

    def __init__(self, detector, recogniser):
        self.detector = onnxruntime.InferenceSession(detector, providers=["CPUExecutionProvider"])
        self.recogniser = onnxruntime.InferenceSession(recogniser, providers=["CPUExecutionProvider"])
        listed = self.recogniser.get_modelmeta().custom_metadata_map["character"].split("\n")
        self.characters = ["", *listed, " "]  # class 0 is the blank, the last one the space

    def __call__(self, image):
        """(H, W, 3) uint8 BGR → [(text, score)], the largest text first."""
        maps = self.detector.run(None, {self.detector.get_inputs()[0].name: detector_input(image)})[0][0]
        scale = np.array([image.shape[1] / maps.shape[2], image.shape[0] / maps.shape[1]])
        found = []
        for points, up, grow in sorted(text_regions(maps), key=lambda region: -len(region[0])):
            grid = (reading_grid(points, up, grow) * scale - 0.5).astype(np.float32)
            strip = cv2.remap(image, grid[..., 0], grid[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            name = self.recogniser.get_inputs()[0].name
            found.append(ctc_text(self.recogniser.run(None, {name: recogniser_input(strip)})[0][0], self.characters))
        return found


if __name__ == "__main__":
    reader = Reader(sys.argv[1], sys.argv[2])
    for path in sys.argv[3:]:
        print(path)
        for text, score in reader(cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)):
            print(f"  {text}  {score:.3f}")
