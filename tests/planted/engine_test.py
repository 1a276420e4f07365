#!/usr/bin/env python3
"""Without a bug the planted engine is right: its logits are those of tests/golden, which an independent
program in numpy made, and its values are those that `kilter trace --backend reference` writes.

Usage: engine_test.py ENGINE KILTER GOLDEN_FOLDER
"""

import array
import subprocess
import sys
import tempfile
from pathlib import Path

from dumps import Dump, distance

# f32 rounds to 6e-8; sums of some 100 products in each of some 30 ops in a row, and scores that exp()
# turns into factors, leave about 1e-5 of it. Every bug is 1e-3 away and more.
NOISE = 2e-5
NOT_FOR_THIS_ENGINE = {"quantised", "rope_yarn", "qwen2_yarn"}  # IQ formats, YaRN
SHAPES = {
    "tiny": "f32 f16 bf16 q4_0 q4_1 q5_0 q5_1 q8_0 q2_k q3_k_s q4_k_s q5_k_s q6_k q4_k_m".split(),
    "tiny-tied": ["q8_0"], "tiny-odd": ["q4_0"], "tiny-linear": ["f16"], "tiny-llama3": ["q5_k_m"],
    "tiny-qwen2": ["q4_k_m"], "tiny-qwen3": ["q6_k"],
}


def run(*command) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")


def check(what: str, apart: float, failures: list) -> None:
    print(f"{what:32} {apart:.2e}")
    if not apart <= NOISE:
        failures.append(what)


def check_golden(engine, golden: Path, folder: Path, failures: list) -> None:
    for line in (golden / "cases.txt").read_text().splitlines():
        name, _, *ids = line.split()
        if name in NOT_FOR_THIS_ENGINE:
            continue
        dump = folder / "golden.safetensors"
        # The first half as a prompt, the others one by one: the cache must not change the answer.
        half = max(1, len(ids) - 8)
        run(engine, golden / f"{name}.gguf", "--ids", ",".join(ids[:half]), "--decode", ",".join(ids[half:]),
            "--dump", dump, "--dump-kind", "logits")
        expected = array.array("f", (golden / f"{name}.logits").read_bytes())
        check(f"golden {name}", distance(Dump(dump).values["logits"], expected), failures)


def check_values(engine, kilter, folder: Path, failures: list) -> None:
    model, ours, theirs = folder / "m.gguf", folder / "ours.safetensors", folder / "kilter.safetensors"
    for shape, types in SHAPES.items():
        for kind in types:
            run(kilter, "make-model", "--shape", shape, "--type", kind, "-o", model)
            run(engine, model, "--ids", "1,5,9,200,17", "--decode", "33,7", "--dump", ours)
            run(kilter, "trace", model, "--ids", "1,5,9,200,17,33,7", "--backend", "reference", "-o", theirs)
            a, b = Dump(ours), Dump(theirs)
            if list(a.values) != list(b.values) or a.shapes != b.shapes:
                failures.append(f"{shape} {kind}: other names or shapes than kilter's")
                continue
            check(f"{shape} {kind}", max(distance(a.values[n], b.values[n]) for n in b.values), failures)


def main() -> None:
    engine, kilter, golden = sys.argv[1:4]
    failures: list = []
    with tempfile.TemporaryDirectory() as folder:
        check_golden(engine, Path(golden), Path(folder), failures)
        check_values(engine, kilter, Path(folder), failures)
    if failures:
        sys.exit("the engine is not right: " + ", ".join(failures))


if __name__ == "__main__":
    main()
