"""Writes NetworksTests/Fixtures/label-smoothing.safetensors: PyTorch's cross-entropy, smoothed and soft.

python make_label_smoothing_fixture.py [FOLDER]; the default folder is ../../NetworksTests/Fixtures.

logits [6,10], labels [6] (I64), and for each EPSILON of 0.0, 0.1 and 0.5 what
torch.nn.CrossEntropyLoss(label_smoothing=EPSILON) makes of them in Float64, rounded to Float32:
    loss.EPSILON []           the mean over the images
    gradient.EPSILON [6,10]   d loss / d logits
probabilities [6,10], and loss.soft and gradient.soft of cross_entropy with them as targets, likewise.
"""

import os
import sys

import torch
from safetensors.torch import save_file

here = os.path.dirname(os.path.abspath(__file__))
folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "../../NetworksTests/Fixtures")
generator = torch.Generator().manual_seed(1)
logits = (3 * torch.randn((6, 10), generator=generator)).double()
labels = torch.randint(0, 10, (6,), generator=generator)
tensors = {"logits": logits.float(), "labels": labels}
for epsilon in [0.0, 0.1, 0.5]:
    leaf = logits.clone().requires_grad_()
    loss = torch.nn.CrossEntropyLoss(label_smoothing=epsilon)(leaf, labels)
    loss.backward()
    tensors |= {f"loss.{epsilon}": loss.detach().float(), f"gradient.{epsilon}": leaf.grad.float()}
probabilities = torch.softmax(torch.randn((6, 10), generator=generator), 1).float()
leaf = logits.clone().requires_grad_()
loss = torch.nn.functional.cross_entropy(leaf, probabilities.double())
loss.backward()
tensors |= {
    "probabilities": probabilities,
    "loss.soft": loss.detach().float(),
    "gradient.soft": leaf.grad.float(),
}
path = os.path.join(folder, "label-smoothing.safetensors")
save_file(tensors, path)
os.chmod(path, 0o644)
