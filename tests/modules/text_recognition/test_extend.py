"""Another charset: every head's rows go where their character went."""

from __future__ import annotations

import numpy as np
import pytest

from sealkit.charset import Charset
from sealkit.modules.text_recognition.extend import follow_characters, remap

OLD = Charset.from_list(["a", "b", "c"])  # 5 classes
NEW = Charset.from_list(["c", "x", "b", "a"])  # 6 classes, another order, one new

# state_dict name, rows of n classes, axis, and the place of CTC class 1
HEADS = [
    ("head.ctc_head.fc.weight", 0, 1, 1),
    ("head.ctc_head.fc2.bias", 0, 0, 1),
    ("head.gtc_head.embedding.embedding.weight", 4, 0, 4),
    ("head.gtc_head.tgt_word_prj.weight", 4, 1, 4),
    ("head.sar_head.decoder.embedding.weight", 2, 0, 0),
    ("head.sar_head.decoder.prediction.weight", 1, 1, 0),
    ("head.sar_head.decoder.prediction.bias", 1, 0, 0),
]


def rows(count: int, axis: int, name: str, first: float = 0.0) -> np.ndarray:
    value = np.arange(first, first + count, dtype=np.float32)
    if name.endswith("bias"):
        return value
    return np.moveaxis(np.repeat(value[:, None], 2, axis=1), 0, axis)


@pytest.mark.parametrize(("name", "more", "axis", "first"), HEADS)
def test_rows_follow_their_characters(name: str, more: int, axis: int, first: int) -> None:
    source = rows(OLD.num_classes + more, axis, name)
    fresh = np.zeros_like(rows(NEW.num_classes + more, axis, name))
    made = follow_characters(OLD, NEW)(name, source, fresh)
    assert made is not None and made.shape == fresh.shape and made.flags["C_CONTIGUOUS"]
    made, source = np.moveaxis(made, axis, 0), np.moveaxis(source, axis, 0)

    def place(charset: Charset, character: str) -> int:
        return charset.index[character] - 1 + first

    for character in "abc ":
        np.testing.assert_array_equal(made[place(NEW, character)], source[place(OLD, character)])
    known = np.mean([source[place(OLD, character)] for character in "abc"], axis=0)
    np.testing.assert_allclose(made[place(NEW, "x")], known)
    if "sar" in name:  # unknown, start/end, and in an embedding the padding: the last ones
        np.testing.assert_array_equal(made[NEW.num_classes - 1 :], source[OLD.num_classes - 1 :])
    else:
        np.testing.assert_array_equal(made[:first], source[:first])


def test_other_tensors_are_left_to_the_loader() -> None:
    assert follow_characters(OLD, NEW)("backbone.conv1.weight", np.zeros(2), np.zeros(3)) is None


def test_another_order_of_one_size_is_remapped_too() -> None:
    other = Charset.from_list(["c", "a", "b"])
    arrays = {"head.ctc_head.fc.bias": rows(5, 0, "bias"), "backbone.bias": np.ones(1)}
    made = remap(arrays, OLD, other, {key: np.zeros_like(value) for key, value in arrays.items()})
    assert made["head.ctc_head.fc.bias"].tolist() == [0, 3, 1, 2, 4]
    assert made["backbone.bias"] is arrays["backbone.bias"]


def test_rows_of_known_characters_are_held_through_steps_of_adam() -> None:
    import paddle

    from sealkit.modules.text_recognition.extend import hold_known_rows
    from sealkit.nn.heads.ctc import CTCHead

    class Net(paddle.nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = paddle.nn.Linear(4, 4)
            self.ctc_head = CTCHead(4, NEW.num_classes)

    net = Net()
    before = {name: value.numpy().copy() for name, value in net.state_dict().items()}
    held = hold_known_rows(net, OLD, NEW)
    assert {id(p) for p in held} == {id(net.ctc_head.fc.weight), id(net.ctc_head.fc.bias)}
    for param in held:
        param.regularizer = None
    optimizer = paddle.optimizer.Adam(0.1, parameters=net.parameters())
    for _ in range(3):
        x = paddle.to_tensor(np.ones((2, 3, 4), np.float32))
        (net.ctc_head(net.encoder(x)) ** 2).sum().backward()
        optimizer.step()
        optimizer.clear_grad()
    new, known = NEW.index["x"], [NEW.index[c] for c in "abc "] + [0]
    weight, bias = net.ctc_head.fc.weight.numpy(), net.ctc_head.fc.bias.numpy()
    np.testing.assert_array_equal(weight[:, known], before["ctc_head.fc.weight"][:, known])
    np.testing.assert_array_equal(bias[known], before["ctc_head.fc.bias"][known])
    assert (weight[:, new] != before["ctc_head.fc.weight"][:, new]).all()
    assert (net.encoder.weight.numpy() != before["encoder.weight"]).all()
