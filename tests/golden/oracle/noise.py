"""How far logits move when every step of a pass is rounded to f32: the bound of the golden tests.

Rounding to nearest changes a value by at most 2^-24 of itself. A trial gives every value of the pass its own random
error of up to that size; the bound is SAFETY times the largest change over all trials, and it includes the rounding of
the expected value itself. PROMISE, what the reference backend answers for, caps it.
"""

import numpy as np

from forward_f64 import forward

UNIT_F32 = 2.0**-24
SAFETY = 4.0
PROMISE = 1e-4
COPIES = ("attn_k_cache", "attn_v_cache", "output_rows")  # are not rounded


def moved(model, ids, seed):
    """All values of one trial, by name."""
    rng = np.random.default_rng(seed)
    values = {}

    def keep(name, value):
        copy = name.endswith(COPIES)
        values[name] = value if copy else value * (1 + UNIT_F32 * rng.uniform(-1, 1, value.shape))
        return values[name]

    forward(model, ids, keep)
    return values


def exact(model, ids):
    values = {}

    def keep(name, value):
        values[name] = value
        return value

    forward(model, ids, keep)
    return values


def bounds(model, ids, trials):
    """Name -> bound on |f32 value - exact value|, and the exact values."""
    truth = exact(model, ids)
    largest = {name: np.abs(v[np.isfinite(v)]).max() * UNIT_F32 for name, v in truth.items()}
    for seed in range(trials):
        for name, value in moved(model, ids, seed).items():
            finite = np.isfinite(truth[name])
            largest[name] = max(largest[name], np.abs(value[finite] - truth[name][finite]).max())
    return {name: min(SAFETY * v, PROMISE) for name, v in largest.items()}, truth
