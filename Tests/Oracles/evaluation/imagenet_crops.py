"""Prints what torchvision's ResNet-50 (or 18) gets right of ImageNet samples: one crop, and ten.

python imagenet_crops.py IMAGES WEIGHTS [MODEL]; needs torchvision. IMAGES is a folder or tar file with a
folder for each class; WEIGHTS a safetensors file with
torchvision's names; MODEL is resnet50 or resnet18.

The image at place i of the sorted list is of class 5 i of the 1,000. Images become the network's input as
torchvision's weights ask for it: shorter side to 256, then the centre of 224x224, or TenCrop's ten, whose
softmax scores are averaged. Computed in Float32.
"""

import io
import os
import sys
import tarfile

import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file
from torchvision.transforms import v2

CLASSES_APART = 5


def images(path):
    """RGB images by sorted name."""
    if os.path.isdir(path):
        names = sorted(os.path.join(root, name) for root, _, files in os.walk(path) for name in files)
        return [Image.open(name).convert("RGB") for name in names]
    with tarfile.open(path) as archive:
        members = sorted((member for member in archive if member.isfile()), key=lambda m: m.name)
        return [Image.open(io.BytesIO(archive.extractfile(m).read())).convert("RGB") for m in members]


def report(name, scores, labels):
    own = scores.gather(1, labels[:, None])
    places = (scores > own).sum(1)
    loss = -own.double().log().mean().item()
    print(f"{name}: {(places < 1).sum()} and {(places < 5).sum()} of {len(labels)} right, loss {loss:.5f}")


def main(path, weights, model="resnet50"):
    torch.set_num_threads(1)
    network = torchvision.models.get_model(model)
    network.load_state_dict(load_file(weights), strict=False)
    network.eval()
    samples = images(path)
    labels = torch.arange(len(samples)) * CLASSES_APART
    to_input = v2.Compose(
        [
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    resize = v2.Resize(256)
    for name, crops in [("centre", lambda image: [v2.CenterCrop(224)(image)]), ("ten crops", v2.TenCrop(224))]:
        scores = []
        with torch.no_grad():
            for image in samples:
                views = torch.stack([to_input(view) for view in crops(resize(image))])
                scores.append(network(views).softmax(1).mean(0))
        report(f"{model}, {name}", torch.stack(scores), labels)


if __name__ == "__main__":
    main(*sys.argv[1:])
