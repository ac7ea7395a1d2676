"""Prints what a detector of ours finds in an image, computed by PyTorch.

python check_weights.py WEIGHTS IMAGE [--model NAME] [--short-side N] [--long-side N]
[--proposals N]; the options are what `predict` had. WEIGHTS is a safetensors file with the names and
shapes of c4.py's detector, all of them and no others; classes and channels follow from it, and anchors
are the default ones. It prints COCO's results format: a JSON list of image_id (the number in the file's
name, or the name), category_id (the class from 1 on), bbox (x, y, width, height in pixels of the file)
and score, best first.
"""

import argparse
import json
import os

import torch
from safetensors.torch import load_file

import c4


def parsed_arguments():
    parser = argparse.ArgumentParser(description="Detections of our weights, by PyTorch.")
    parser.add_argument("weights")
    parser.add_argument("image")
    parser.add_argument("--model", default="resnet50", help="a ResNet of torchvision")
    parser.add_argument("--short-side", type=int, default=600)
    parser.add_argument("--long-side", type=int, default=1000)
    parser.add_argument("--proposals", type=int, default=1000)
    return parser.parse_args()


def load_detector(arguments):
    tensors = load_file(arguments.weights)
    settings = c4.Settings(
        proposal_channels=len(tensors["rpn.head.conv.weight"]),
        test_limits=(c4.Settings().test_limits[0], arguments.proposals),
    )
    classes = len(tensors["roi_heads.box_predictor.cls_score.weight"]) - 1
    detector = c4.Detector(arguments.model, classes, settings)
    detector.load(tensors)
    return detector


def image_id(path):
    stem = os.path.splitext(os.path.basename(path))[0]
    return int(stem) if stem.isdigit() else stem


def main():
    arguments = parsed_arguments()
    torch.set_num_threads(1)
    detector = load_detector(arguments)
    image, size = c4.open_image(arguments.image, arguments.short_side, arguments.long_side)
    with torch.inference_mode():
        found = detector(image)
    scale = torch.tensor([size[0] / image.shape[3], size[1] / image.shape[2]]).repeat(2)
    boxes = found.boxes * scale
    boxes[:, 2:] -= boxes[:, :2]
    results = [
        {"image_id": image_id(arguments.image), "category_id": label, "bbox": box, "score": score}
        for box, label, score in zip(boxes.tolist(), found.labels.tolist(), found.scores.tolist())
    ]
    print(json.dumps(results, indent=1))


main()
