"""Writes lamb.safetensors of OptimizersTests: timm's `Lamb` over a small network's tensors, in Float64.

python make_lamb.py [FILE]; needs torch, timm and safetensors. The default file is
../../OptimizersTests/Fixtures/lamb.safetensors.

The groups are those of timm's `create_optimizer`: weight decay and with it the layer-wise adaptation for
tensors of two dimensions and more, neither for biases and BN's parameters. Betas, epsilon and the longest
gradient (1.0, over all tensors together) are timm's defaults. Some of the made-up gradients are longer
than that, some shorter. Values are rounded to Float32 before the first step and after the last.

    rates [6]                     the learning rate of each step
    before.NAME                   w before the first step
    gradient.NAME [6, ...]        g of each step
    NAME                          w after the six steps
    state.NAME.exp_avg, state.NAME.exp_avg_sq
                                  the moments after them
"""

import os
import sys

import torch
from safetensors.torch import save_file
from timm.optim import Lamb

from make_fixtures import SHAPES

RATES = [0.125, 0.25, 0.5, 0.5, 0.25, 0.0625]
WEIGHT_DECAY = 0.0625
# Over the length of normal gradients: longer and shorter than allowed.
SCALES = [1.0, 0.01, 0.001, 2.0, 0.02, 0.5]


def main(path):
    generator = torch.Generator().manual_seed(11)
    single = {}
    tensors = {}
    for name, shape in SHAPES.items():
        # One scale is 0, as zero-initialized ones are: its norm adapts nothing.
        values = torch.randn(shape, generator=generator)
        if name == "bn1.weight":
            values.zero_()
        single[f"before.{name}"] = values
        scales = torch.tensor(SCALES).reshape([-1] + [1] * len(shape))
        single[f"gradient.{name}"] = scales * torch.randn((len(RATES), *shape), generator=generator)
        tensors[name] = torch.nn.Parameter(values.to(torch.float64))
    decayed = [tensor for tensor in tensors.values() if tensor.ndim > 1]
    others = [tensor for tensor in tensors.values() if tensor.ndim <= 1]
    optimizer = Lamb(
        [{"params": others, "weight_decay": 0.0}, {"params": decayed, "weight_decay": WEIGHT_DECAY}],
        lr=RATES[0],
    )
    for step, rate in enumerate(RATES):
        for group in optimizer.param_groups:
            group["lr"] = rate
        for name, tensor in tensors.items():
            tensor.grad = single[f"gradient.{name}"][step].to(torch.float64)
        optimizer.step()
    single["rates"] = torch.tensor(RATES)
    for name, tensor in tensors.items():
        single[name] = tensor.detach().to(torch.float32).contiguous()
        for moment in ("exp_avg", "exp_avg_sq"):
            single[f"state.{name}.{moment}"] = optimizer.state[tensor][moment].to(torch.float32)
    save_file(single, path)


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    default = os.path.join(here, "../../OptimizersTests/Fixtures/lamb.safetensors")
    main(sys.argv[1] if len(sys.argv) > 1 else default)
