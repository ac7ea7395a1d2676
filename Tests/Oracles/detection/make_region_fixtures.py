"""Writes what torchvision's roi_align, roi_pool, nms and box_iou make of random boxes.

python make_region_fixtures.py [FOLDER]; the default folder is ../../KernelsTests/Fixtures.

regions.safetensors:
    features [9,12,20]        a map of 9×12 positions and 20 channels, NHWC
    regions [14,4]            x1, y1, x2, y2 in pixels, at 1/16 of which is a position; some leave the map
    align.S.A [14,5,5,20]     roi_align with S samples (0: as many as fit) and aligned A
    pool [14,4,3,20]          roi_pool
    gradient.align.S.A, gradient.pool [9,12,20]
                              of the sum of the result times cos(its place in memory)
    boxes [300,4], scores [300]
                              boxes with many overlaps; every tenth score is that of the one before
    order [300]               places by score, of equal ones the first first
    kept.T                    places of the sorted boxes that nms keeps at overlap T / 10
"""

import os
import sys

import torch
from safetensors.torch import save_file
from torchvision.ops import nms, roi_align, roi_pool

HERE = os.path.dirname(os.path.abspath(__file__))


def nhwc(tensor):
    return tensor.permute(0, 2, 3, 1).contiguous()


def result_and_gradient(features, function):
    features = features.clone().requires_grad_()
    result = nhwc(function(features))
    weights = torch.cos(torch.arange(result.numel(), dtype=features.dtype)).reshape(result.shape)
    (result * weights).sum().backward()
    return result.detach().float(), nhwc(features.grad)[0].float()


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "../../KernelsTests/Fixtures")
    generator = torch.Generator().manual_seed(1)
    features = torch.randn((1, 20, 9, 12), generator=generator, dtype=torch.float64)
    corners = torch.rand((14, 2, 2), generator=generator, dtype=torch.float64) * torch.tensor([220.0, 170.0]) - 15
    regions = torch.cat([corners.min(1).values, corners.max(1).values], 1)
    regions[0] = torch.tensor([0, 0, 192, 144])
    regions[1] = torch.tensor([40, 40, 40.5, 41])
    regions = regions.float().double()
    tensors = {"features": nhwc(features)[0].float(), "regions": regions.float()}
    features = features.float().double()
    for samples in (0, 2):
        for aligned in (False, True):
            name = f"align.{samples}.{int(aligned)}"
            tensors[name], tensors[f"gradient.{name}"] = result_and_gradient(
                features,
                lambda x: roi_align(x, [regions], 5, 1 / 16, samples or -1, aligned=aligned),
            )
    tensors["pool"], tensors["gradient.pool"] = result_and_gradient(
        features, lambda x: roi_pool(x, [regions], (4, 3), 1 / 16)
    )
    centres = torch.rand((300, 2), generator=generator) * 200
    sizes = torch.rand((300, 2), generator=generator) * 80 + 5
    boxes = torch.cat([centres - sizes / 2, centres + sizes / 2], 1)
    scores = torch.randn(300, generator=generator)
    scores[10::10] = scores[9:-1:10]
    order = torch.sort(-scores, stable=True).indices
    tensors |= {"boxes": boxes, "scores": scores, "order": order}
    falling = torch.arange(300, 0, -1).float()
    for tenth in (3, 5, 7):
        tensors[f"kept.{tenth}"] = nms(boxes[order], falling, tenth / 10)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, os.path.join(folder, "regions.safetensors"))


main()
