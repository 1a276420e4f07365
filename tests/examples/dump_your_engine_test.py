#!/usr/bin/env python3
"""The writers of examples/dump-your-engine, built and run as a person would: what they write is read back by
kilter's own reader and by one of a few lines here. Usage: dump_your_engine_test.py READ_TRACE..."""

import json
import math
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples" / "dump-your-engine"
READ_TRACE = sys.argv[1:]

# What the examples compute, from their comments: rows of q are 10 t + i, logits i/4 - t.
IDS, PASSES, ROWS = [1, 450, 13], [2, 1], range(3)
Q = [10 * t + i for t in ROWS for i in range(4)]
LOGITS = [i / 4 - t for t in ROWS for i in range(3)]
FEW = [("blk.0.attn_q", 1, [10, 11]), ("logits", 1, [-1, -0.75, -0.5]),
       ("blk.0.attn_q", 2, [20, 21]), ("logits", 2, [-2, -1.75, -1.5])]


def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def read_safetensors(path):
    """(metadata, name -> (shape, numbers))"""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    values, numbers = {}, data[8 + length:]
    about = header.pop("__metadata__")
    for name, tensor in header.items():
        begin, end = tensor["data_offsets"]
        assert tensor["dtype"] == "F32" and (8 + length) % 8 == 0
        values[name] = (tensor["shape"], list(struct.unpack(f"<{(end - begin) // 4}f", numbers[begin:end])))
    return about, values


class Writers(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name)

    def run_quietly(self, *command):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), command)
        return done.stdout

    def check_files(self, name, producer):
        about, values = read_safetensors(self.path / f"{name}.safetensors")
        self.assertEqual(about, {"producer": producer, "token_ids": "1,450,13", "passes": "2,1"})
        self.assertEqual(values, {"blk.0.attn_q": ([3, 2, 2], Q), "logits": ([3, 3], LOGITS)})

        seen = self.run_quietly(*READ_TRACE, self.path / f"{name}.safetensors").splitlines()
        line = "{} F32 {} : {}".format
        self.assertEqual(sorted(seen), sorted([
            "passes = 2,1", f"producer = {producer}", "token_ids = 1,450,13",
            line("blk.0.attn_q", "3 2 2", " ".join(f"{x:g}" for x in Q)),
            line("logits", "3 3", " ".join(f"{x:g}" for x in LOGITS))]))

        few = json.loads((self.path / f"{name}.json").read_text())
        self.assertEqual(sorted(few), ["passes", "tokens", "values", "weights"])
        self.assertEqual((few["tokens"], few["passes"]), (IDS, PASSES))
        self.assertEqual([(v["name"], v["row"], v["data"]) for v in few["values"]], FEW)
        (weight,) = few["weights"]
        self.assertEqual((weight["name"], weight["row"]), ("blk.0.attn_q.weight", 3))
        tenth, low, no_number = (float(x) for x in weight["data"])
        self.assertEqual((f32(tenth), low, math.isnan(no_number)), (f32(0.1), -math.inf, True))

    def build_c(self, *compiler, source=EXAMPLES / "c" / "example.c"):
        program = self.path / "program"
        self.run_quietly(*compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", EXAMPLES / "c", source,
                         "-o", program, "-lm")
        return program

    def test_c(self):
        self.run_quietly(self.build_c("cc", "-std=c99"), self.path)
        self.check_files("c", "example.c")

    def test_c_as_cplusplus(self):
        self.run_quietly(self.build_c("c++", "-std=c++17", "-x", "c++"), self.path)
        self.check_files("c", "example.c")

    def test_c_refuses_rows_of_two_shapes(self):
        source = self.path / "wrong.c"
        source.write_text('#include "kilter_dump.h"\nint main(void) {\n  const float x[2] = {1, 2};\n'
                          '  kd_begin("never");\n  kd_pass((const int32_t*)"abcd", 1);\n  kd_meta("a", "b");\n'
                          '  kd_value("q", 0, x, 1, 2, 0);\n  kd_value("q", 0, x, 1, 1, 2);\n  kd_end();\n}\n')
        done = subprocess.run([self.build_c("cc", "-std=c99", source=source)], capture_output=True, text=True,
                              check=False, cwd=self.path)
        self.assertEqual((done.returncode, done.stderr), (1, "dump: q has rows of two shapes\n"))

    def test_python(self):
        self.run_quietly(sys.executable, "-B", EXAMPLES / "python" / "example.py", self.path)
        self.check_files("python", "example.py")

    def test_python_with_arrays(self):
        sys.path.insert(0, str(EXAMPLES / "python"))
        from kilter_dump import Dump, flatten

        class Array:  # as much of NumPy's as the writer uses
            shape = (2, 1)

            def astype(self, kind):
                self.kind = kind
                return self

            def tobytes(self):
                return struct.pack("<2f", 3, 4) if self.kind == "float32" else b""

        dump = Dump(self.path / "a.safetensors")
        dump.begin_pass([7, 8])
        dump.value("x", Array())
        dump.value("x", [[5.0]])
        dump.save()
        self.assertEqual(read_safetensors(self.path / "a.safetensors")[1], {"x": ([3, 1], [3, 4, 5])})
        with self.assertRaisesRegex(ValueError, "rows of two shapes"):
            dump.value("x", [[5.0, 6.0]])
        with self.assertRaisesRegex(ValueError, "different lengths"):
            flatten([[1], [1, 2]])

    def test_rust(self):
        if shutil.which("rustc") is None:
            self.skipTest("there is no Rust compiler here")
        self.run_quietly("rustc", "--edition", "2021", "-D", "warnings", EXAMPLES / "rust" / "example.rs", "-o",
                         self.path / "program")
        self.run_quietly(self.path / "program", self.path)
        self.check_files("rust", "example.rs")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
