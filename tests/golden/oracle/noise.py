"""How far the values of a pass in f64 may be from the exact ones: the bound of the golden tests.

Each value is made by one op, which contract.h bounds: in f64 it is at most (n + extra_roundings) * S units of 2^-53 off.
A trial moves every value of the pass by a random part of that and watches the values behind it; the noise is SAFETY times
the largest movement over all trials, once for the engine and its oracle together. What an f32 adds that holds a value
is not in it: the test knows what it reads.

One number of the pass is f32 at the seam of the engine, the scale of attention: 1/sqrt(head_k) is exact where head_k is
a power of 4. What its rounding moves is added to the noise.
"""

import numpy as np

from forward_f64 import forward

UNIT_F64 = 2.0**-53
SAFETY = 4.0


def values_of(model, ids, rng=None):
    """All values of a pass, by name; moved by random noise where `rng` is given."""
    values = {}

    def keep(name, value, noise):
        values[name] = value if rng is None else value + UNIT_F64 * noise() * rng.uniform(-1, 1, value.shape)
        return values[name]

    forward(model, ids, keep)
    return values


def with_scale_in_f32(model, ids):
    scale = model.scale
    model.scale = float(np.float32(scale))
    values = values_of(model, ids)
    model.scale = scale
    return values


def bounds(model, ids, trials):
    """Name -> bound on |value of the pass in f64 - exact value|, and the exact values."""
    truth = values_of(model, ids)
    finite = {name: np.isfinite(v) for name, v in truth.items()}

    def movement(values):
        return {name: np.abs(v[finite[name]] - truth[name][finite[name]]).max() for name, v in values.items()}

    moved = [movement(values_of(model, ids, np.random.default_rng(seed))) for seed in range(trials)]
    by_scale = movement(with_scale_in_f32(model, ids))
    return {name: SAFETY * max(m[name] for m in moved) + by_scale[name] for name in truth}, truth
