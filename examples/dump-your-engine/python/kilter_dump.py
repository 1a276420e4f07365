"""Writes values of your engine to files that kilter reads. Plain Python; arrays of NumPy and PyTorch work.

    dump = Dump("dump.safetensors", producer="my engine 0.1")
    dump.begin_pass(ids)                      # before every pass: the prompt's ids, later the one new id
    dump.value("blk.0.attn_q", q)             # [rows, heads, width]: nested lists, or an array
    dump.save()

A name that comes again, in a later pass, adds rows. `Few` writes ten numbers of each value as JSON.
"""

import array
import json
import struct


def flatten(x):
    """(shape, numbers) of nested lists, or of an array of NumPy or PyTorch."""
    if hasattr(x, "detach"):
        x = x.detach().float().cpu().numpy()
    if hasattr(x, "astype"):
        return list(x.shape), array.array("f", x.astype("float32").tobytes())
    if not isinstance(x, (list, tuple)):
        return [], [x]
    parts = [flatten(part) for part in x]
    if any(shape != parts[0][0] for shape, _ in parts):
        raise ValueError("lists of different lengths")
    return [len(x)] + (parts[0][0] if parts else []), [number for _, numbers in parts for number in numbers]


class Dump:
    def __init__(self, path, **about):
        self.path, self.about = path, about
        self.ids, self.passes = [], []
        self.values = {}  # name -> [shape, numbers]

    def begin_pass(self, ids):
        self.ids += [int(i) for i in ids]
        self.passes.append(len(ids))

    def value(self, name, x):
        shape, numbers = flatten(x)
        if name not in self.values:
            self.values[name] = [shape, array.array("f", numbers)]
            return
        known, so_far = self.values[name]
        if known[1:] != shape[1:]:
            raise ValueError(f"{name} has rows of two shapes: {known[1:]} and {shape[1:]}")
        known[0] += shape[0]
        so_far.extend(array.array("f", numbers))

    def save(self):
        run = {"token_ids": ",".join(map(str, self.ids)), "passes": ",".join(map(str, self.passes))}
        header, end = {"__metadata__": {**self.about, **run}}, 0
        for name, (shape, numbers) in self.values.items():
            begin, end = end, end + 4 * len(numbers)
            header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with open(self.path, "wb") as file:  # the length of the JSON in 8 bytes, the JSON, the numbers
            file.write(struct.pack("<Q", len(text)) + text)
            for _, numbers in self.values.values():
                file.write(numbers.tobytes())


class Few:
    """The first numbers of a few rows, as JSON."""

    def __init__(self, path):
        self.path, self.top = path, {"tokens": [], "passes": [], "values": [], "weights": []}

    def begin_pass(self, ids):
        self.top["tokens"] += [int(i) for i in ids]
        self.top["passes"].append(len(ids))

    def value(self, name, row, numbers):
        """row: which token of the run; the numbers are the first ones of its row."""
        self.top["values"].append({"name": name, "row": row, "data": list(flatten(numbers)[1])})

    def weight(self, name, row, numbers):
        """A row of a weight as you decode it."""
        self.top["weights"].append({"name": name, "row": row, "data": list(flatten(numbers)[1])})

    def save(self):
        with open(self.path, "w", encoding="utf-8") as file:
            json.dump(self.top, file)
