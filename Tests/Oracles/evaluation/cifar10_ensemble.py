"""Prints what ResNet-20 and ResNet-32 get right together: their softmax scores averaged.

python cifar10_ensemble.py DATA, where DATA holds cifar10-jpeg.tar.gz, resnet20-cifar10.safetensors and
resnet32-cifar10.safetensors. Computed in Float64; PretrainedWeightsTests has the numbers.
"""

import io
import os
import sys
import tarfile

import numpy
import torch
from PIL import Image
from safetensors.torch import load_file
from torch.nn import functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../networks"))
import make_fixtures as networks  # noqa: E402


def test_images(path):
    """[N, 3, 32, 32] pixels/255 and labels by the class folders' alphabetical order."""
    pixels, names = [], []
    with tarfile.open(path) as archive:
        for member in archive:
            parts = member.name.split("/")
            if member.isfile() and "test" in parts:
                image = Image.open(io.BytesIO(archive.extractfile(member).read())).convert("RGB")
                pixels.append(numpy.asarray(image))
                names.append(parts[parts.index("test") + 1])
    classes = sorted(set(names))
    images = torch.from_numpy(numpy.stack(pixels)).permute(0, 3, 1, 2).double() / 255
    return images, torch.tensor([classes.index(name) for name in names])


def scores(depth, path, images):
    network = networks.CIFARNet(depth, "A").double().eval()
    network.load_state_dict({n: t.double() for n, t in load_file(path).items()}, strict=False)
    with torch.no_grad():
        return torch.cat([network(part).softmax(1) for part in images.split(100)])


def report(name, scores, labels):
    own = scores.gather(1, labels[:, None])
    places = (scores > own).sum(1)
    loss = -own.log().mean().item()
    print(f"{name}: {(places < 1).sum()} and {(places < 5).sum()} of {len(labels)} right, loss {loss:.6f}")


def main():
    torch.set_num_threads(1)
    folder = sys.argv[1]
    images, labels = test_images(os.path.join(folder, "cifar10-jpeg.tar.gz"))
    mean = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64)[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225], dtype=torch.float64)[:, None, None]
    images = (images - mean) / std
    both = [
        scores(depth, os.path.join(folder, f"resnet{depth}-cifar10.safetensors"), images)
        for depth in (20, 32)
    ]
    report("resnet20", both[0], labels)
    report("resnet32", both[1], labels)
    report("resnet20+resnet32", (both[0] + both[1]) / 2, labels)


main()
