"""Writes NetworksTests/Fixtures/evaluation-resnet8-B.safetensors: how a trained network is tested.

python make_fixtures.py [FOLDER]; the default folder is ../../NetworksTests/Fixtures.

The network is that of resnet8-B.safetensors, made again from its seed; see networks/make_fixtures.py for
names, layouts and the rounding to Float32. Everything is computed in Float64.

    dense.input [2,3,20,28]
    dense.logits [2,3,5,10]       the network applied fully convolutionally: the 3×3 map that it makes of
                                  its own 12×12 images is the window of an average pooling with stride 1,
                                  fc is a 1×1 convolution. Channels last
    dense.scores [2,10]           softmax at each position, averaged over positions
    population.input [5,6,3,12,12]
    population.NAME               running_mean and running_var as the mean and the unbiased variance of
                                  what enters each BN layer, over all 30 images, when each of the five
                                  mini-batches passes in training mode
"""

import os
import sys

import torch
from torch import nn
from torch.nn import functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../networks"))
import make_fixtures as networks  # noqa: E402


def dense_logits(network, images):
    x = networks.relu(network.bn1(network.conv1(images)))
    x = network.layer3(network.layer2(network.layer1(x)))
    x = F.avg_pool2d(x, 3, stride=1)
    return F.conv2d(x, network.fc.weight[:, :, None, None], network.fc.bias)


def population(network, batches):
    """Statistics of all values that enter each BN layer, put side by side."""
    inputs = {}
    hooks = [
        module.register_forward_pre_hook(
            lambda _, args, name=name: inputs.setdefault(name, []).append(args[0].transpose(0, 1).flatten(1)))
        for name, module in network.named_modules()
        if isinstance(module, nn.BatchNorm2d)
    ]
    network.train()
    for batch in batches:
        network(batch)
    for hook in hooks:
        hook.remove()
    result = {}
    for name, values in inputs.items():
        values = torch.cat(values, 1)
        result[f"population.{name}.running_mean"] = values.mean(1)
        result[f"population.{name}.running_var"] = values.var(1)
    return result


def main():
    torch.set_num_threads(1)
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "../../NetworksTests/Fixtures")
    network, _, _ = networks.start(8, "B", networks.robust_seed(8, "B"))
    generator = torch.Generator().manual_seed(7)
    images = networks.rounded(torch.randn((2, 3, 20, 28), generator=generator, dtype=torch.float64))
    batches = networks.rounded(torch.randn((5, 6, 3, 12, 12), generator=generator, dtype=torch.float64))
    with torch.no_grad():
        network.eval()
        logits = dense_logits(network, images)
        tensors = {
            "dense.input": images,
            "dense.logits": logits.permute(0, 2, 3, 1),
            "dense.scores": logits.softmax(1).mean((2, 3)),
            "population.input": batches,
        }
        tensors |= population(network, batches)
    networks.save(tensors, os.path.join(folder, "evaluation-resnet8-B.safetensors"))


main()
