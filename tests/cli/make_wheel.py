#!/usr/bin/env python3
"""Packs a model into a wheel, tiny-model 1.0. Usage: make_wheel.py MODEL FOLDER [--wrong-record]"""

import base64
import hashlib
import sys
import zipfile
from pathlib import Path

INFO = "tiny_model-1.0.dist-info"


def digest(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def main() -> None:
    model, folder = Path(sys.argv[1]), Path(sys.argv[2])
    content = model.read_bytes()
    recorded = b"something else" if "--wrong-record" in sys.argv else content
    files = {
        f"tiny_model/{model.name}": content,
        f"{INFO}/METADATA": b"Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n",
        f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nGenerator: kilter\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"tiny_model/{model.name},{digest(recorded)},{len(content)}\n{INFO}/RECORD,,\n"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "tiny_model-1.0-py3-none-any.whl", "w") as wheel:
        for name, data in files.items():
            wheel.writestr(name, data)
        wheel.writestr(f"{INFO}/RECORD", record)


if __name__ == "__main__":
    main()
