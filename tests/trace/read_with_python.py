#!/usr/bin/env python3
"""Opens a safetensors file with Hugging Face's library and prints names, types, shapes, ends and metadata.

Usage: read_with_python.py FILE
"""

import sys

from safetensors import safe_open


def main():
    with safe_open(sys.argv[1], framework="np") as trace:
        for key, value in sorted((trace.metadata() or {}).items()):
            print(f"{key}: {value!r}")
        for name in trace.keys():
            value = trace.get_tensor(name)
            ends = f"{value.flat[0]:g} .. {value.flat[-1]:g}" if value.size else "empty"
            print(f"{name}  {value.dtype}  {list(value.shape)}  {ends}")


if __name__ == "__main__":
    main()
