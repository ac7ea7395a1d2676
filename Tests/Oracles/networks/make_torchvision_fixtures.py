"""Writes what torchvision's own networks say of themselves and compute.

python make_torchvision_fixtures.py [FOLDER]; the default folder is ../../NetworksTests/Fixtures.

torchvision.json, for every ResNet and ResNeXt of torchvision:
    tensors               tensors in the state dictionary, num_batches_tracked left out
    state_sha256          SHA-256 over a line "NAME [SIZE, SIZE, …]\\n" for each, sorted by name
    parameters, gigaops   torchvision's published numbers (num_params, _ops: 10^9 multiply-adds at
                          224x224, three decimals)

torchvision.safetensors, for resnet18, resnet50 and resnext50_32x4d with 1000 classes:
    logits.MODEL [2,1000] of models.MODEL() in inference mode, computed in Float64. Its parameters and
                          running statistics are state_tensor(NAME, SHAPE) of weights.py; its images
                          are uniform("input", …) in [2,3,64,80].
"""

import hashlib
import json
import os
import sys

import torch
from safetensors.torch import save_file
from torchvision import models

from weights import state_tensor, uniform

IMAGES = (2, 3, 64, 80)
MODELS = [
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
    "resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d",
]
COMPUTED = ["resnet18", "resnet50", "resnext50_32x4d"]


def state(network):
    return {n: t for n, t in network.state_dict().items() if not n.endswith("num_batches_tracked")}


def description(name):
    with torch.device("meta"):
        tensors = state(models.get_model(name))
    lines = "".join(f"{n} {list(t.shape)}\n" for n, t in sorted(tensors.items()))
    published = next(iter(models.get_model_weights(name))).meta
    return {
        "tensors": len(tensors),
        "state_sha256": hashlib.sha256(lines.encode()).hexdigest(),
        "parameters": published["num_params"],
        "gigaops": published["_ops"],
    }


def logits(name):
    network = models.get_model(name).double().eval()
    tensors = {n: torch.from_numpy(state_tensor(n, tuple(t.shape))) for n, t in state(network).items()}
    network.load_state_dict(tensors, strict=False)
    count = torch.Size(IMAGES).numel()
    images = torch.from_numpy(uniform("input", count)).reshape(IMAGES).double()
    with torch.no_grad():
        result = network(images)
    print(f"{name}: logits from {result.min():.4g} to {result.max():.4g}, deviation {result.std():.4g}")
    return result.float()


def main():
    torch.set_num_threads(1)
    here = os.path.dirname(os.path.abspath(__file__))
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "../../NetworksTests/Fixtures")
    with open(os.path.join(folder, "torchvision.json"), "w") as file:
        json.dump({name: description(name) for name in MODELS}, file, indent=1)
        file.write("\n")
    path = os.path.join(folder, "torchvision.safetensors")
    save_file({f"logits.{name}": logits(name) for name in COMPUTED}, path)
    os.chmod(path, 0o644)


main()
