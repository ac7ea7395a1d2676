"""Writes what timm's squeeze-and-excitation networks compute.

python make_timm_fixtures.py [FOLDER]; the default folder is ../../NetworksTests/Fixtures.

timm.json, for each network: parameters, tensors and the SHA-256 of the state dictionary's names and shapes, as
in torchvision.json.

timm.safetensors:
    logits.MODEL [2,1000] of timm.create_model(MODEL) in inference mode, computed in Float64. Its parameters and
                          running statistics are state_tensor(NAME, SHAPE) of weights.py; its images
                          are uniform("input", …) in [2,3,64,80].
"""

import hashlib
import json
import os
import sys

import timm
import torch
from safetensors.torch import save_file

from weights import state_tensor, uniform

IMAGES = (2, 3, 64, 80)
MODELS = ["seresnet18", "seresnet50", "seresnext50_32x4d"]


def state(network):
    return {n: t for n, t in network.state_dict().items() if not n.endswith("num_batches_tracked")}


def description(network):
    tensors = state(network)
    lines = "".join(f"{n} {list(t.shape)}\n" for n, t in sorted(tensors.items()))
    return {
        "parameters": sum(p.numel() for p in network.parameters()),
        "tensors": len(tensors),
        "state_sha256": hashlib.sha256(lines.encode()).hexdigest(),
    }


def logits(name, network):
    network = network.double().eval()
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
    networks = {name: timm.create_model(name) for name in MODELS}
    with open(os.path.join(folder, "timm.json"), "w") as file:
        json.dump({name: description(network) for name, network in networks.items()}, file, indent=1)
        file.write("\n")
    path = os.path.join(folder, "timm.safetensors")
    save_file({f"logits.{name}": logits(name, network) for name, network in networks.items()}, path)
    os.chmod(path, 0o644)


main()
