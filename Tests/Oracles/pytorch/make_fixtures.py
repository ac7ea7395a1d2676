"""Writes the fixtures of PyTorchFilesTests: checkpoints as torch.save writes them, and hostile ones.

python make_fixtures.py [FOLDER]; the default folder is ../../PyTorchFilesTests/Fixtures.

    state.pth             state_dict() of a convolution (weight -0.5, -0.25, …) and a BN layer
    nested-KEY.pth        the same as {"epoch": 3, "lr": 0.1, "best": None, KEY: state_dict()}
    parameters.pth        {"weight": nn.Parameter 0…5 in [2, 3]}
    protocol5.pth         state.pth with pickle_protocol=5
    types.pth             TYPE: -2, -1.5, … 1.5 in each floating-point type; int64, bool
    views.pth             tensors that are windows on storages: see `views` below
    legacy-NAME.pth       NAME.pth in the format from before PyTorch 1.6
    legacy-protocol4.pth  legacy-state.pth with pickle_protocol=4
    legacy-python2.pth    as PyTorch 0.3 wrote it under Python 2, see `Python2Pickler`: state.pth, and `part`, a
                          window on a part of a storage; torch.load's answer is legacy-python2-loaded.pth
    compressed.pth        state.pth with compressed entries
    hostile-NAME.pth      what must be refused; legacy-hostile.pth in the old format
"""

import argparse
import builtins
import collections
import os
import pickle
import struct
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


class Python2Pickler(pickle._Pickler):
    """Pickles state dictionaries as Python 2 and PyTorch 0.3 did.

    Strings are bytes, an OrderedDict is a call with a list of lists, tensors are calls of `_rebuild_tensor`,
    parameters are calls of their class followed by their state (`Variable.__reduce_ex__`). A storage that is a
    part of another is written as the whole with its place in it (`view_metadata` of `torch.save`).
    """

    dispatch = dict(pickle._Pickler.dispatch)

    def __init__(self, file, parts):
        super().__init__(file, protocol=2)
        # By a tensor's id: the whole storage's tensor, its first element and their number.
        self.parts = parts
        self.storages = {}

    def save_str(self, text):
        data = text.encode()
        opcode, size = (b"U", "<B") if len(data) < 256 else (b"T", "<i")
        self.write(opcode + struct.pack(size, len(data)) + data)
        self.memoize(text)

    dispatch[str] = save_str

    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        part = self.parts.get(id(value.tensor))
        whole = part[0] if part else value.tensor
        key = str(94000000000000 + len(self.storages))
        self.storages[key] = whole.contiguous().reshape(-1)
        kind = torch.LongStorage if whole.dtype == torch.int64 else torch.FloatStorage
        view = (key + "1", part[1], part[2]) if part else None
        return ("storage", kind, key, "cpu", whole.numel(), view)

    def reducer_override(self, value):
        if isinstance(value, collections.OrderedDict):
            return collections.OrderedDict, ([list(item) for item in value.items()],)
        if isinstance(value, nn.Parameter):
            return nn.Parameter, (value.data,), (True, False, collections.OrderedDict())
        if isinstance(value, torch.Tensor):
            arguments = Storage(value), value.storage_offset(), tuple(value.size()), value.stride()
            return torch._utils._rebuild_tensor, arguments
        return NotImplemented


class Storage:
    def __init__(self, tensor):
        self.tensor = tensor


def python2(folder):
    network = Network()
    network.long = nn.Parameter(torch.zeros(1))
    state = collections.OrderedDict(network.state_dict(keep_vars=True))
    state["l" * 300] = state.pop("long")
    base = torch.arange(24, dtype=torch.float32)
    # Elements 6 to 17; of these, from the second on, every second of two rows of six.
    part = torch.as_strided(base.clone()[:12], (2, 3), (6, 2), 1)
    state["part"] = part
    path = os.path.join(folder, "legacy-python2.pth")
    with open(path, "wb") as file:
        for value in [0x1950A86A20F9469CFC6C, 1001]:
            pickle.dump(value, file, protocol=2)
        sizes = {"short": 2, "int": 4, "long": 8}
        system = {"protocol_version": 1001, "little_endian": True, "type_sizes": sizes}
        Python2Pickler(file, {}).dump(system)
        pickler = Python2Pickler(file, {id(part): (base, 6, 12)})
        pickler.dump(state)
        keys = sorted(pickler.storages)
        Python2Pickler(file, {}).dump(keys)
        for key in keys:
            file.write(struct.pack("<q", pickler.storages[key].numel()))
            file.write(pickler.storages[key].detach().numpy().tobytes())
    # PyTorch's restricted reader does not know long strings of Python 2.
    loaded = torch.load(path, weights_only=False)
    assert loaded["part"].tolist() == [[7, 9, 11], [13, 15, 17]], loaded["part"]
    plain = {name: tensor.detach().clone() for name, tensor in loaded.items()}
    torch.save(plain, os.path.join(folder, "legacy-python2-loaded.pth"))


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
    for name in ["state", "nested-state_dict", "parameters", "types", "views"]:
        value = torch.load(os.path.join(folder, f"{name}.pth"), weights_only=True)
        save(f"legacy-{name}", value, _use_new_zipfile_serialization=False)
    save("legacy-protocol4", state, _use_new_zipfile_serialization=False, pickle_protocol=4)
    save("legacy-hostile", Call(os.system, "true"), _use_new_zipfile_serialization=False)
    python2(folder)
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(
        os.path.join(folder, "compressed.pth"), "w", zipfile.ZIP_DEFLATED
    ) as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name), source.read(name), zipfile.ZIP_DEFLATED)
    hostile(folder)


main()
