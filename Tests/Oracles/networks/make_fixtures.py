"""Writes the fixtures of NetworksTests: the CIFAR networks of He et al. 2015 §4.2 in PyTorch.

python make_fixtures.py [FOLDER]; the default folder is ../../NetworksTests/Fixtures.

Weights and inputs are rounded to Float32, everything is computed in Float64 and rounded to Float32
when stored, so the fixture's own error is half a unit in the last place. Layouts are PyTorch's:
images NCHW, convolutions OIHW, fc.weight [classes, channels].

NETWORK.safetensors, for resnet8-A, resnet8-B, resnet8-C, plain8, resnet20-A and plain20:
    input [6,3,12,12], labels [6] (I64)
    parameter.NAME        BN gamma (.weight) and beta (.bias), fc.weight and fc.bias; the weights of
                          convolutions are conv_weight(NAME, SHAPE) of weights.py, to keep the files small
    buffer_before.NAME    running_mean and running_var before the training forward
    logits_train [6,10]   training mode: BN normalizes by the batch's statistics
    loss []               mean cross-entropy of logits_train
    gradient.NAME         d loss / d parameter.NAME, of every parameter; its shape is the parameter's
    buffer_after.NAME     running statistics after it (momentum 0.1, unbiased variance)
    logits_eval [6,10]    inference mode with the buffer_before statistics

A ReLU whose input is nearly 0 makes gradients depend on rounding: a flipped mask changes them by a
thousandth. So each network's seed is the first for which no ReLU input of the training pass lies
within RELU_MARGIN of 0; small images keep that possible.

sgd-resnet8-A.safetensors, 5 steps of torch.optim.SGD (lr 0.1, momentum 0.9, weight decay 1e-4 on
every parameter) on the weights of resnet8-A:
    input [5,6,3,32,32], labels [5,6], loss [5] (before each step), parameter.NAME, buffer.NAME
    (after the last step); the start is that of resnet8-A.safetensors: its parameters and
    buffer_before.*
sgd-nesterov-resnet8-A.safetensors, the same with nesterov=True and lr 0.001 (at 0.01 a ReLU whose input is
    nearly 0 decides the later steps): loss [5], parameter.NAME and buffer.NAME; start, input and labels
    are those above

Names are torchvision's: conv1, bn1, layerL.i.conv1, .bn1, .conv2, .bn2, projections
layerL.i.downsample.0 (1×1, no bias) and .1 (BN), fc.
"""

import math
import os
import sys

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from weights import conv_weight

IMAGES = 6
IMAGE_SIDE = 12
CLASSES = 10
RELU_MARGIN = 4e-5
SEEDS = 5000

smallest_relu_input = math.inf


def relu(x):
    """F.relu that keeps track of the inputs' smallest magnitude."""
    global smallest_relu_input
    smallest_relu_input = min(smallest_relu_input, x.detach().abs().min().item())
    return F.relu(x)


class ZeroPaddedShortcut(nn.Module):
    """Option A: every stride-th row and column, zeros appended after the channels."""

    def __init__(self, channels, stride):
        super().__init__()
        self.channels, self.stride = channels, stride

    def forward(self, x):
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.channels - x.shape[1]))


class Block(nn.Module):
    """Two 3×3 convolutions; shortcut is "A", "B", "C" or None for a plain network."""

    def __init__(self, inputs, outputs, stride, shortcut):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.residual = shortcut is not None
        changes = stride != 1 or inputs != outputs
        self.downsample = None
        if shortcut == "C" or (shortcut == "B" and changes):
            projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(outputs))
        elif shortcut == "A" and changes:
            self.downsample = ZeroPaddedShortcut(outputs, stride)

    def forward(self, x):
        y = relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.residual:
            y = y + (self.downsample(x) if self.downsample else x)
        return relu(y)


class CIFARNet(nn.Module):
    """6n+2 layers: 3×3 convolution, 3 stages of n blocks with 16, 32 and 64 channels, pooling, fc."""

    def __init__(self, depth, shortcut):
        super().__init__()
        assert depth % 6 == 2
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        inputs = 16
        for stage, channels in enumerate([16, 32, 64], start=1):
            blocks = []
            for i in range(depth // 6):
                stride = 2 if stage > 1 and i == 0 else 1
                blocks.append(Block(inputs, channels, stride, shortcut))
                inputs = channels
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        self.fc = nn.Linear(64, CLASSES)

    def forward(self, x):
        x = relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


def rounded(tensor):
    return tensor.to(torch.float32).to(torch.float64)


def initialize(network, generator):
    """Nothing is trivially 0 or 1: random gamma, beta, fc.bias and running statistics."""

    def normal(shape, mean, deviation):
        return mean + deviation * torch.randn(shape, generator=generator, dtype=torch.float64)

    with torch.no_grad():
        for name, value in network.named_parameters():
            if value.dim() == 4:
                new = torch.from_numpy(conv_weight(name, value.shape))
            elif name == "fc.weight":
                new = normal(value.shape, 0, math.sqrt(1 / value.shape[1]))
            elif name.endswith("weight"):
                new = 0.5 + torch.rand(value.shape, generator=generator, dtype=torch.float64)
            else:
                new = normal(value.shape, 0, 0.2)
            value.copy_(rounded(new))
        for name, value in network.named_buffers():
            if name.endswith("running_mean"):
                value.copy_(rounded(normal(value.shape, 0, 0.3)))
            elif name.endswith("running_var"):
                value.copy_(rounded(0.5 + torch.rand(value.shape, generator=generator, dtype=torch.float64)))


def batch(generator, side, count=IMAGES):
    images = rounded(torch.randn((count, 3, side, side), generator=generator, dtype=torch.float64))
    return images, torch.randint(0, CLASSES, (count,), generator=generator)


def statistics(network):
    """The running statistics, copied; num_batches_tracked is not one."""
    return {n: b.detach().clone() for n, b in network.named_buffers() if b.dim() == 1}


def save(tensors, path):
    stored = {n: t.to(torch.float32 if t.is_floating_point() else t.dtype).contiguous().clone() for n, t in tensors.items()}
    save_file(stored, path)
    os.chmod(path, 0o644)
    print(f"{os.path.basename(path)}: {len(stored)} tensors, {os.path.getsize(path)} bytes")


def start(depth, shortcut, seed):
    """A network, images and labels, made from the seed alone."""
    generator = torch.Generator().manual_seed(seed)
    network = CIFARNet(depth, shortcut).double()
    initialize(network, generator)
    return network, *batch(generator, IMAGE_SIDE)


def robust_seed(depth, shortcut):
    """The first seed whose training pass keeps every ReLU's input away from 0."""
    global smallest_relu_input
    for seed in range(1, SEEDS):
        network, images, _ = start(depth, shortcut, seed)
        network.train()
        smallest_relu_input = math.inf
        with torch.no_grad():
            network(images)
        if smallest_relu_input >= RELU_MARGIN:
            return seed
    raise SystemExit(f"no seed below {SEEDS} keeps ReLU inputs {RELU_MARGIN} away from 0")


def network_fixture(name, depth, shortcut, folder):
    """Writes one network's fixture and returns its seed."""
    seed = robust_seed(depth, shortcut)
    margin = smallest_relu_input
    network, images, labels = start(depth, shortcut, seed)
    before = statistics(network)
    tensors = {"input": images, "labels": labels}
    network.eval()
    with torch.no_grad():
        tensors["logits_eval"] = network(images)
    network.train()
    logits = network(images)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    tensors |= {"logits_train": logits.detach(), "loss": loss.detach()}
    for parameter, value in network.named_parameters():
        if value.dim() != 4:
            tensors[f"parameter.{parameter}"] = value.detach()
        tensors[f"gradient.{parameter}"] = value.grad
    tensors |= {f"buffer_before.{n}": b for n, b in before.items()}
    tensors |= {f"buffer_after.{n}": b for n, b in statistics(network).items()}
    save(tensors, os.path.join(folder, f"{name}.safetensors"))
    print(f"  seed {seed}, no ReLU input below {margin:.3g}")
    print(f"  loss {loss.item():.6f}, largest gradient {max(p.grad.abs().max().item() for p in network.parameters()):.4g}")
    return seed


def sgd_fixture(seed, folder, nesterov):
    """Five steps from the network of resnet8-A, whose seed this is."""
    network, _, _ = start(8, "A", seed)
    generator = torch.Generator().manual_seed(101)
    optimizer = torch.optim.SGD(
        network.parameters(), lr=0.001 if nesterov else 0.1, momentum=0.9, weight_decay=1e-4, nesterov=nesterov)
    network.train()
    batches = [batch(generator, 32) for _ in range(5)]
    losses = []
    for images, labels in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(network(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    tensors = {"loss": torch.stack(losses)}
    if not nesterov:
        tensors["input"] = torch.stack([images for images, _ in batches])
        tensors["labels"] = torch.stack([labels for _, labels in batches])
    tensors |= {f"parameter.{n}": p.detach() for n, p in network.named_parameters()}
    tensors |= {f"buffer.{n}": b for n, b in statistics(network).items()}
    name = "sgd-nesterov" if nesterov else "sgd"
    save(tensors, os.path.join(folder, f"{name}-resnet8-A.safetensors"))
    print("  losses", " ".join(f"{loss.item():.6f}" for loss in losses))


def main():
    torch.set_num_threads(1)
    here = os.path.dirname(os.path.abspath(__file__))
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "../../NetworksTests/Fixtures")
    os.makedirs(folder, exist_ok=True)
    networks = [
        ("resnet8-A", 8, "A"),
        ("resnet8-B", 8, "B"),
        ("resnet8-C", 8, "C"),
        ("plain8", 8, None),
        ("resnet20-A", 20, "A"),
        ("plain20", 20, None),
    ]
    seeds = {name: network_fixture(name, depth, shortcut, folder) for name, depth, shortcut in networks}
    for nesterov in (False, True):
        sgd_fixture(seeds["resnet8-A"], folder, nesterov)


if __name__ == "__main__":
    main()
