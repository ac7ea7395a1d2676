"""Writes NetworksTests/Fixtures/binary-loss.safetensors: timm's BinaryCrossEntropy of labels and mixed targets.

python make_binary_loss_fixture.py [FOLDER]; needs torch and timm. The default folder is
../../NetworksTests/Fixtures.

logits [6,10], labels [6] (I64), targets [6,10]: as mixup leaves them, two classes an image. For each NAME
below what timm.loss.BinaryCrossEntropy makes of them in Float64, rounded to Float32:
    loss.NAME []           the mean over images and classes
    gradient.NAME [6,10]   d loss / d logits
labels, smoothed: of labels, with smoothing 0 and 0.1; thresholded: of smoothed labels, 1 above 0.2.
mixed: of the targets; mixed-thresholded: of the targets, 1 above 0.2.
"""

import os
import sys

import torch
from safetensors.torch import save_file
from timm.loss import BinaryCrossEntropy

here = os.path.dirname(os.path.abspath(__file__))
folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "../../NetworksTests/Fixtures")
generator = torch.Generator().manual_seed(5)
logits = (3 * torch.randn((6, 10), generator=generator)).double()
# One logit whose exponential overflows Float32.
logits[0, 3] = -120.0
logits[1, 4] = 95.0
labels = torch.randint(0, 10, (6,), generator=generator)
weights = torch.tensor([1.0, 0.9, 0.75, 0.5, 0.19, 0.3]).unsqueeze(1)
one_hot = torch.nn.functional.one_hot(labels, 10).float()
targets = weights * one_hot + (1 - weights) * one_hot.roll(1, 0)
tensors = {"logits": logits.float(), "labels": labels, "targets": targets}
for name, smoothing, threshold, target in [
    ("labels", 0.0, None, labels),
    ("smoothed", 0.1, None, labels),
    ("thresholded", 0.1, 0.2, labels),
    ("mixed", 0.0, None, targets.double()),
    ("mixed-thresholded", 0.0, 0.2, targets.double()),
]:
    leaf = logits.clone().requires_grad_()
    loss = BinaryCrossEntropy(smoothing=smoothing, target_threshold=threshold)(leaf, target)
    loss.backward()
    tensors[f"loss.{name}"] = loss.detach().float()
    tensors[f"gradient.{name}"] = leaf.grad.float()
path = os.path.join(folder, "binary-loss.safetensors")
save_file(tensors, path)
os.chmod(path, 0o644)
