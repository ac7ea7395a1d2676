"""Faster R-CNN on the first four stages of torchvision's ResNets ("C4"), as resnet-dist builds it.

The oracle, the peer benchmark and the check of weights share it. It is plain eager PyTorch with
torchvision's backbones, `roi_align` and `nms`; boxes are x1, y1, x2, y2 in pixels of the network's
input, labels count from 1 on, and every image is a mini-batch of its own, so none is padded.

The stem and the stages layer1 to layer3 make a map of stride 16; layer4 and a mean over positions
see regions of it. BN is fixed everywhere, and the stem's and layer1's convolutions are not trained.
Names of parameters are torchvision's, without `backbone.body.` and with `rpn.head.conv` for
`rpn.head.conv.0.0`.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision import models
from torchvision.ops import batched_nms, box_iou, clip_boxes_to_image, nms, remove_small_boxes
from torchvision.ops import roi_align

STRIDE = 16
POOLED_SIDE = 14
BACKGROUND, NEITHER = -1, -2
LONGEST = math.log(1000 / 16)
CROWD_SHARE = 0.5
ANCHOR_WEIGHTS, REGION_WEIGHTS = (1, 1, 1, 1), (10, 10, 5, 5)
ANCHOR_THRESHOLDS, REGION_THRESHOLDS = (0.7, 0.3), (0.5, 0.5)
ANCHOR_BETA, REGION_BETA = 1 / 9, 1
PROPOSAL_OVERLAP, DETECTION_OVERLAP = 0.7, 0.5
PROPOSAL_SIDE, DETECTION_SIDE = 1e-3, 1e-2
LEAST_SCORE = 0.05
DETECTIONS = 100
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LEAST_SIDE = 32


@dataclass(frozen=True)
class Settings:
    """What differs between detectors; limits are boxes before and after suppression."""

    sizes: tuple = (32, 64, 128, 256, 512)
    ratios: tuple = (0.5, 1, 2)
    proposal_channels: int = 512
    anchors_sampled: int = 256
    regions_sampled: int = 512
    training_limits: tuple = (12000, 2000)
    test_limits: tuple = (6000, 1000)
    regions_at_once: int | None = None  # of layer4 in test mode; None: all of an image
    context: bool = False  # features of the whole image beside a region's (appendix B)


@dataclass(frozen=True)
class Objects:
    """The objects of one image: boxes [n, 4], labels [n] and whether each is a crowd [n]."""

    boxes: torch.Tensor
    labels: torch.Tensor
    crowd: torch.Tensor

    def to(self, dtype):
        return Objects(self.boxes.to(dtype), self.labels, self.crowd)


@dataclass(frozen=True)
class Detections:
    """What was found, best first: boxes [n, 4], labels [n], scores [n]."""

    boxes: torch.Tensor
    labels: torch.Tensor
    scores: torch.Tensor


def base_anchors(sizes, ratios):
    """The anchors around 0 by ratio (height over width), then by size: corners are rounded."""
    sizes, roots = torch.tensor(sizes, dtype=torch.float32), torch.tensor(ratios).float().sqrt()
    widths = ((1 / roots)[:, None] * sizes).flatten()
    heights = (roots[:, None] * sizes).flatten()
    return (torch.stack([-widths, -heights, widths, heights], 1) / 2).round()


def map_anchors(base, height, width):
    """[height · width · anchors of a position, 4], positions row by row."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    shifts = STRIDE * torch.stack([x, y, x, y], -1).reshape(-1, 1, 4)
    return (shifts + base).reshape(-1, 4)


def centres_and_sizes(boxes):
    sizes = boxes[..., 2:] - boxes[..., :2]
    return boxes[..., :2] + sizes / 2, sizes


def encode(boxes, references, weights):
    """The offsets of boxes [n, 4] from as many references."""
    centres, sizes = centres_and_sizes(boxes)
    own_centres, own_sizes = centres_and_sizes(references)
    codes = torch.cat([(centres - own_centres) / own_sizes, (sizes / own_sizes).log()], -1)
    return codes * codes.new_tensor(weights)


def decode(codes, references, weights):
    """The boxes that codes [..., 4] mean; references have a shape that goes with theirs."""
    codes = codes / codes.new_tensor(weights)
    own_centres, own_sizes = centres_and_sizes(references)
    centres = codes[..., :2] * own_sizes + own_centres
    halves = codes[..., 2:].clamp(max=LONGEST).exp() * own_sizes / 2
    return torch.cat([centres - halves, centres + halves], -1)


def crowd_shares(boxes, crowds):
    """The part of each box that is in each crowd, [boxes, crowds]."""
    low = torch.max(boxes[:, None, :2], crowds[:, :2])
    high = torch.min(boxes[:, None, 2:], crowds[:, 2:])
    own = (boxes[:, 2:] - boxes[:, :2]).prod(1, keepdim=True)
    return (high - low).clamp(min=0).prod(2) / own


def match(boxes, objects, thresholds, keeps_best):
    """For each box the index of its object, BACKGROUND or NEITHER, which is not trained.

    `thresholds` are the least overlap of the foreground and of what is not background. Where
    `keeps_best`, each object's best boxes are foreground too, whatever the overlap.
    """
    foreground, background = thresholds
    result = torch.full((len(boxes),), BACKGROUND)
    own = torch.where(~objects.crowd)[0]
    if len(own):
        overlaps = box_iou(objects.boxes[own], boxes)
        best, index = overlaps.max(0)
        is_foreground = best >= foreground
        if keeps_best:
            highest = overlaps.max(1, keepdim=True).values
            is_foreground |= ((overlaps == highest) & (highest > 0)).any(0)
        result[best >= background] = NEITHER
        result[is_foreground] = own[index[is_foreground]]
    if objects.crowd.any():
        shares = crowd_shares(boxes, objects.boxes[objects.crowd])
        result[(result == BACKGROUND) & (shares >= CROWD_SHARE).any(1)] = NEITHER
    return result


def sample(matches, count, foreground_share):
    """Indices of the foreground and of the background that are trained, at most `count`."""

    def draw(indices, most):
        if len(indices) <= most:
            return indices
        return indices[torch.randperm(len(indices))[:most]]

    foreground = draw(torch.where(matches >= 0)[0], int(count * foreground_share))
    background = draw(torch.where(matches == BACKGROUND)[0], count - len(foreground))
    return foreground, background


def propose(logits, codes, anchors, size, limits):
    """The boxes that the best anchors point at, best first, without those that overlap a better one.

    `size` is the image's height and width.
    """
    before, after = limits
    logits, order = logits.detach().to(anchors.dtype).topk(min(before, len(logits)))
    boxes = decode(codes.detach()[order].to(anchors.dtype), anchors[order], ANCHOR_WEIGHTS)
    boxes = clip_boxes_to_image(boxes, size)
    large = remove_small_boxes(boxes, PROPOSAL_SIDE)
    boxes = boxes[large]
    return boxes[nms(boxes, logits[large], PROPOSAL_OVERLAP)[:after]]


def detections(scores, codes, regions, size):
    """The objects of an image from its regions' class scores and codes."""
    classes = scores.shape[1]
    boxes = decode(codes.reshape(-1, classes, 4), regions[:, None], REGION_WEIGHTS)[:, 1:]
    boxes = clip_boxes_to_image(boxes, size).reshape(-1, 4)
    scores = scores.softmax(1)[:, 1:].flatten()
    labels = torch.arange(1, classes).repeat(len(regions))
    kept = torch.where(scores > LEAST_SCORE)[0]
    kept = kept[remove_small_boxes(boxes[kept], DETECTION_SIDE)]
    kept = kept[
        batched_nms(boxes[kept], scores[kept], labels[kept], DETECTION_OVERLAP)[:DETECTIONS]
    ]
    return Detections(boxes[kept], labels[kept], scores[kept])


class ProposalHead(nn.Module):
    """Scores and codes of each position's anchors."""

    def __init__(self, inputs, channels, anchors):
        super().__init__()
        self.conv = nn.Conv2d(inputs, channels, 3, padding=1)
        self.cls_logits = nn.Conv2d(channels, anchors, 1)
        self.bbox_pred = nn.Conv2d(channels, 4 * anchors, 1)

    def forward(self, features):
        """[anchors of the map] and [anchors of the map, 4]."""
        hidden = F.relu(self.conv(features), inplace=True)
        logits, codes = self.cls_logits(hidden), self.bbox_pred(hidden)
        return logits.permute(0, 2, 3, 1).flatten(), codes.permute(0, 2, 3, 1).reshape(-1, 4)


class BoxPredictor(nn.Module):
    """Scores of the background and of each class, and codes of each."""

    def __init__(self, inputs, classes):
        super().__init__()
        self.cls_score = nn.Linear(inputs, classes + 1)
        self.bbox_pred = nn.Linear(inputs, 4 * (classes + 1))

    def forward(self, features):
        return self.cls_score(features), self.bbox_pred(features)


class Detector(nn.Module):
    """The detector; `backbone` is the name of a ResNet of torchvision.

    Called with an image, its objects and the images of the mini-batch, it returns the losses that
    `losses` returns; called with an image alone, what it finds.
    """

    def __init__(self, backbone, classes, settings=Settings()):
        super().__init__()
        self.settings = settings
        network = models.get_model(backbone)
        for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"):
            setattr(self, name, getattr(network, name))
        outputs = network.fc.in_features
        read = 2 * outputs if settings.context else outputs
        self.base = base_anchors(settings.sizes, settings.ratios)
        head = ProposalHead(outputs // 2, settings.proposal_channels, len(self.base))
        predictor = BoxPredictor(read, classes)
        self.rpn = nn.ModuleDict({"head": head})
        self.roi_heads = nn.ModuleDict({"box_predictor": predictor})
        for layer in (head.conv, head.cls_logits, head.bbox_pred, *predictor.children()):
            nn.init.normal_(layer.weight, std=0.001 if layer is predictor.bbox_pred else 0.01)
            nn.init.zeros_(layer.bias)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.requires_grad_(False)
        self.conv1.requires_grad_(False)
        self.layer1.requires_grad_(False)
        self.eval()

    def train(self, mode=True):
        """Stays in inference mode, where BN is fixed; nothing else depends on it."""
        return super().train(False)

    def features(self, image):
        x = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        return self.layer3(self.layer2(self.layer1(x)))

    def anchors(self, features):
        """Of a map, in Float32 at least."""
        dtype = torch.promote_types(features.dtype, torch.float32)
        return map_anchors(self.base.to(dtype), *features.shape[2:])

    def region_features(self, features, regions, size):
        """What the predictor reads of regions of an image of `size`."""
        if self.settings.context:
            height, width = size
            whole = regions.new_tensor([[0, 0, width, height]])
            regions = torch.cat([regions, whole])
        pooled = roi_align(features, [regions], POOLED_SIDE, 1 / STRIDE, 0, aligned=True)
        pooled = pooled.contiguous(memory_format=torch.channels_last)
        outputs = self.layer4(pooled).mean((2, 3))
        if self.settings.context:
            own = outputs[:-1]
            outputs = torch.cat([own, outputs[-1:].expand_as(own)], 1)
        return outputs

    def predictions(self, features, dtype):
        """Class scores [regions, K+1] and codes [regions, 4(K+1)] of what `region_features` returns."""
        return [output.to(dtype) for output in self.roi_heads.box_predictor(features)]

    def region_outputs(self, features, regions, size):
        """Class scores [regions, K+1] and codes [regions, 4(K+1)], in Float32 at least."""
        return self.predictions(self.region_features(features, regions, size), regions.dtype)

    def pyramid_outputs(self, images, regions, size):
        """`region_outputs` by maxout over the two of ascending sizes where a region is nearest to 224².

        `regions` are in an image of `size`.
        """
        height, width = size
        areas = (regions[:, 2:] - regions[:, :2]).prod(1)
        factors = [(image.shape[3] / width, image.shape[2] / height) for image in images]
        distances = torch.stack([(areas * x * y - 224**2).abs() for x, y in factors], 1)
        merged = None
        for index, (image, (x, y)) in enumerate(zip(images, factors)):
            scaled = regions * regions.new_tensor([x, y, x, y])
            own = self.region_features(self.features(image), scaled, image.shape[2:])
            used = torch.zeros(len(regions), dtype=torch.bool)
            for region, row in enumerate(distances):
                best = row.argmin().item()
                neighbours = [i for i in (best - 1, best + 1) if 0 <= i < len(images)]
                second = min(neighbours, key=lambda i: row[i].item())
                used[region] = index in (best, second)
            own = torch.where(used[:, None], own, -torch.inf)
            merged = own if merged is None else torch.maximum(merged, own)
        return self.predictions(merged, regions.dtype)

    def sampled_regions(self, proposals, objects):
        """Regions that are trained, foreground first, and which objects they belong to."""
        boxes = torch.cat([proposals, objects.boxes[~objects.crowd]])
        matches = match(boxes, objects, REGION_THRESHOLDS, keeps_best=False)
        sampled = torch.cat(sample(matches, self.settings.regions_sampled, 0.25))
        return boxes[sampled], matches[sampled]

    def proposal_losses(self, logits, codes, anchors, objects, images):
        """Of the objectness and the boxes of sampled anchors."""
        matches = match(anchors, objects, ANCHOR_THRESHOLDS, keeps_best=True)
        foreground, background = sample(matches, self.settings.anchors_sampled, 0.5)
        sampled = torch.cat([foreground, background])
        share = 1 / (self.settings.anchors_sampled * images)
        logits, codes = logits.to(anchors.dtype), codes.to(anchors.dtype)
        labels = (matches[sampled] >= 0).to(anchors.dtype)
        objectness = F.binary_cross_entropy_with_logits(logits[sampled], labels, reduction="sum")
        targets = encode(objects.boxes[matches[foreground]], anchors[foreground], ANCHOR_WEIGHTS)
        box = F.smooth_l1_loss(codes[foreground], targets, reduction="sum", beta=ANCHOR_BETA)
        return objectness * share, box * share

    def region_losses(self, features, regions, size, matches, objects, images):
        """Of the classes and the boxes of sampled regions; a box counts for its own class alone."""
        scores, codes = self.region_outputs(features, regions, size)
        foreground = torch.where(matches >= 0)[0]
        own = matches[foreground]
        labels = torch.zeros_like(matches)
        labels[foreground] = objects.labels[own]
        share = 1 / (self.settings.regions_sampled * images)
        classification = F.cross_entropy(scores, labels, reduction="sum")
        codes = codes.reshape(len(codes), -1, 4)[foreground, labels[foreground]]
        targets = encode(objects.boxes[own], regions[foreground], REGION_WEIGHTS)
        box = F.smooth_l1_loss(codes, targets, reduction="sum", beta=REGION_BETA)
        return classification * share, box * share

    def losses(self, image, objects, images):
        """An image's part of the losses of a mini-batch of `images`, to be added up.

        In this order: objectness and box of the anchors, classification and box of the regions.
        """
        features = self.features(image)
        anchors = self.anchors(features)
        objects = objects.to(anchors.dtype)
        logits, codes = self.rpn.head(features)
        size = image.shape[2:]
        proposals = propose(logits, codes, anchors, size, self.settings.training_limits)
        regions, matches = self.sampled_regions(proposals, objects)
        return torch.stack(
            [
                *self.proposal_losses(logits, codes, anchors, objects, images),
                *self.region_losses(features, regions, size, matches, objects, images),
            ]
        )

    def detect(self, image):
        """The objects of an image [1, 3, H, W]."""
        features = self.features(image)
        size = image.shape[2:]
        anchors = self.anchors(features)
        regions = propose(*self.rpn.head(features), anchors, size, self.settings.test_limits)
        parts = regions.split(self.settings.regions_at_once or max(len(regions), 1))
        outputs = [self.region_outputs(features, part, size) for part in parts]
        scores, codes = (torch.cat(output) for output in zip(*outputs))
        return detections(scores, codes, regions, size)

    def forward(self, image, objects=None, images=1):
        return self.detect(image) if objects is None else self.losses(image, objects, images)

    def load(self, tensors, strict=True):
        """Takes parameters of our files, whose 1×1 convolutions have two dimensions."""
        tensors = dict(tensors)
        for layer in ("cls_logits", "bbox_pred"):
            name = f"rpn.head.{layer}.weight"
            if name in tensors:
                tensors[name] = tensors[name].reshape(*tensors[name].shape[:2], 1, 1)
        self.load_state_dict(tensors, strict=strict)


class Affine(nn.Module):
    """What fixed BN is: a scale and a shift of each channel, in one pass over memory."""

    def __init__(self, norm):
        super().__init__()
        scale = norm.weight.detach() / (norm.running_var + norm.eps).sqrt()
        shift = norm.bias.detach() - norm.running_mean * scale
        self.register_buffer("scale", scale[:, None, None])
        self.register_buffer("shift", shift[:, None, None])

    def forward(self, x):
        return torch.addcmul(self.shift.to(x.dtype), x, self.scale.to(x.dtype))


def simplify_batch_norms(module):
    """Makes BN a part of the convolution before it where that is not trained, `Affine` elsewhere."""
    children = dict(module.named_children())
    for name, child in children.items():
        simplify_batch_norms(child)
        if not isinstance(child, nn.BatchNorm2d):
            continue
        place = name.replace("bn", "conv") if name.startswith("bn") else "0"
        convolution = children[place]
        if convolution.weight.requires_grad:
            setattr(module, name, Affine(child))
        else:
            setattr(module, place, fuse_conv_bn_eval(convolution, child).requires_grad_(False))
            setattr(module, name, nn.Identity())


def resized_size(width, height, short_side, long_side):
    """The size of an image in the network: the shorter side `short_side` unless the longer would exceed
    its limit; no side is below 32."""
    scale = min(short_side / min(width, height), long_side / max(width, height))
    return [max(LEAST_SIDE, int(side * scale)) for side in (width, height)]


def open_image(path, short_side, long_side):
    """A file's image, normalized, [1, 3, H, W], and its width and height in the file."""
    with Image.open(path) as file:
        image = file.convert("RGB")
    size = resized_size(*image.size, short_side, long_side)
    values = np.asarray(image.resize(size, Image.Resampling.BILINEAR), dtype=np.float32) / 255
    values = (values - np.float32(MEAN)) / np.float32(DEVIATION)
    return torch.from_numpy(values).permute(2, 0, 1)[None], image.size
