"""Measures the input pipeline side by side with torchvision's loader on the same files.

python compare_loaders.py FOLDER [--size 224] [--rounds 3] [--seconds 10] [--command resnet-dist]

FOLDER holds <class>/<image>.jpg. Both sides read, decode, take a RandomResizedCrop, mirror half of the
images and normalize, in one worker; they take turns, `rounds` times, and the medians are told. torchvision's
side is what its reference recipe does: a DataLoader over an ImageFolder with one worker process, PIL images,
batches of 64.
"""

import argparse
import json
import os
import statistics
import subprocess
import time

import torch
import torchvision
from torchvision import transforms


def torchvision_rate(folder, size, seconds):
    transform = transforms.Compose(
        [
            transforms.RandomResizedCrop(size),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    images = torchvision.datasets.ImageFolder(folder, transform)
    # Enough passes over a small folder that the worker never starts anew while it is timed.
    images = torch.utils.data.ConcatDataset([images] * max(1, 100_000 // len(images)))
    loader = torch.utils.data.DataLoader(images, batch_size=64, shuffle=True, num_workers=1)
    batches = iter(loader)
    next(batches)
    start, count = time.monotonic(), 0
    while time.monotonic() - start < seconds:
        count += len(next(batches)[0])
    return count / (time.monotonic() - start)


def own_rate(command, folder, size, seconds):
    output = subprocess.run(
        command.split()
        + ["bench", "--data", "--dataset", "image-folder", "--data-dir", folder, "--workers", "1"]
        + ["--image-size", str(size), "-b", "64", "--seconds", str(seconds), "--json"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return json.loads(output)["images_per_second"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--command", default="resnet-dist")
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = os.path.abspath(options.folder)
    rates = {"torchvision": [], "resnet-dist": []}
    for _ in range(options.rounds):
        rates["torchvision"].append(torchvision_rate(folder, options.size, options.seconds))
        rates["resnet-dist"].append(own_rate(options.command, folder, options.size, options.seconds))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, values in rates.items():
        print(f"{name:12}  {medians[name]:6.1f} images/s  ({', '.join(f'{v:.1f}' for v in values)})")
    print(f"{'ratio':12}  {medians['resnet-dist'] / medians['torchvision']:6.2f}")
