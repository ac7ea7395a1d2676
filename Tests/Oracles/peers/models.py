"""The models of the peer benchmark; python models.py NAME,NAME,... complains of the unknown ones."""

import dataclasses
import sys


@dataclasses.dataclass(frozen=True)
class Description:
    """What a name stands for: a CIFAR network has a depth, an ImageNet network blocks in its stages."""

    parameters: int
    blocks: tuple = ()
    bottleneck: bool = False
    groups: int = 1
    group_width: int = 64
    depth: int = 0

    @property
    def is_cifar(self):
        return self.depth > 0

    @property
    def image_side(self):
        return 32 if self.is_cifar else 224

    @property
    def classes(self):
        return 10 if self.is_cifar else 1000

    @property
    def default_batch_size(self):
        """Images of a step, all ranks together."""
        return 128 if self.is_cifar else 32


MODELS = {
    "resnet20": Description(269_722, depth=20),
    "resnet32": Description(464_154, depth=32),
    "resnet44": Description(658_586, depth=44),
    "resnet56": Description(853_018, depth=56),
    "resnet110": Description(1_727_962, depth=110),
    "resnet18": Description(11_689_512, (2, 2, 2, 2)),
    "resnet34": Description(21_797_672, (3, 4, 6, 3)),
    "resnet50": Description(25_557_032, (3, 4, 6, 3), bottleneck=True),
    "resnet101": Description(44_549_160, (3, 4, 23, 3), bottleneck=True),
    "resnet152": Description(60_192_808, (3, 8, 36, 3), bottleneck=True),
    "resnext50_32x4d": Description(25_028_904, (3, 4, 6, 3), True, groups=32, group_width=4),
    "resnext101_32x4d": Description(44_177_704, (3, 4, 23, 3), True, groups=32, group_width=4),
}


def listed_models(text):
    """The models of a list with commas; ValueError with a sentence for an unknown one."""
    names = text.split(",")
    for name in names:
        if name not in MODELS:
            raise ValueError(f"unknown model '{name}'; there are {', '.join(MODELS)}")
    return names


if __name__ == "__main__":
    try:
        listed_models(sys.argv[1])
    except ValueError as error:
        sys.exit(f"launch/bench-peers: {error}")
