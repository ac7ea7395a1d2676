"""Writes lars.safetensors of OptimizersTests: LARS as its paper has it, in PyTorch's Float64.

python make_fixtures.py [FOLDER]; the default folder is ../../OptimizersTests/Fixtures.

You, Gitman and Ginsburg 2017 (arXiv 1708.03888), Algorithm 1, for each tensor w with gradient g:
    lambda = eta |w| / (|g| + beta |w|)
    v = m v + gamma lambda (g + beta w)
    w = w - v
Biases and BN's parameters take lambda = 1 (Grill et al. 2020, arXiv 2006.07733, "Optimization"), BN's
a beta of their own. Where gamma changes, the old v is multiplied by the new gamma over the old one
first: the momentum correction of Goyal et al. 2017 (arXiv 1706.02677), section 3, remark 2.

The tensors are those of a network of two convolutions, a BN and a classifier; gradients are made up.
Values are rounded to Float32 before the first step and after the last. Layouts are PyTorch's.

    rates.constant [6], rates.ramp [6]    gamma at each step
    before.NAME                           w before the first step
    gradient.NAME [6, ...]                g of each step
    constant.NAME, ramp.NAME              w after the six steps
    constant.velocity.NAME, ramp.velocity.NAME
                                          v after them over the last gamma: what the update is made of

The other numbers are COEFFICIENTS below, and in OptimizersTests/LARSTests.swift.
"""

import os
import sys

import torch
from safetensors.torch import save_file

COEFFICIENTS = {"eta": 0.125, "momentum": 0.75, "beta": 0.0625, "norm_beta": 0.25}
RATES = {
    "constant": [0.5] * 6,
    # A linear warm-up, then a drop by ten: the nearest Float32 of each.
    "ramp": [0.25, 0.5, 0.75, 1.0, 1.0, 0.1],
}
STEPS = 6
SHAPES = {
    "conv1.weight": (5, 3, 3, 3),
    "bn1.weight": (5,),
    "bn1.bias": (5,),
    "conv2.weight": (20, 5, 1, 1),
    "fc.weight": (7, 20),
    "fc.bias": (7,),
}


def rounded(tensor):
    return tensor.to(torch.float32).to(torch.float64)


def is_adapted(name):
    return name in ("conv1.weight", "conv2.weight", "fc.weight")


def train(name, weights, gradients, rates):
    """w and v after one step for each rate."""
    beta = COEFFICIENTS["norm_beta" if name.startswith("bn") else "beta"]
    w, v = weights.clone(), torch.zeros_like(weights)
    last = rates[0]
    for g, gamma in zip(gradients, rates):
        v = v * gamma / last
        local = 1.0
        if is_adapted(name):
            norm = torch.linalg.vector_norm(w)
            local = COEFFICIENTS["eta"] * norm / (torch.linalg.vector_norm(g) + beta * norm)
        v = COEFFICIENTS["momentum"] * v + gamma * local * (g + beta * w)
        w = w - v
        last = gamma
    return w, v


def main():
    torch.set_num_threads(1)
    here = os.path.dirname(os.path.abspath(__file__))
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "../../OptimizersTests/Fixtures")
    generator = torch.Generator().manual_seed(1)

    def normal(*shape):
        return rounded(torch.randn(shape, generator=generator, dtype=torch.float64))

    rates = {name: rounded(torch.tensor(values, dtype=torch.float64)) for name, values in RATES.items()}
    tensors = {f"rates.{name}": values for name, values in rates.items()}
    for name, shape in SHAPES.items():
        weights, gradients = normal(*shape), normal(STEPS, *shape)
        tensors |= {f"before.{name}": weights, f"gradient.{name}": gradients}
        for course, values in rates.items():
            w, v = train(name, weights, gradients, values)
            tensors |= {f"{course}.{name}": w, f"{course}.velocity.{name}": v / values[-1]}
    path = os.path.join(folder, "lars.safetensors")
    save_file({n: t.to(torch.float32).contiguous() for n, t in tensors.items()}, path)
    os.chmod(path, 0o644)
    print(f"lars.safetensors: {len(tensors)} tensors, {os.path.getsize(path)} bytes")


main()
