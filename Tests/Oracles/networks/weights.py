"""Weights that fixtures do not store: each is a pure function of its tensor's name and its index.

The same in Swift, bit for bit: `FixtureWeights.swift` in Tests/Support.
"""

import math

import numpy as np

MASK = (1 << 64) - 1


def uniform(name, count):
    """`count` Float32 numbers in [-1, 1).

    For the element number i: z = SplitMix64's output for the state
    fnv1a64(name) + (i+1) · 0x9E3779B97F4A7C15 (mod 2^64), u = (z >> 40) · 2^-23 - 1, which is exact.
    """
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 & MASK
    steps = np.arange(1, count + 1, dtype=np.uint64)
    z = np.uint64(state) + steps * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return ((z >> np.uint64(40)).astype(np.float64) * 2.0**-23 - 1).astype(np.float32)


def conv_weight(name, shape):
    """Uniform weights [K, C/groups, R, S] of He's variance, 2 / (R·S·K), as one Float32 product."""
    scale = np.float32(math.sqrt(6 / (shape[2] * shape[3] * shape[0])))
    return (uniform(name, math.prod(shape)) * scale).reshape(shape)


def state_tensor(name, shape):
    """Any tensor of a network's state dictionary, in Float32; nothing is trivially 0 or 1.

    Convolutions as `conv_weight`; of the others u · scale + shift: BN's scales (0.5, 1), shifts
    (0.2, 0), running means (0.3, 0) and variances (0.5, 1), the classifier's weight (1/16, 0) and
    bias (0.2, 0). Powers of two and one addition round alike everywhere; 0.2 and 0.3 are Float32s.
    """
    if len(shape) == 4:
        return conv_weight(name, shape)
    if len(shape) == 2:
        scale, shift = 1 / 16, 0
    elif name.endswith("running_var") or name.endswith(".weight"):
        scale, shift = 0.5, 1
    else:
        scale, shift = (0.3 if name.endswith("running_mean") else 0.2), 0
    values = uniform(name, math.prod(shape)) * np.float32(scale) + np.float32(shift)
    return values.reshape(shape)
