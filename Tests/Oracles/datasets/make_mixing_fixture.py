"""Writes mixing.safetensors of DatasetsTests: torchvision's MixUp and CutMix with given draws.

python make_mixing_fixture.py [FOLDER]; the default folder is ../../DatasetsTests/Fixtures.

    images [6, 9, 7, 3]              made-up pixels, NHWC
    labels [6]                       of 4 classes
    mixup.N.weight []                the draw of Beta(alpha, alpha)
    mixup.N.images, mixup.N.targets  what MixUp makes of the batch
    cutmix.N.weight []               the draw of Beta(alpha, alpha)
    cutmix.N.center [2]              the drawn row and column
    cutmix.N.images, cutmix.N.targets
    smoothed.N                       cutmix.N.targets as CrossEntropyLoss(label_smoothing=0.1) takes them
"""

import os
import sys

import torch
from safetensors.torch import save_file
from torchvision.transforms import v2


class Given:
    """A distribution that draws one number."""

    def __init__(self, weight):
        self.weight = weight

    def sample(self, shape):
        return torch.tensor(self.weight, dtype=torch.float64)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "../../DatasetsTests/Fixtures")
    generator = torch.Generator().manual_seed(5)
    images = torch.randn(6, 3, 9, 7, generator=generator)
    labels = torch.tensor([2, 0, 3, 3, 1, 0])
    tensors = {"images": images.permute(0, 2, 3, 1).contiguous(), "labels": labels}

    def store(name, mixed):
        tensors[f"{name}.images"] = mixed[0].permute(0, 2, 3, 1).contiguous()
        tensors[f"{name}.targets"] = mixed[1].contiguous()

    for number, weight in enumerate([0.3, 0.999, 0.0625]):
        mixup = v2.MixUp(alpha=0.2, num_classes=4)
        mixup._dist = Given(weight)
        tensors[f"mixup.{number}.weight"] = torch.tensor(weight, dtype=torch.float64)
        store(f"mixup.{number}", mixup(images, labels))
    for number, (weight, row, column) in enumerate([(0.5, 4, 3), (0.1, 0, 6), (0.99, 8, 0)]):
        cutmix = v2.CutMix(alpha=1.0, num_classes=4)
        cutmix._dist = Given(weight)
        draws = [torch.tensor([column]), torch.tensor([row])]
        randint = torch.randint
        torch.randint = lambda *arguments, **named: draws.pop(0)
        try:
            mixed = cutmix(images, labels)
        finally:
            torch.randint = randint
        name = f"cutmix.{number}"
        tensors[f"{name}.weight"] = torch.tensor(weight, dtype=torch.float64)
        tensors[f"{name}.center"] = torch.tensor([row, column])
        store(name, mixed)
        tensors[f"smoothed.{number}"] = mixed[1] * 0.9 + 0.1 / 4
    save_file(tensors, os.path.join(folder, "mixing.safetensors"))


if __name__ == "__main__":
    main()
