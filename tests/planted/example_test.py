#!/usr/bin/env python3
"""examples/wrong-token's engine: right without a bug, and with each bug wrong where its README says.

Usage: example_test.py ENGINE KILTER
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from dumps import Dump, distance

NOISE = 2e-5  # engine_test.py says why
FORMATS = ["f32", "f16", "q4_0", "q4_1", "q8_0", "q4_k_m", "q6_k"]
FIRST_WRONG = {"embed-column": "token_embd", "layout": "blk.0.attn_q", "silu-up": "blk.0.ffn_act",
               "no-cache": "blk.0.attn_q_rope"}


def run(*command) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


def first_change(dump: Dump, right: Dump, rows: int) -> str:
    """The first value that differs in one of the first rows."""
    for name, values in dump.values.items():
        until = len(values) // right.shapes[name][0] * rows
        if values[:until] != right.values[name][:until]:
            return name
    return ""


def check_format(engine: str, kilter: str, kind: str, folder: Path) -> list:
    model, dump = folder / "m.gguf", folder / "d.safetensors"
    run(kilter, "make-model", "--shape", "tiny", "--type", kind, "--set", "n_head_kv=1", "-o", model)
    run(engine, model, "--ids", "1,5,9,200", "--steps", "2", "--dump", dump)
    right = Dump(dump)
    run(kilter, "trace", model, "--ids", right.metadata["token_ids"], "--backend", "reference", "-o", dump)
    kilters = Dump(dump)
    if list(right.values) != list(kilters.values) or right.shapes != kilters.shapes:
        return [f"{kind}: other names or shapes than kilter's"]
    apart = max(distance(right.values[name], kilters.values[name]) for name in right.values)
    failures = [] if apart <= NOISE else [f"{kind}: {apart:.1e} from kilter's values"]

    for bug, place in FIRST_WRONG.items():
        run(engine, model, "--ids", "1,5,9,200", "--steps", "2", "--bug", bug, "--dump", dump)
        expected = "" if bug == "layout" and kind in ("f32", "f16") else place
        # A wrong prompt makes another token; after a right one the first decoded token is the same.
        found = first_change(Dump(dump), right, 5 if bug == "no-cache" else 4)
        if found != expected:
            failures.append(f"{kind}, {bug}: first wrong at '{found}', not at '{expected}'")
    return failures


def check_damaged_files(engine: str, kilter: str, folder: Path) -> list:
    """A file cut short anywhere is answered with a sentence and exit code 1."""
    model, cut = folder / "m.gguf", folder / "cut.gguf"
    run(kilter, "make-model", "--shape", "tiny", "--type", "q4_0", "-o", model)
    data = model.read_bytes()
    failures = []
    for size in [0, 3, 23, 24, 100, 1000, 5000, 9000, len(data) // 2, len(data) - 40000]:
        cut.write_bytes(data[:size])
        done = subprocess.run([engine, str(cut)], capture_output=True, text=True)
        if done.returncode != 1 or not done.stderr.startswith("engine: "):
            failures.append(f"a file of {size} bytes: exit code {done.returncode}, '{done.stderr}'")
    return failures


def main() -> None:
    engine, kilter = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as folder:
        failures = check_damaged_files(engine, kilter, Path(folder))
        for kind in FORMATS:
            failures += check_format(engine, kilter, kind, Path(folder))
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
