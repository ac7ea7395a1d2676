"""Writes average.safetensors of OptimizersTests: PyTorch's exponential moving average of weights.

python make_average.py [FOLDER]; the default folder is ../../OptimizersTests/Fixtures.

torchvision's ExponentialMovingAverage is torch.optim.swa_utils.AveragedModel with this function.

    weights [12, 16]    the weights after each of twelve steps
    averages [4, 16]    the average after steps 3, 6, 9 and 12, decay 0.9; the first is a copy
"""

import os
import sys

import torch
from safetensors.torch import save_file
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "../../OptimizersTests/Fixtures")
    weights = torch.randn(12, 16, generator=torch.Generator().manual_seed(9))
    model = torch.nn.Linear(16, 1, bias=False)
    average = AveragedModel(model, avg_fn=get_ema_avg_fn(0.9))
    averages = []
    for step in range(12):
        with torch.no_grad():
            model.weight.copy_(weights[step].unsqueeze(0))
        if (step + 1) % 3 == 0:
            average.update_parameters(model)
            averages.append(average.module.weight.detach().clone()[0])
    save_file(
        {"weights": weights, "averages": torch.stack(averages)},
        os.path.join(folder, "average.safetensors"),
    )


if __name__ == "__main__":
    main()
