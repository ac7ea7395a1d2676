"""Writes predictions.json beside the images of make_protocols.py: what PyTorch says of each of them.

python make_predictions.py [FOLDER]; the default folder is ../../CommandLineTests/Fixtures/evaluation.

    {"images/class-0/0.png": {"probabilities": [5], "features": [64]}, …}

and "responses": {"bn1": std, …}: the standard deviation of each BN's output that follows a 3×3 convolution,
over all these images,

by torchvision's Resize and CenterCrop and the network in Float64; features are what its last layer reads.
"""

import glob
import json
import os
import sys

import torch
from PIL import Image
from safetensors.torch import load_file

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import make_protocols as protocols  # noqa: E402
from torchvision import transforms  # noqa: E402


def main():
    default = os.path.join(HERE, "../../CommandLineTests/Fixtures/evaluation")
    folder = sys.argv[1] if len(sys.argv) > 1 else default
    network = protocols.make_network()
    tensors = load_file(os.path.join(folder, "weights.safetensors"))
    network.load_state_dict({name: tensor.double() for name, tensor in tensors.items()}, strict=False)
    features, outputs = [], {}
    for name, module in network.named_modules():
        if name == "bn1" or name.endswith((".bn1", ".bn2")):
            module.register_forward_hook(
                lambda module, inputs, output, name=name: outputs.setdefault(name, []).append(output)
            )
    network.fc.register_forward_pre_hook(lambda module, inputs: features.append(inputs[0][0]))
    prepare = transforms.Compose(
        [
            transforms.Resize(protocols.SHORTER_SIDE),
            transforms.CenterCrop(protocols.CROP),
            transforms.ToTensor(),
            transforms.Normalize(protocols.MEAN, protocols.STD),
        ]
    )
    found = {}
    for path in sorted(glob.glob(os.path.join(folder, "images/*/*.png"))):
        with torch.no_grad():
            logits = network(prepare(Image.open(path).convert("RGB")).double().unsqueeze(0))
        found[os.path.relpath(path, folder)] = {
            "probabilities": [round(value, 9) for value in logits.softmax(1)[0].tolist()],
            "features": [round(value, 6) for value in features[-1].flatten().tolist()],
        }
    found["responses"] = {
        name: round(torch.cat(values).std(unbiased=False).item(), 9) for name, values in outputs.items()
    }
    with open(os.path.join(folder, "predictions.json"), "w") as file:
        json.dump(found, file, indent=1, sort_keys=True)
        file.write("\n")


if __name__ == "__main__":
    main()
