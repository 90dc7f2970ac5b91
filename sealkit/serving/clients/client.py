"""Read the seals of a file: python client.py FILE [SERVER] [FOLDER].

Prints the texts, one per line; images of the result go to FOLDER where it is given. Python 3, nothing to install.
A server that asks for an access token gets that of the environment variable SEALKIT_TOKEN.
"""

import base64
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path


def main() -> None:
    """Send the file to the server, print the texts, save the images."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    file = Path(sys.argv[1])
    server = sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:8080"
    folder = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    question = {
        "file": base64.b64encode(file.read_bytes()).decode("ascii"),
        "fileType": 0 if file.suffix.lower() == ".pdf" else 1,
        "visualize": folder is not None,
    }
    headers = {"Content-Type": "application/json"}
    if token := os.environ.get("SEALKIT_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(
        server + "/seal-recognition",
        data=json.dumps(question).encode("ascii"),
        headers=headers,
    )
    try:
        with urllib.request.urlopen(request, timeout=180) as response:
            result = json.load(response)["result"]
    except urllib.error.HTTPError as error:
        sys.exit(f"{error.code}: {json.load(error)['errorMsg']}")
    for page, entry in enumerate(result["sealRecResults"]):
        for seal in entry["prunedResult"]["seal_res_list"]:
            for text in seal["rec_texts"]:
                print(text)
        if folder is None:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        for name, image in entry["outputImages"].items():
            (folder / f"{page}_{name}.jpg").write_bytes(base64.b64decode(image))


if __name__ == "__main__":
    main()
