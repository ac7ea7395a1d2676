"""Measures how fast PyTorch trains a C4 detector, or predicts with it, on images of a folder.

python detection.py --data FOLDER [OPTION...]; prints one JSON object. `--check` compares the
detector's parts with torchvision's instead, and prints the largest differences.

The detector is that of ../detection/c4.py, and detection_rank.py is one rank of it: one thread, one
image at a time without padding, DistributedDataParallel over gloo. Images are read and resized before
the measurement, so it has no input pipeline. Standard library only, as compare.py.
"""

import argparse
import json
import os
import subprocess
import sys

from compare import PeerError, run_ranks

HERE = os.path.dirname(os.path.abspath(__file__))
TASKS = ("train", "predict")


def rank_command(arguments):
    command = [sys.executable, os.path.join(HERE, "detection_rank.py")]
    names = ("data", "set", "task", "model", "precision", "weights", "steps", "warm_up", "images")
    names += ("images_per_rank", "short_side", "long_side", "regions", "proposals")
    names += ("regions_at_once",)
    for name in names:
        value = getattr(arguments, name)
        if value is not None:
            command += ["--" + name.replace("_", "-"), str(value)]
    return command


def add_rank_options(parser):
    """What a rank needs to know."""
    parser.add_argument("--data", help="a folder in VOC's or COCO's layout")
    parser.add_argument("--set", default="train", help="such as train or val; default %(default)s")
    parser.add_argument("--task", default="train", choices=TASKS)
    parser.add_argument("--model", default="resnet50", help="a ResNet of torchvision")
    parser.add_argument("--precision", default="fp32", choices=("fp32", "bf16"))
    parser.add_argument(
        "--weights", help="safetensors of the ResNet or the detector; default random"
    )
    parser.add_argument("--steps", type=int, default=10, help="timed ones; default %(default)s")
    parser.add_argument("--warm-up", type=int, default=2, help="steps before; default %(default)s")
    parser.add_argument("--images", type=int, default=16, help="kept in memory, taken in turn")
    parser.add_argument("--images-per-rank", type=int, default=1, help="of a step")
    parser.add_argument("--short-side", type=int, default=600)
    parser.add_argument("--long-side", type=int, default=1000)
    parser.add_argument("--regions", type=int, default=512, help="trained of an image")
    parser.add_argument("--proposals", type=int, default=1000, help="of an image, in prediction")
    parser.add_argument(
        "--regions-at-once", type=int, help="in prediction; default all of an image"
    )


def parsed_arguments():
    parser = argparse.ArgumentParser(description="PyTorch's C4 detector.")
    add_rank_options(parser)
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument(
        "--allocator",
        default="none",
        help="a library to preload, such as tcmalloc's; none; or plain",
    )
    parser.add_argument("--check", action="store_true", help="compare with torchvision's parts")
    arguments = parser.parse_args()
    if not arguments.check and arguments.data is None:
        parser.error("--data FOLDER is missing")
    return arguments


def main():
    arguments = parsed_arguments()
    if arguments.check:
        script = os.path.join(HERE, "../detection/check_parts.py")
        sys.exit(subprocess.call([sys.executable, script]))
    try:
        print(json.dumps(run_ranks(arguments, rank_command(arguments))))
    except (PeerError, OSError) as error:
        sys.exit(f"detection.py: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
