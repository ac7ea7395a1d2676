"""The networks of the peer benchmark: He et al. 2015 for CIFAR-10, torchvision's for ImageNet.

network(NAME) makes a network of models.py: CIFAR's 6n+2 layers have shortcut A; the bottlenecks of
ImageNet's are "v1.5", with the stride in the 3×3 convolution. Its number of parameters is checked
against the published one.
"""

from torch import nn
from torch.nn import functional as F

from models import MODELS


def convolution(inputs, outputs, kernel, stride=1, groups=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)


def projection(inputs, outputs, stride):
    """Option B: a 1×1 convolution with BN where the shape changes; the identity (None) elsewhere."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))


class ZeroPaddedShortcut(nn.Module):
    """Option A: every stride-th row and column, zeros appended after the channels."""

    def __init__(self, channels, stride):
        super().__init__()
        self.channels, self.stride = channels, stride

    def forward(self, x):
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.channels - x.shape[1]))


class Block(nn.Module):
    """Two 3×3 convolutions beside a shortcut; ReLU works in place, as in torchvision."""

    def __init__(self, inputs, outputs, stride, downsample):
        super().__init__()
        self.conv1 = convolution(inputs, outputs, 3, stride)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = convolution(outputs, outputs, 3)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        y += x if self.downsample is None else self.downsample(x)
        return self.relu(y)


class Bottleneck(nn.Module):
    """1×1, 3×3 (grouped in ResNeXt) and 1×1 convolutions; the last has 4 times the channels."""

    expansion = 4

    def __init__(self, inputs, channels, stride, groups, group_width):
        super().__init__()
        width = channels * group_width // 64 * groups
        outputs = channels * self.expansion
        self.conv1 = convolution(inputs, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = convolution(width, width, 3, stride, groups)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = convolution(width, outputs, 1)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = projection(inputs, outputs, stride)

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += x if self.downsample is None else self.downsample(x)
        return self.relu(y)


class CIFARNet(nn.Module):
    """6n+2 layers: 3×3 convolution, 3 stages of n blocks with 16, 32 and 64 channels, pooling, fc."""

    def __init__(self, description):
        super().__init__()
        self.conv1 = convolution(3, 16, 3)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = self.stage(16, 16, description.depth // 6, 1)
        self.layer2 = self.stage(16, 32, description.depth // 6, 2)
        self.layer3 = self.stage(32, 64, description.depth // 6, 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, description.classes)

    @staticmethod
    def stage(inputs, outputs, count, stride):
        shortcut = ZeroPaddedShortcut(outputs, stride) if stride != 1 else None
        first = Block(inputs, outputs, stride, shortcut)
        return nn.Sequential(first, *(Block(outputs, outputs, 1, None) for _ in range(count - 1)))

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(self.avgpool(x).flatten(1))


class ImageNetNet(nn.Module):
    """7×7 convolution, max pooling, 4 stages of blocks, average pooling, fc."""

    def __init__(self, description):
        super().__init__()
        self.conv1 = convolution(3, 64, 7, 2)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = 64
        for number, count in enumerate(description.blocks, start=1):
            blocks = []
            for i in range(count):
                stride = 2 if number > 1 and i == 0 else 1
                blocks.append(self.block(description, inputs, 32 << number, stride))
                inputs = (32 << number) * (Bottleneck.expansion if description.bottleneck else 1)
            setattr(self, f"layer{number}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs, description.classes)

    @staticmethod
    def block(description, inputs, channels, stride):
        if description.bottleneck:
            return Bottleneck(
                inputs, channels, stride, description.groups, description.group_width
            )
        return Block(inputs, channels, stride, projection(inputs, channels, stride))

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def initialize(model):
    """He initialization, fan-out; BN starts as the identity."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def network(name):
    """The initialized network; its number of parameters is checked."""
    description = MODELS[name]
    model = (CIFARNet if description.is_cifar else ImageNetNet)(description)
    count = sum(value.numel() for value in model.parameters())
    assert count == description.parameters, f"{name} has {count} parameters"
    initialize(model)
    return model
