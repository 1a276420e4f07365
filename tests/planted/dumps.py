"""Reads what the planted engine and `kilter trace` write: safetensors of F32, without any package."""

import array
import json
import math
import struct
from pathlib import Path


class Dump:
    """Named values of a run, in the order of the file; each a shape and its numbers."""

    def __init__(self, path: Path):
        data = Path(path).read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + length])
        self.metadata = header.pop("__metadata__", {})
        self.shapes, self.values = {}, {}
        entries = sorted(header.items(), key=lambda entry: entry[1]["data_offsets"][0])
        for name, entry in entries:
            if entry["dtype"] != "F32":
                continue
            first, last = entry["data_offsets"]
            self.shapes[name] = entry["shape"]
            self.values[name] = array.array("f", data[8 + length + first : 8 + length + last])


def distance(a, b) -> float:
    """The largest difference, relative to the root mean square of b; infinite where one is no number."""
    if len(a) != len(b):
        return math.inf
    finite = [x for x in b if math.isfinite(x)]
    size = math.sqrt(sum(x * x for x in finite) / max(1, len(finite))) or 1.0
    worst = 0.0
    for x, y in zip(a, b):
        if x == y:
            continue
        difference = abs(x - y)
        if not math.isfinite(difference):
            return math.inf
        worst = max(worst, difference)
    return worst / size


def first_difference(dump: Dump, right: Dump, noise: float) -> str:
    """The first value of `dump` that is further than `noise` from the right one; "" where there is none."""
    for name, values in dump.values.items():
        if name not in right.values or dump.shapes[name] != right.shapes[name]:
            return name
        if distance(values, right.values[name]) > noise:
            return name
    return ""
