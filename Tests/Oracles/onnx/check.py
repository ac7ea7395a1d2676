"""Checks the models that `resnet-dist export --onnx` writes: valid, and with PyTorch's logits.

python check.py [EXECUTABLE]; the default is ../../../.build/release/resnet-dist.

Exports networks with the weights of the fixtures in NetworksTests, whose logits PyTorch and torchvision
computed (and which the Swift tests compare the project's own logits with), and runs them in ONNX
Runtime on mini-batches of several sizes. resnet50 with the stride in its 1x1 convolutions is
torchvision's with the strides moved. Prints the largest difference in terms of the largest logit, and
fails above 1e-4. Needs torch, torchvision, onnx, onnxruntime, numpy and safetensors.
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
import torch
from safetensors.numpy import load_file, save_file
from torchvision import models

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, "../../NetworksTests/Fixtures")
sys.path.insert(0, os.path.join(HERE, "../networks"))
from weights import state_tensor, uniform  # noqa: E402

LIMIT = 1e-4
executable = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "../../../.build/release/resnet-dist")


def export(flags, tensors, folder):
    """The ONNX file of a network with these tensors."""
    weights, model = os.path.join(folder, "weights.safetensors"), os.path.join(folder, "model.onnx")
    save_file({name: np.ascontiguousarray(values) for name, values in tensors.items()}, weights)
    subprocess.run([executable, "export", weights, *flags, "--onnx", model], check=True, stdout=subprocess.DEVNULL)
    return model


def compare(name, flags, tensors, images, expected, sizes):
    with tempfile.TemporaryDirectory() as folder:
        path = export(flags, tensors, folder)
        onnx.checker.check_model(path, full_check=True)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    model = session.get_inputs()[0]
    assert (model.name, model.shape[:2]) == ("input", ["batch", 3]), (model.name, model.shape)
    assert session.get_outputs()[0].name == "logits"
    errors = []
    for size in sizes:
        chosen = [index % len(images) for index in range(size)]
        logits = session.run(["logits"], {"input": images[chosen]})[0]
        errors.append(np.abs(logits - expected[chosen]).max() / np.abs(expected).max())
    listed = ", ".join(f"{error:.1e} at batch {size}" for size, error in zip(sizes, errors))
    print(f"{name:32} {listed}")
    assert max(errors) <= LIMIT


def cifar(name, flags):
    fixture = load_file(os.path.join(FIXTURES, f"{name}.safetensors"))
    description = subprocess.run([executable, "inspect", *flags, "--json"], check=True, capture_output=True)
    layers = json.loads(description.stdout)["layers"]
    tensors = {}
    for key, values in fixture.items():
        kind, _, tensor = key.partition(".")
        if kind in ("parameter", "buffer_before"):
            tensors[tensor] = values
        elif kind == "gradient" and values.ndim == 4:
            tensors[tensor] = state_tensor(tensor, values.shape)
    assert sum(v.size for n, v in tensors.items() if "running" not in n) == sum(l["parameters"] for l in layers)
    compare(name, flags, tensors, fixture["input"], fixture["logits_eval"], [1, 3, 6])


def torchvision(name, flags, change=None):
    network = models.get_model(flags[1])
    tensors = {
        n: state_tensor(n, tuple(t.shape))
        for n, t in network.state_dict().items() if not n.endswith("num_batches_tracked")
    }
    shape = (2, 3, 64, 80)
    images = uniform("input", int(np.prod(shape))).reshape(shape)
    if change:
        change(network)
        network.load_state_dict({n: torch.from_numpy(t) for n, t in tensors.items()}, strict=False)
        with torch.no_grad():
            expected = network.double().eval()(torch.from_numpy(images).double()).numpy()
    else:
        expected = load_file(os.path.join(FIXTURES, "torchvision.safetensors"))[f"logits.{name}"]
    compare(name, flags, tensors, images, expected, [1, 3])


def stride_in_first(network):
    for stage in (network.layer2, network.layer3, network.layer4):
        stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)


torch.set_num_threads(1)
for shortcut in "ABC":
    cifar(f"resnet8-{shortcut}", ["--model", "resnet8", "--shortcut", shortcut])
cifar("plain8", ["--model", "plain8"])
cifar("resnet20-A", ["--model", "resnet20"])
for name in ["resnet18", "resnet50", "resnext50_32x4d"]:
    torchvision(name, ["--model", name])
torchvision("resnet50 --stride-placement 1x1", ["--model", "resnet50", "--stride-placement", "1x1"], stride_in_first)
