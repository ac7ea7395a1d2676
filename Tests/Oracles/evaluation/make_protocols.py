"""Writes CommandLineTests/Fixtures/evaluation: a network, images, and what each way of testing finds.

python make_protocols.py [FOLDER]; the default folder is ../../CommandLineTests/Fixtures/evaluation.

    images/CLASS/NAME.png     ten images of different sizes in five classes
    weights.safetensors       ResNet-8 with shortcut B, five classes, F16; formula-made, not trained
    expected.json             for each protocol the images whose class comes first and among the first five
                              and the mean of -log of the averaged score; by torchvision's Resize, CenterCrop
                              and TenCrop, and PyTorch in Float64

Images are normalized with MEAN and STD. Crops are 32×32 of images whose shorter side is 40. Dense is the
fully convolutional form, for which the 8×8 map of the network's own 32×32 images is pooled with stride 1,
at shorter sides 36 and 47, on each image and its mirror image. Softmax scores are averaged over positions,
then over views.
"""

import json
import os
import sys

import numpy
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from torchvision import transforms

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../networks"))
import make_fixtures as networks  # noqa: E402

CLASSES = 5
MEAN, STD = (0.5, 0.45, 0.4), (0.25, 0.2, 0.3)
SHORTER_SIDE, CROP = 40, 32
SCALES = (36, 47)
SIZES = [(41, 57), (64, 48), (41, 57), (50, 50), (40, 40), (57, 41), (90, 44), (41, 57), (35, 61), (48, 64)]


def make_network():
    network = networks.CIFARNet(8, "B").double()
    network.fc = nn.Linear(64, CLASSES).double()
    generator = torch.Generator().manual_seed(3)
    networks.initialize(network, generator)
    with torch.no_grad():
        # Decided scores, so that averaging them is not averaging logits.
        network.fc.weight *= 4
        for tensor in list(network.parameters()) + [b for b in network.buffers() if b.dim() == 1]:
            tensor.copy_(tensor.half().double())
    return network.eval()


def make_images(folder):
    generator = numpy.random.default_rng(11)
    paths = []
    for index, (height, width) in enumerate(SIZES):
        coarse = generator.integers(0, 256, (7, 9, 3), dtype=numpy.uint8)
        image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        name = os.path.join(folder, "images", f"class-{index % CLASSES}")
        os.makedirs(name, exist_ok=True)
        paths.append((os.path.join(name, f"{index}.png"), index % CLASSES))
        image.save(paths[-1][0], optimize=True)
    return paths


normalize = transforms.Compose([transforms.PILToTensor(), lambda t: t.double() / 255, transforms.Normalize(MEAN, STD)])


def dense(network, x):
    x = networks.relu(network.bn1(network.conv1(x)))
    x = network.layer3(network.layer2(network.layer1(x)))
    x = F.avg_pool2d(x, CROP // 4, stride=1)
    return F.conv2d(x, network.fc.weight[:, :, None, None], network.fc.bias)


def views(image, protocol):
    """Each view's logits' input, as tensors of one image."""
    resized = transforms.Resize(SHORTER_SIDE)(image)
    if protocol == "center":
        return [normalize(transforms.CenterCrop(CROP)(resized))]
    if protocol == "ten-crops":
        return [normalize(crop) for crop in transforms.TenCrop(CROP)(resized)]
    sized = [transforms.Resize(scale)(image) for scale in SCALES]
    return [normalize(view) for s in sized for view in (s, transforms.functional.hflip(s))]


def evaluate(network, paths, protocol):
    top1 = top5 = 0
    losses, logit_losses = [], []
    for path, label in paths:
        logits = [dense(network, view[None]) for view in views(Image.open(path).convert("RGB"), protocol)]
        scores = torch.stack([one.softmax(1).mean((2, 3))[0] for one in logits]).mean(0)
        averaged = torch.stack([one.mean((2, 3))[0] for one in logits]).mean(0)
        others = torch.cat([scores[:label], scores[label + 1 :]])
        assert (others - scores[label]).abs().min() > 1e-4, "a place that rounding could change"
        place = int((others > scores[label]).sum())
        top1 += place < 1
        top5 += place < 5
        losses.append(-scores[label].log().item())
        logit_losses.append(-averaged.log_softmax(0)[label].item())
    loss = sum(losses) / len(losses)
    if protocol != "center":
        assert abs(sum(logit_losses) / len(losses) - loss) > 1e-2, "averaging logits would not be noticed"
    return {"top1": top1, "top5": top5, "loss": loss}


def main():
    torch.set_num_threads(1)
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "../../CommandLineTests/Fixtures/evaluation")
    os.makedirs(folder, exist_ok=True)
    network, paths = make_network(), make_images(folder)
    state = {n: t.half().contiguous() for n, t in network.state_dict().items() if t.dim() > 0}
    save_file(state, os.path.join(folder, "weights.safetensors"))
    os.chmod(os.path.join(folder, "weights.safetensors"), 0o644)
    with torch.no_grad():
        expected = {p: evaluate(network, paths, p) for p in ("center", "ten-crops", "dense")}
    with open(os.path.join(folder, "expected.json"), "w") as file:
        json.dump(expected, file, indent=2)
        file.write("\n")
    print(json.dumps(expected, indent=2))


if __name__ == "__main__":
    main()
