"""One rank of detection.py, which starts it; rank 0 prints one JSON object.

What makes PyTorch fast on CPUs is on, as in ddp.py. BN, which is fixed, is folded into the convolutions
that are not trained, in prediction all of them, and is one scale and shift elsewhere. A step's images go
through the network one after the other, and gradients are added up over ranks with the last one's.
"""

import argparse
import contextlib
import glob
import json
import math
import os
import sys
import time
import xml.etree.ElementTree as ElementTree

import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch.nn.parallel import DistributedDataParallel

from ddp import all_elapsed, peak_memory, pin_to_core, sgd
from detection import add_rank_options

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../detection"))
import c4  # noqa: E402


def read_voc(folder, name):
    """Of a VOC set: each image's path and rows (box, class, is a crowd) of its objects; all classes."""
    with open(os.path.join(folder, "ImageSets/Main", f"{name}.txt")) as lines:
        stems = [line.split()[0] for line in lines if line.strip()]
    entries = []
    for stem in stems:
        root = ElementTree.parse(os.path.join(folder, "Annotations", f"{stem}.xml")).getroot()
        objects = []
        for entry in root.iter("object"):
            corners = ("xmin", "ymin", "xmax", "ymax")
            box = [float(entry.find("bndbox").findtext(corner)) for corner in corners]
            objects.append(([box[0] - 1, box[1] - 1, *box[2:]], entry.findtext("name"), False))
        entries.append((os.path.join(folder, "JPEGImages", f"{stem}.jpg"), objects))
    return entries, sorted({name for _, objects in entries for _, name, _ in objects})


def read_coco(folder, name):
    """The same of a COCO set; classes are category ids."""
    paths = sorted(glob.glob(os.path.join(folder, "annotations", f"instances_{name}*.json")))
    if not paths:
        raise FileNotFoundError(
            f"{folder} has neither ImageSets nor annotations/instances_{name}*.json"
        )
    with open(paths[0]) as file:
        document = json.load(file)
    stem = os.path.splitext(os.path.basename(paths[0]))[0]
    images = os.path.join(folder, stem.removeprefix("instances_"))
    objects = {image["id"]: [] for image in document["images"]}
    for entry in document["annotations"]:
        x, y, width, height = entry["bbox"]
        box = [x, y, x + width, y + height]
        objects[entry["image_id"]].append((box, entry["category_id"], bool(entry["iscrowd"])))
    entries = [
        (os.path.join(images, image["file_name"]), objects[image["id"]])
        for image in document["images"]
    ]
    return entries, sorted(category["id"] for category in document["categories"])


def read_images(arguments):
    """The first images of the set, resized, with their objects, and the number of classes."""
    is_voc = os.path.isdir(os.path.join(arguments.data, "ImageSets"))
    entries, names = (read_voc if is_voc else read_coco)(arguments.data, arguments.set)
    samples = []
    for path, objects in entries[: arguments.images]:
        image, size = c4.open_image(path, arguments.short_side, arguments.long_side)
        scale = torch.tensor([image.shape[3] / size[0], image.shape[2] / size[1]]).repeat(2)
        boxes = torch.tensor([box for box, _, _ in objects]).reshape(-1, 4) * scale
        labels = torch.tensor([names.index(name) + 1 for _, name, _ in objects]).long()
        crowd = torch.tensor([is_crowd for _, _, is_crowd in objects]).bool()
        has_sides = (boxes[:, 2:] > boxes[:, :2]).all(1)
        objects = c4.Objects(boxes[has_sides], labels[has_sides], crowd[has_sides])
        samples.append((image.contiguous(memory_format=torch.channels_last), objects))
    return samples, len(names)


def make_detector(arguments, classes):
    """The detector with given weights, or random ones that keep the sizes of activations."""
    settings = c4.Settings(
        regions_sampled=arguments.regions,
        test_limits=(c4.Settings().test_limits[0], arguments.proposals),
        regions_at_once=arguments.regions_at_once,
    )
    torch.manual_seed(1)
    tensors = load_file(arguments.weights) if arguments.weights else {}
    score = tensors.get("roi_heads.box_predictor.cls_score.weight")
    detector = c4.Detector(arguments.model, classes if score is None else len(score) - 1, settings)
    if tensors:
        own = {name: tensor for name, tensor in tensors.items() if not name.startswith("fc.")}
        detector.load(own, strict=score is not None)
    else:
        for name, parameter in detector.named_parameters():
            if name.endswith(("bn2.weight", "bn3.weight")):
                parameter.data.fill_(0.25)
    if arguments.task == "predict":
        detector.requires_grad_(False)
    c4.simplify_batch_norms(detector)
    return detector.to(memory_format=torch.channels_last)


class Trainer:
    """Takes a step of SGD with every call."""

    def __init__(self, detector, precision):
        self.model = DistributedDataParallel(detector, gradient_as_bucket_view=True)
        self.precision = precision
        trained = [p for p in detector.parameters() if p.requires_grad]
        self.optimizer, _ = sgd(trained, lr=0.001)
        self.result = None

    def __call__(self, samples):
        self.optimizer.zero_grad(set_to_none=False)
        total = torch.zeros(4)
        for number, (image, objects) in enumerate(samples, 1):
            is_last = number == len(samples)
            with contextlib.nullcontext() if is_last else self.model.no_sync():
                with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bf16"):
                    losses = self.model(image, objects, len(samples))
                losses.sum().backward()
            total += losses.detach()
        self.optimizer.step()
        self.result = {"losses": total.tolist()}


class Predictor:
    """Finds the objects of a step's images with every call."""

    def __init__(self, detector, precision):
        self.detector, self.precision = detector, precision
        self.result = None

    def __call__(self, samples):
        found = 0
        with torch.inference_mode():
            with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bf16"):
                for image, _ in samples:
                    found += len(self.detector(image).boxes)
        self.result = {"detections": found}


def run(arguments, rank, ranks):
    """The benchmark of one rank; returns the result to print, with the memory of all ranks."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    dist.init_process_group(
        "gloo", init_method=f"file://{arguments.meeting_file}", rank=rank, world_size=ranks
    )
    dist.barrier()
    pin_to_core(rank, ranks)
    connected = peak_memory()
    samples, classes = read_images(arguments)
    detector = make_detector(arguments, classes)
    share = arguments.images_per_rank
    work = (Trainer if arguments.task == "train" else Predictor)(detector, arguments.precision)

    def step(number):
        first = (number * ranks + rank) * share
        work([samples[(first + place) % len(samples)] for place in range(share)])

    for number in range(arguments.warm_up):
        step(number)
    dist.barrier()
    start = time.perf_counter()
    for number in range(arguments.steps):
        step(arguments.warm_up + number)
    seconds = all_elapsed(start)
    if not all(map(math.isfinite, work.result.get("losses", ()))):
        raise FloatingPointError("the losses are not finite")
    memory = [None] * ranks
    dist.all_gather_object(memory, (connected, peak_memory()))
    return {
        "task": arguments.task,
        "model": arguments.model,
        "precision": arguments.precision,
        "ranks": ranks,
        "threads": torch.get_num_threads(),
        "images_per_rank": share,
        "short_side": arguments.short_side,
        "long_side": arguments.long_side,
        "classes": classes,
        "steps": arguments.steps,
        "seconds": seconds,
        "images_per_second": ranks * share * arguments.steps / seconds,
        "connected_rss_bytes": [values[0] for values in memory],
        "peak_rss_bytes": [values[1] for values in memory],
        "last_step": work.result,
        "torch": torch.__version__,
    }


def main():
    parser = argparse.ArgumentParser(description="One rank of detection.py.")
    add_rank_options(parser)
    parser.add_argument("--meeting-file", required=True, help="where the ranks find each other")
    arguments = parser.parse_args()
    rank, ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    result = run(arguments, rank, ranks)
    if rank == 0:
        print(json.dumps(result), flush=True)
    dist.barrier()
    os._exit(0)  # as in ddp.py


main()
