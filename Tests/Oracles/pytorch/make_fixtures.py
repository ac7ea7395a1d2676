"""Writes the fixtures of PyTorchFilesTests: checkpoints as torch.save writes them, and hostile ones.

python make_fixtures.py [FOLDER]; the default folder is ../../PyTorchFilesTests/Fixtures.

    state.pth             state_dict() of a convolution (weight -0.5, -0.25, …) and a BN layer
    nested-KEY.pth        the same as {"epoch": 3, "lr": 0.1, "best": None, KEY: state_dict()}
    parameters.pth        {"weight": nn.Parameter 0…5 in [2, 3]}
    protocol5.pth         state.pth with pickle_protocol=5
    types.pth             TYPE: -2, -1.5, … 1.5 in each floating-point type; int64, bool
    views.pth             tensors that are windows on storages: see `views` below
    legacy.pth            state.pth in the format from before PyTorch 1.6
    compressed.pth        state.pth with compressed entries
    hostile-NAME.pth      what must be refused
"""

import argparse
import builtins
import os
import sys
import zipfile

import torch
from torch import nn


class Call:
    """Pickled as a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 2, 2, bias=False)
        self.bn1 = nn.BatchNorm2d(2)
        with torch.no_grad():
            self.conv1.weight.copy_((torch.arange(8) / 4 - 0.5).reshape(2, 1, 2, 2))


def views():
    base = torch.arange(24, dtype=torch.float32)
    return {
        "whole": base,
        "permuted": base.reshape(2, 3, 4).permute(2, 0, 1),
        "sliced": base.reshape(4, 6)[1:4:2, 1::2],
        "channels_last": base.reshape(1, 2, 3, 4).to(memory_format=torch.channels_last),
        "scalar": base[7],
        "empty": base[:0].reshape(0, 5),
    }


def hostile(folder):
    def save(name, value):
        torch.save(value, os.path.join(folder, f"hostile-{name}.pth"))

    state = Network().state_dict()
    save("system", Call(os.system, "touch /tmp/resnet-dist-was-here"))
    save("eval", {"weight": Call(builtins.eval, "1")})
    save("nested", {"state_dict": dict(state, weight=Call(getattr, Call(__import__, "os"), "system"))})
    save("module", Network())
    save("namespace", {"model": state, "args": argparse.Namespace(lr=0.1)})
    save("tensor", torch.zeros(2))
    save("names", {"model_ema": state, "epoch": 3})


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "../../PyTorchFilesTests/Fixtures")
    os.makedirs(folder, exist_ok=True)
    state = Network().state_dict()

    def save(name, value, **options):
        path = os.path.join(folder, f"{name}.pth")
        torch.save(value, path, **options)
        return path

    path = save("state", state)
    for key in ["state_dict", "model", "model_state_dict"]:
        save(f"nested-{key}", {"epoch": 3, "lr": 0.1, "best": None, key: state})
    save("parameters", {"weight": nn.Parameter(torch.arange(6.0).reshape(2, 3))})
    save("protocol5", state, pickle_protocol=5)
    values = torch.arange(8) / 2 - 2
    types = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
    typed = {str(t).removeprefix("torch."): values.to(t) for t in types}
    save("types", typed | {"int64": torch.tensor(-5), "bool": torch.tensor([True])})
    save("views", views())
    save("legacy", state, _use_new_zipfile_serialization=False)
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(
        os.path.join(folder, "compressed.pth"), "w", zipfile.ZIP_DEFLATED
    ) as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name), source.read(name), zipfile.ZIP_DEFLATED)
    hostile(folder)


main()
