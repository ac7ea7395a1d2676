"""Writes what a small C4 detector computes in Float64: losses, gradients, proposals, detections.

python make_detector_fixture.py [FOLDER]; the default folder is ../../DetectionTests/Fixtures.

The detector is `Detector` of c4.py: resnet18 (v1.5, torchvision's), 3 classes, anchors of sizes 16, 32
and 64 and ratios 0.5, 1 and 2 (9 at a position), 32 channels in the proposal network, the 200 best
anchors before suppression and 40 proposals after it both in training and in tests, 256 anchors and 512
regions sampled of an image, which are more than there are, so that no draw matters. All else is the
default. The mini-batch has two images of different sizes; its losses are the sums of the images' parts.

Parameters and running statistics are not stored. Each is state_tensor(NAME, SHAPE) of weights.py, in
which the 1×1 convolutions rpn.head.cls_logits.weight and rpn.head.bbox_pred.weight have the shapes
[9, 32] and [36, 32]; tensors (weights and biases) with `cls_score` or `bbox_pred` in their names are a
quarter of that, which is exact. BN has PyTorch's eps, 1e-5.

detector.safetensors; image I is 0 or 1, boxes are x1, y1, x2, y2 in pixels of the image:
    image.I [1,H,W,3]     F16, normalized values, exact as Float32: NHWC, 96×80 (H×W) and 80×112
    objects.I [3,6]       F32: box, label (from 1 on), 1 for a crowd and 0 otherwise
    anchors.matches.I [A] I64, of each anchor (270 and 315: by row, column, ratio, size): the index of its
                          object, -1 background, -2 neither; all that are not -2 are sampled
    proposals.I [P,4]     F32: boxes after suppression, best first; the same in training and in tests
    regions.I [S,9]       F32: the sampled regions, the foreground first, each part in the order of the
                          proposals, which the objects that are no crowd follow: box, class (0 is the
                          background), the object's offset from the box with weights 10, 10, 5, 5 (0 for
                          the background)
    losses [4]            F64, of the mini-batch: objectness and box of the anchors, each divided by
                          256·2, classification and box of the regions, each divided by 512·2
    image_losses [2,4]    F64: the images' parts of them, with the same divisors
    gradient.NAME [11]    F64, of the sum of the four losses by each trained parameter: its L2 norm, its
                          sum, its dot product with uniform(NAME, n) of weights.py, and the elements
                          floor(k·(n-1)/7), k = 0…7, of its n in PyTorch's order (a convolution's
                          [K,C,R,S], row-major)
    gradient_values.NAME  F32: the whole gradient, where it has at most 2048 elements; [n]
    test.scores [P,4]     F32, of the proposals of image 0 in test mode: class scores before softmax
    test.offsets [P,16]   F32: their class-specific offsets [4,4]
    detections [D,6]      F32, of image 0: box, label, score, best first
    pyramid.scores, pyramid.offsets
                          F32: as test.scores and test.offsets, by maxout over image 0 in three sizes: as it
                          is, and with each pixel repeated 2×2 and 4×4 times
    context.NAME          as NAME, with features of the whole image beside those of each region: for
                          image_losses, gradient.*, test.scores and test.offsets
    base_anchors [15,4]   F32: the anchors around 0 of the default sizes (32 to 512) by ratio, then size
    anchors [450,4]       F32: all of them on a map of 6×5 positions

The images are the first that keep every choice away from its threshold: overlaps and scores by MARGIN,
and neighbours in an order of scores by ORDER_MARGIN. A tie of two anchors for the best overlap with an
object is exact and made of whole numbers. As a check the script computes everything in Float32 too,
which makes the same choices, and prints how far its losses and gradients are off: that is what a test
in Float32 can ask for.
"""

import dataclasses
import os
import sys

import torch
from safetensors.torch import save_file
from torch.nn import functional as F
from torchvision.ops import box_iou

import c4

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../networks"))
from weights import state_tensor, uniform  # noqa: E402

SETTINGS = c4.Settings(
    sizes=(16, 32, 64), proposal_channels=32, training_limits=(200, 40), test_limits=(200, 40)
)
CLASSES = 3
SIZES = [(96, 80), (80, 112)]
# Box, label, crowd. The first one has two best anchors, both with the overlap 0.6; the fourth has one
# above 0.7.
OBJECTS = [
    [
        [8, 16, 40, 48, 1, 0],
        [20.25, 47.5, 78.5, 90.25, 3, 0],
        [40.5, 2.25, 80, 31.75, 2, 1],
    ],
    [
        [18.5, 5.25, 78.75, 62.5, 2, 0],
        [58.25, 31.5, 110.5, 78.25, 1, 0],
        [55.5, 1.25, 112, 38.25, 3, 1],
    ],
]
MARGIN = 1e-4
ORDER_MARGIN = 1e-5
SEEDS = 2000
ELEMENTS = 8
STORED_WHOLE = 2048


class Unsafe(Exception):
    """A choice is too close to its threshold; the message says which."""


def require(condition, what):
    if not condition:
        raise Unsafe(what)


def load_weights(detector):
    """Gives the detector the weights that the docstring describes."""
    tensors = {}
    for name, tensor in detector.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        is_projection = name in ("rpn.head.cls_logits.weight", "rpn.head.bbox_pred.weight")
        values = state_tensor(name, tuple(tensor.shape[:2] if is_projection else tensor.shape))
        if "cls_score" in name or "bbox_pred" in name:
            values = values / 4
        tensors[name] = torch.from_numpy(values)
    detector.load(tensors)


def make_image(height, width, generator):
    """Smooth colours and noise, [1, 3, H, W], rounded to halves."""
    coarse = torch.randn((1, 3, height // 16, width // 16), generator=generator)
    smooth = F.interpolate(coarse, size=(height, width), mode="bicubic")
    noise = torch.randn((1, 3, height, width), generator=generator)
    return (smooth + 0.3 * noise).half()


def make_objects(rows):
    rows = torch.tensor(rows)
    return c4.Objects(rows[:, :4], rows[:, 4].long(), rows[:, 5] == 1)


def away(values, threshold, what):
    """Requires all values to be at least MARGIN away from a threshold."""
    require(not len(values) or (values - threshold).abs().min() >= MARGIN, what)


def check_order(scores, what):
    """Requires the scores to be apart."""
    gaps = -scores.sort(descending=True).values.diff()
    require(gaps.min() >= ORDER_MARGIN, f"order of {what}")


def check_matching(boxes, objects, thresholds, keeps_best, what):
    """Requires overlaps with objects, and shares in crowds, to decide clearly."""
    overlaps = box_iou(objects.boxes[~objects.crowd], boxes)
    best = overlaps.topk(2, 0).values
    for threshold in thresholds:
        away(best[0], threshold, f"overlap of {what} with an object")
    if keeps_best:
        below = overlaps.max(1, keepdim=True).values - overlaps
        require(((below == 0) | (below >= MARGIN)).all(), f"best {what} of an object")
    contested = best[0] >= min(thresholds)
    away((best[0] - best[1])[contested], 0, f"object of {what}")
    away(c4.crowd_shares(boxes, objects.boxes[objects.crowd]), c4.CROWD_SHARE, f"{what} in a crowd")


def check_suppression(boxes, scores, least_side, threshold, what):
    """Requires the choice of boxes by their sides and by non-maximum suppression to be clear."""
    sides = (boxes[:, 2:] - boxes[:, :2]).min(1).values
    away(sides, least_side, f"sides of {what}")
    boxes, scores = boxes[sides >= least_side], scores[sides >= least_side]
    order = scores.argsort(descending=True)
    overlaps = box_iou(boxes[order], boxes[order])
    kept = []
    for index in range(len(order)):
        highest = overlaps[index, kept].max() if kept else torch.zeros(())
        away(highest[None], threshold, f"suppression of {what}")
        if highest <= threshold:
            kept.append(index)


def check_training(detector, image, objects):
    """Requires every choice that training makes of an image to be clear."""
    size = image.shape[2:]
    features = detector.features(image)
    anchors = detector.anchors(features)
    objects = objects.to(anchors.dtype)
    check_matching(anchors, objects, c4.ANCHOR_THRESHOLDS, True, "anchors")
    logits, codes = detector.rpn.head(features)
    check_order(logits, "anchors")
    boxes = c4.clip_boxes_to_image(c4.decode(codes, anchors, c4.ANCHOR_WEIGHTS), size)
    check_suppression(boxes, logits, c4.PROPOSAL_SIDE, c4.PROPOSAL_OVERLAP, "proposals")
    proposals = c4.propose(logits, codes, anchors, size, SETTINGS.training_limits)
    candidates = torch.cat([proposals, objects.boxes[~objects.crowd]])
    check_matching(candidates, objects, c4.REGION_THRESHOLDS, False, "regions")


def check_test(detector, image):
    """Requires every choice of detections in an image, whose proposals are clear, to be clear."""
    size = image.shape[2:]
    features = detector.features(image)
    anchors = detector.anchors(features)
    regions = c4.propose(*detector.rpn.head(features), anchors, size, SETTINGS.test_limits)
    scores, codes = detector.region_outputs(features, regions, size)
    boxes = c4.decode(codes.reshape(-1, CLASSES + 1, 4), regions[:, None], c4.REGION_WEIGHTS)
    boxes = c4.clip_boxes_to_image(boxes, size)
    scores = scores.softmax(1)
    away(scores.flatten(), c4.LEAST_SCORE, "score of a detection")
    check_order(scores[:, 1:][scores[:, 1:] > c4.LEAST_SCORE], "detections")
    side, overlap = c4.DETECTION_SIDE, c4.DETECTION_OVERLAP
    for label in range(1, CLASSES + 1):
        kept = scores[:, label] > c4.LEAST_SCORE
        check_suppression(boxes[kept, label], scores[kept, label], side, overlap, "detections")


def clear_images(detector):
    """The images of the first seed that makes all choices clear."""
    for seed in range(SEEDS):
        generator = torch.Generator().manual_seed(seed)
        images = [make_image(*size, generator) for size in SIZES]
        try:
            for image, rows in zip(images, OBJECTS):
                check_training(detector, image.double(), make_objects(rows))
            check_test(detector, images[0].double())
        except Unsafe:
            continue
        print(f"images of seed {seed}")
        return images
    raise SystemExit(f"no seed below {SEEDS} keeps all choices away from their thresholds")


def region_rows(regions, matches, objects):
    """Boxes, classes and offsets as the docstring says, [S, 9]."""
    labels = torch.where(matches >= 0, objects.labels[matches.clamp(min=0)], 0)
    codes = c4.encode(objects.boxes[matches.clamp(min=0)], regions, c4.REGION_WEIGHTS)
    codes = torch.where(matches[:, None] >= 0, codes, 0)
    return torch.cat([regions, labels[:, None], codes], 1)


def summaries(gradients):
    """Of each gradient numbers that say much of it, and small ones as a whole."""
    tensors = {}
    for name, gradient in gradients.items():
        values = gradient.flatten()
        dot = values.dot(torch.from_numpy(uniform(name, len(values))).double())
        chosen = [k * (len(values) - 1) // (ELEMENTS - 1) for k in range(ELEMENTS)]
        sums = torch.stack([values.norm(), values.sum(), dot])
        tensors[f"gradient.{name}"] = torch.cat([sums, values[chosen]])
        if len(values) <= STORED_WHOLE:
            tensors[f"gradient_values.{name}"] = values.float()
    return tensors


def choices(detector, image, objects, index):
    """An image's matches, proposals and regions."""
    features = detector.features(image)
    anchors = detector.anchors(features)
    matches = c4.match(anchors, objects, c4.ANCHOR_THRESHOLDS, keeps_best=True)
    size, limits = image.shape[2:], SETTINGS.training_limits
    proposals = c4.propose(*detector.rpn.head(features), anchors, size, limits)
    regions, owners = detector.sampled_regions(proposals, objects)
    tensors = {
        f"anchors.matches.{index}": matches,
        f"proposals.{index}": proposals,
        f"regions.{index}": region_rows(regions, owners, objects),
    }
    if index == 0:
        scores, codes = detector.region_outputs(features, proposals, size)
        found = detector.detect(image)
        rows = [found.boxes, found.labels[:, None], found.scores[:, None]]
        tensors |= {"test.scores": scores, "test.offsets": codes, "detections": torch.cat(rows, 1)}
    return tensors


def pyramid(detector, image, proposals):
    """Outputs by maxout over sizes of an image."""
    images = [image.repeat_interleave(n, 2).repeat_interleave(n, 3) for n in (1, 2, 4)]
    scores, codes = detector.pyramid_outputs(images, proposals, image.shape[2:])
    return {"pyramid.scores": scores, "pyramid.offsets": codes}


def compute(images, dtype, settings=SETTINGS):
    """All results in `dtype`, and all gradients."""
    detector = c4.Detector("resnet18", CLASSES, settings).to(dtype)
    load_weights(detector)
    images = [image.to(dtype) for image in images]
    objects = [make_objects(rows).to(dtype) for rows in OBJECTS]
    tensors = {}
    with torch.no_grad():
        for index, (image, own) in enumerate(zip(images, objects)):
            tensors |= choices(detector, image, own, index)
        tensors |= pyramid(detector, images[0], tensors["proposals.0"])
    losses = [detector.losses(image, own, len(images)) for image, own in zip(images, objects)]
    losses = torch.stack(losses)
    losses.sum().backward()
    tensors |= {"losses": losses.detach().sum(0), "image_losses": losses.detach()}
    trained = {name: p.grad for name, p in detector.named_parameters() if p.requires_grad}
    return tensors, trained


def check_counts(tensors):
    """All candidates are sampled; there are foreground, background and untrained ones."""
    for index in range(len(SIZES)):
        matches = tensors[f"anchors.matches.{index}"]
        foreground, trained = (matches >= 0).sum().item(), (matches != c4.NEITHER).sum().item()
        regions = tensors[f"regions.{index}"]
        objects = (regions[:, 4] > 0).sum().item()
        print(
            f"image {index}: {len(matches)} anchors, {trained} trained, {foreground} foreground; "
            f"{len(tensors[f'proposals.{index}'])} proposals, {len(regions)} regions, "
            f"{objects} foreground"
        )
        assert 0 < foreground <= 128 and foreground < trained <= 256 and trained < len(matches)
        assert 5 <= objects <= 128 and objects < len(regions) < 512
        assert len(regions) < len(tensors[f"proposals.{index}"]) + 2, "the crowd leaves none out"
    labels = tensors["detections"][:, 4]
    print(f"{len(labels)} detections, of each class {labels.long().bincount()[1:].tolist()}")


def distance(values, exact):
    return ((values.double() - exact).norm() / exact.norm()).item()


def check_float32(images, exact, gradients):
    """Float32 makes the same choices; prints how near its numbers are."""
    tensors, own_gradients = compute(images, torch.float32)
    for name, values in exact.items():
        assert tensors[name].shape == values.shape, name
        if not values.is_floating_point():
            assert tensors[name].equal(values), name
            continue
        assert distance(tensors[name], values) < 1e-4, name
        print(f"Float32, {name}: {distance(tensors[name], values):.1e}")
    for index in range(len(SIZES)):
        name = f"regions.{index}"
        assert tensors[name][:, 4].double().equal(exact[name][:, 4]), name
    errors = {name: distance(own_gradients[name], value) for name, value in gradients.items()}
    worst = max(errors, key=errors.get)
    print(f"Float32, {len(errors)} gradients: at most {errors[worst]:.1e} ({worst})")


def main():
    torch.set_num_threads(1)
    default = os.path.join(HERE, "../../DetectionTests/Fixtures")
    folder = sys.argv[1] if len(sys.argv) > 1 else default
    detector = c4.Detector("resnet18", CLASSES, SETTINGS).double()
    load_weights(detector)
    with torch.no_grad():
        images = clear_images(detector)
    exact, gradients = compute(images, torch.float64)
    check_counts(exact)
    check_float32(images, exact, gradients)
    print("losses", " ".join(f"{loss:.6f}" for loss in exact["losses"]))
    kept = ("losses", "image_losses")
    tensors = {
        name: values.float() if values.is_floating_point() and name not in kept else values
        for name, values in exact.items()
    }
    tensors |= summaries(gradients)
    settings = dataclasses.replace(SETTINGS, context=True)
    exact, gradients = compute(images, torch.float64, settings)
    tensors |= {
        f"context.{name}": exact[name].float() for name in ("test.scores", "test.offsets")
    }
    tensors["context.image_losses"] = exact["image_losses"]
    tensors |= {
        f"context.{name}": values
        for name, values in summaries(gradients).items()
        if name.startswith("gradient.")
    }
    for index, (image, rows) in enumerate(zip(images, OBJECTS)):
        tensors[f"image.{index}"] = image.permute(0, 2, 3, 1)
        tensors[f"objects.{index}"] = torch.tensor(rows)
    default_settings = c4.Settings()
    tensors["base_anchors"] = c4.base_anchors(default_settings.sizes, default_settings.ratios)
    tensors["anchors"] = c4.map_anchors(tensors["base_anchors"], 6, 5)
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "detector.safetensors")
    save_file({name: values.contiguous() for name, values in tensors.items()}, path)
    os.chmod(path, 0o644)
    print(f"{len(tensors)} tensors, {os.path.getsize(path)} bytes")
    assert os.path.getsize(path) < 200_000


main()
