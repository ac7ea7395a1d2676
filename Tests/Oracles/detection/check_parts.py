"""Compares the parts of c4.py with torchvision's; needs no arguments, `detection.py --check` runs it.

Prints the largest difference of each part, in Float64 with random inputs, and fails where one is above
1e-9. Sampling is made large enough to draw nothing, and there is no crowd, which torchvision does not
know. Its region loss has another smooth L1, so that part is compared with beta 1/9.
"""

import sys

import torch
from torchvision.models.detection import anchor_utils, image_list, roi_heads, rpn

import c4

SIZE = (320, 416)
MAP = (20, 26)
OBJECTS = 7
CLASSES = 5
LIMIT = 1e-9
SETTINGS = c4.Settings(anchors_sampled=100_000, regions_sampled=100_000)

differences = {}


def compare(name, own, others):
    assert own.shape == others.shape, name
    difference = (own.double() - others.double()).abs().max().item()
    differences[name] = max(difference, differences.get(name, 0))


def random_objects():
    corners = torch.rand(OBJECTS, 2).double() * torch.tensor([SIZE[1] - 60.0, SIZE[0] - 60.0])
    boxes = torch.cat([corners, corners + 20 + 40 * torch.rand(OBJECTS, 2).double()], 1)
    boxes[0] = torch.tensor([40.0, 64, 104, 128])  # half way between two anchors
    labels = torch.randint(1, CLASSES + 1, (OBJECTS,))
    return c4.Objects(boxes, labels, torch.zeros(OBJECTS).bool())


def check_proposals(objects):
    """Anchors, their matches and losses, and proposals; returns these."""
    generator = anchor_utils.AnchorGenerator((SETTINGS.sizes,), (SETTINGS.ratios,))
    compare(
        "base anchors", c4.base_anchors(SETTINGS.sizes, SETTINGS.ratios), generator.cell_anchors[0]
    )
    images = image_list.ImageList(torch.zeros(1, 3, *SIZE), [SIZE])
    features = torch.zeros(1, 8, *MAP).double()
    anchors = c4.map_anchors(c4.base_anchors(SETTINGS.sizes, SETTINGS.ratios).double(), *MAP)
    compare("anchors", anchors, generator(images, [features])[0])
    others = rpn.RegionProposalNetwork(
        generator,
        torch.nn.Identity(),
        *c4.ANCHOR_THRESHOLDS,
        batch_size_per_image=SETTINGS.anchors_sampled,
        positive_fraction=0.5,
        pre_nms_top_n={"training": 12000, "testing": 6000},
        post_nms_top_n={"training": 2000, "testing": 1000},
        nms_thresh=c4.PROPOSAL_OVERLAP,
    )
    matches = c4.match(anchors, objects, c4.ANCHOR_THRESHOLDS, keeps_best=True)
    labels, boxes = others.assign_targets_to_anchors([anchors], [{"boxes": objects.boxes}])
    own_labels = torch.where(matches >= 0, 1.0, torch.where(matches == c4.BACKGROUND, 0.0, -1.0))
    compare("anchors' labels", own_labels, labels[0])
    foreground = matches >= 0
    compare("anchors' objects", objects.boxes[matches[foreground]], boxes[0][foreground])
    logits, codes = torch.randn(len(anchors)).double(), torch.randn(len(anchors), 4).double() / 4
    detector = c4.Detector("resnet18", CLASSES, SETTINGS)
    losses = detector.proposal_losses(logits, codes, anchors, objects, 1)
    targets = others.box_coder.encode(boxes, [anchors])
    labels = [labels[0].double()]
    other_losses = others.compute_loss(logits[:, None], codes, labels, targets)
    share = (matches != c4.NEITHER).sum().item() / SETTINGS.anchors_sampled
    for name, own, other in zip(("objectness", "box"), losses, other_losses):
        compare(f"anchors' {name} loss", own, other * share)
    decoded = others.box_coder.decode(codes, [anchors])
    compare("decoded anchors", c4.decode(codes, anchors, c4.ANCHOR_WEIGHTS), decoded[:, 0])
    for name, limits in (("train", SETTINGS.training_limits), ("test", SETTINGS.test_limits)):
        others.train(name == "train")
        kept, _ = others.filter_proposals(
            decoded.view(1, -1, 4), logits[:, None], [SIZE], [len(anchors)]
        )
        proposals = c4.propose(logits, codes, anchors, SIZE, limits)
        compare(f"proposals, {name}", proposals, kept[0])
    return proposals


def check_regions(proposals, objects):
    """Sampled regions, their losses, and detections."""
    heads = roi_heads.RoIHeads(
        None,
        None,
        None,
        *c4.REGION_THRESHOLDS,
        batch_size_per_image=SETTINGS.regions_sampled,
        positive_fraction=0.25,
        bbox_reg_weights=c4.REGION_WEIGHTS,
        score_thresh=c4.LEAST_SCORE,
        nms_thresh=c4.DETECTION_OVERLAP,
        detections_per_img=c4.DETECTIONS,
    )
    detector = c4.Detector("resnet18", CLASSES, SETTINGS)
    regions, matches = detector.sampled_regions(proposals, objects)
    target = {"boxes": objects.boxes, "labels": objects.labels}
    others, _, labels, targets = heads.select_training_samples([proposals], [target])
    order = torch.cat([torch.where(labels[0] > 0)[0], torch.where(labels[0] == 0)[0]])
    compare("regions", regions, others[0][order])
    own_labels = torch.where(matches >= 0, objects.labels[matches.clamp(min=0)], 0)
    compare("regions' labels", own_labels, labels[0][order])
    foreground = matches >= 0
    codes = c4.encode(objects.boxes[matches[foreground]], regions[foreground], c4.REGION_WEIGHTS)
    compare("regions' codes", codes, targets[0][order][foreground])
    scores = torch.randn(len(regions), CLASSES + 1).double()
    predictions = torch.randn(len(regions), 4 * (CLASSES + 1)).double()
    detector.region_outputs = lambda features, regions, size: (scores, predictions)
    own_losses = detector.region_losses(None, regions, SIZE, matches, objects, 1)
    other_losses = roi_heads.fastrcnn_loss(scores, predictions, [own_labels], [targets[0][order]])
    share = len(regions) / SETTINGS.regions_sampled
    for name, own, other in zip(("class", "box"), own_losses, other_losses):
        compare(f"regions' {name} loss", own, other * share)
    found = c4.detections(scores, predictions, regions, SIZE)
    boxes, scores, labels = heads.postprocess_detections(scores, predictions, [regions], [SIZE])
    compare("detections' boxes", found.boxes, boxes[0])
    compare("detections' labels", found.labels, labels[0])
    compare("detections' scores", found.scores, scores[0])


def main():
    torch.manual_seed(1)
    torch.set_num_threads(1)
    c4.REGION_BETA = 1 / 9
    objects = random_objects()
    check_regions(check_proposals(objects), objects)
    for name, difference in differences.items():
        print(f"{name}: {difference:.1e}")
    if max(differences.values()) > LIMIT:
        sys.exit("c4.py and torchvision differ")


main()
