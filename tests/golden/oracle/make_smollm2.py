#!/usr/bin/env python3
"""Makes smollm2.txt: what SmolLM2-135M-Instruct must answer. See ../README.md.

    make_smollm2.py SmolLM2-135M-Instruct.Q4_1.gguf ../smollm2.txt

For each prompt a line `prompt NAME BOUND ID ID ...`, and for some of its positions a line `row NAME POSITION ID:LOGIT
...` with the TOP largest logits, largest first, and then a random sample of SAMPLE others. BOUND is that of noise.py; the
logits have all digits of f64.
"""

import sys

import numpy as np

from forward_f64 import Model
from noise import bounds

SEED = 43
TRIALS = 6
TOP = 8
SAMPLE = 256
PROMPTS = {
    # <|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n
    "chat": [1, 4093, 198, 1780, 314, 260, 3575, 282, 4649, 47, 2, 198, 1, 520, 9531, 198],
    # The quick brown fox jumps over the lazy dog. Then it
    "prose": [504, 2365, 6354, 16438, 27003, 690, 260, 23790, 2767, 30, 3875, 357],
    # def fibonacci(n):\n    if n < 2:\n        return
    "code": [1604, 3987, 46477, 24, 94, 727, 472, 585, 304, 2067, 216, 34, 42, 448, 1003],
    # Les élèves étudient à l'école près de la forêt où naît le ruisseau.
    "french": [39571, 26411, 92, 11180, 1099, 216, 19380, 413, 1010, 25782, 303, 23, 2756, 83, 1747, 694, 42623, 367, 2618, 327, 22069, 100, 263, 45586, 15486, 30736, 100, 425, 7350, 26570, 603, 30],
}
# A logit that a pass with an f32 residual stream gets wrong: prompt, position, token. See ../README.md.
WATCHED = ("french", 5, 28370)


def main():
    model = Model(sys.argv[1])
    rng = np.random.default_rng(SEED)
    with open(sys.argv[2], "w") as out:
        for name, ids in PROMPTS.items():
            limits, truth = bounds(model, ids, TRIALS)
            print(name, "bound", limits["logits"])
            out.write(f"prompt {name} {limits['logits']:.3e} {' '.join(map(str, ids))}\n")
            positions = {0, len(ids) // 2, len(ids) - 1}
            if name == WATCHED[0]:
                positions.add(WATCHED[1])
            for position in sorted(positions):
                row = truth["logits"][position]
                top = np.argsort(-row)[:TOP]
                chosen = [*top, *rng.choice(len(row), SAMPLE, replace=False)]
                if (name, position) == WATCHED[:2]:
                    chosen.append(WATCHED[2])
                pairs = " ".join(f"{i}:{row[i]:.17g}" for i in chosen)
                out.write(f"row {name} {position} {pairs}\n")


main()
