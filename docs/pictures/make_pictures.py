"""Writes the drawings of the documentation as SVG files beside this script.

python make_pictures.py        ranks.svg and fused-block.svg
python make_pictures.py RUN…   curve.svg from the metrics.jsonl of run folders

Only Python's own library is needed. The drawings follow the reader's light or dark theme.
"""

import html
import json
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))

STYLE = """
  .ink { fill: #1f2328 } .soft { fill: #59636e } .line { stroke: #59636e; fill: none; stroke-width: 1.5 }
  .box { fill: #f6f8fa; stroke: #59636e } .rank { fill: none; stroke: #0969da; stroke-width: 2 }
  .shard { fill: #ddf4ff; stroke: #0969da } .node { fill: #fff8c5; stroke: #9a6700 }
  .bucket { fill: #dafbe1; stroke: #1a7f37 } .grid { stroke: #d1d9e0 }
  .train { stroke: #0969da } .test { stroke: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    .ink { fill: #f0f6fc } .soft { fill: #9198a1 } .line { stroke: #9198a1 }
    .box { fill: #151b23; stroke: #9198a1 } .rank { stroke: #4493f8 }
    .shard { fill: #0d2847; stroke: #4493f8 } .node { fill: #3b2e00; stroke: #d29922 }
    .bucket { fill: #0f2d17; stroke: #3fb950 } .grid { stroke: #3d444d }
    .train { stroke: #4493f8 } .test { stroke: #f0883e }
  }
  text { font: 13px system-ui, sans-serif }
  .small { font-size: 11px } .title { font-weight: 600 } .middle { text-anchor: middle } .end { text-anchor: end }
"""


class Drawing:
    def __init__(self, width, height, title):
        self.width, self.height, self.title, self.parts = width, height, title, []

    def text(self, x, y, text, kind="ink"):
        self.parts.append(f'<text x="{x}" y="{y}" class="{kind}">{html.escape(text)}</text>')

    def box(self, x, y, width, height, kind="box", radius=5):
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}" class="{kind}"/>')

    def line(self, points, kind="line", arrow=False):
        path = " ".join(f"{x},{y}" for x, y in points)
        mark = ' marker-end="url(#arrow)"' if arrow else ""
        self.parts.append(f'<polyline points="{path}" class="{kind}" fill="none"{mark}/>')

    def write(self, name):
        text = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" role="img">\n'
            f"<title>{html.escape(self.title)}</title>\n<style>{STYLE}</style>\n"
            '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto"><path d="M0,0 L8,4 L0,8 z" class="soft"/></marker></defs>\n'
            + "\n".join(self.parts)
            + "\n</svg>\n"
        )
        with open(os.path.join(here, name), "w") as file:
            file.write(text)


def ranks():
    """Ranks, shards, the reduction tree and buckets of one mini-batch."""
    d = Drawing(860, 560, "A mini-batch of 128 images in 8 shards on 3 ranks, and the tree that sums them")
    shards = [(0, 3), (3, 6), (6, 8)]
    width, left, top = 92, 60, 300
    x = lambda shard: left + shard * width + width / 2
    d.text(20, 24, "One mini-batch: 8 shards, whatever the number of ranks", "ink title")
    d.text(20, 44, "Images are added up within a shard, shards by the fixed tree: so the bits are the same on 1 to 8 ranks.", "soft")
    # Tree: level by level.
    level = {shard: (x(shard), top) for shard in range(8)}
    heights = [top - 60, top - 120, top - 180]
    current = [(shard, shard + 1) for shard in range(8)]
    place = {(s, s + 1): level[s] for s in range(8)}
    owner = lambda a, b: next((i for i, (f, l) in enumerate(shards) if f <= a and b <= l), None)
    for height in heights:
        merged = [(current[i][0], current[i + 1][1]) for i in range(0, len(current), 2)]
        for index, (a, b) in enumerate(merged):
            first, second = current[2 * index], current[2 * index + 1]
            px = (place[first][0] + place[second][0]) / 2
            place[(a, b)] = (px, height)
            for child in (first, second):
                cx, cy = place[child]
                d.line([(cx, cy - (0 if cy == top else 11)), (cx, height + 30), (px, height + 30), (px, height + 11)])
        current = merged
    for (a, b), (px, py) in place.items():
        if b - a == 1:
            continue
        inside = owner(a, b) is not None
        d.box(px - 34, py - 11, 68, 22, "shard" if inside else "node")
        d.text(px, py + 4, f"{a}…{b - 1}", "ink small middle")
    for shard in range(8):
        d.box(left + shard * width + 6, top, width - 12, 34, "shard")
        d.text(x(shard), top + 21, f"shard {shard}", "ink middle")
    for index, (first, last) in enumerate(shards):
        d.box(left + first * width, top - 12, (last - first) * width - 2, 92, "rank", 9)
        nodes = {0: "nodes 0…1 and 2", 1: "nodes 3 and 4…5", 2: "node 6…7"}[index]
        d.text(left + (first + last) * width / 2, top + 54, f"rank {index}", "ink title middle")
        d.text(left + (first + last) * width / 2, top + 71, f"gradients of {nodes}", "soft small middle")
    d.box(20, 74, 14, 14, "shard", 3)
    d.text(40, 86, "a sum inside one rank", "soft small")
    d.box(180, 74, 14, 14, "node", 3)
    d.text(200, 86, "a sum over ranks: shared memory on a host, messages between hosts", "soft small")
    # Buckets
    d.text(20, 420, "Gradients of all weights, in the order in which the backward pass completes them", "ink title")
    names = ["bucket 0", "bucket 1", "bucket 2", "bucket 3", "…"]
    for index, name in enumerate(names):
        d.box(60 + index * 148, 436, 140, 32, "bucket")
        d.text(60 + index * 148 + 70, 457, name, "ink middle")
    d.line([(60, 484), (800, 484)], arrow=True)
    d.text(60, 502, "fc", "soft small")
    d.text(800, 502, "conv1", "soft small end")
    d.text(20, 530, "A bucket (1 MiB) goes up the tree as soon as it is written, while the backward pass of earlier layers continues;", "soft")
    d.text(20, 548, "messages move when a rank waits for BN statistics. The sum ends in rank 0's first node, where all ranks read it.", "soft")
    d.write("ranks.svg")


def fused_block():
    """What runs in which loop over memory of a basic residual block."""
    d = Drawing(860, 540, "A residual block: its fused passes over memory")
    d.text(20, 24, "A residual block  y = ReLU(BN(conv2(ReLU(BN(conv1(x))))) + x)", "ink title")

    def row(y, title, boxes, note):
        d.text(20, y - 12, title, "ink title")
        left = 20
        for width, kind, lines in boxes:
            d.box(left, y, width, 92, kind)
            for index, line in enumerate(lines):
                d.text(left + width / 2, y + 22 + index * 17, line, ("ink title" if index == 0 else "soft small") + " middle")
            if left > 20:
                d.line([(left - 16, y + 46), (left - 2, y + 46)], arrow=True)
            left += width + 18
        d.text(20, y + 112, note, "soft")

    row(
        70, "Forward: two loops over blocks of a few images, each in the second-level cache",
        [
            (60, "box", ["x", "stored"]),
            (330, "shard", ["conv1", "1. x → scratch, if it must be recomputed", "2. convolve a block", "3. take its BN moments while it is hot"]),
            (330, "shard", ["conv2", "1. ReLU(BN(·)) of conv1's block → scratch", "2. convolve the block", "3. take its BN moments while it is hot"]),
            (62, "box", ["raw", "stored"]),
        ],
        "Stored are the convolutions' raw outputs. Between the loops the ranks merge the BN moments, 2·C doubles a shard.")
    row(
        240, "The block's end: one pass where it is read",
        [
            (60, "box", ["raw 2", "stored"]),
            (330, "bucket", ["y = ReLU(BN(raw 2) + x)", "computed by the next block's conv1 as it reads,", "block by block into scratch;", "stored only where the chain gets long"]),
            (330, "shard", ["next conv1", "convolves the block in scratch"]),
        ],
        "Rematerialization: y is not kept for the backward pass where it takes more than 80 KiB an image; the bits are the same.")
    row(
        410, "Backward: two loops, in the other direction",
        [
            (60, "box", ["dy", "stored"]),
            (330, "node", ["conv2", "1. BN's dz → dx of a block, in scratch", "2. gradients of weights and of the input", "3. mask by ReLU, sum dβ and dγ while hot"]),
            (330, "node", ["conv1", "1. BN's dz → dx of a block, in scratch", "2. gradients of weights and of the input", "3. add the shortcut's dy"]),
            (62, "box", ["dx", "stored"]),
        ],
        "Gradients of raw outputs exist for one block at a time. Between the loops the ranks merge Σdz and Σdz·x̂.")
    d.write("fused-block.svg")


def curve(folders):
    """Test and training error over the epochs of runs."""
    width, height, left, top, right, bottom = 720, 380, 60, 40, 20, 50
    d = Drawing(width, height, "Training and test error over epochs")
    runs = []
    for folder in folders:
        with open(os.path.join(folder, "metrics.jsonl")) as file:
            records = [json.loads(line) for line in file]
        def points(split):
            return [(r["step"], 100 * r["top1_error"]) for r in records if r["split"] == split]

        # Epochs of the run, from its last record.
        steps = records[-1]["step"] / records[-1]["epoch"]
        train, test = ([(step / steps, error) for step, error in points(split)] for split in ("train", "test"))
        train, test = list(train), list(test)
        runs.append((os.path.basename(os.path.normpath(folder)), train, test))
    last = max(e for _, a, b in runs for e, _ in a + b)
    most = min(30, 5 * (int(max(v for _, a, b in runs for _, v in a + b)) // 5 + 1))
    px = lambda epoch: left + (width - left - right) * epoch / last
    py = lambda error: top + (height - top - bottom) * (1 - min(error, most) / most)
    for error in range(0, most + 1, 5):
        d.line([(left, py(error)), (width - right, py(error))], "grid")
        d.text(left - 8, py(error) + 4, f"{error} %", "soft small end")
    step = max(1, round(last / 10))
    for epoch in range(0, int(last) + 1, step):
        d.text(px(epoch), height - bottom + 18, str(epoch), "soft small middle")
    d.text((left + width - right) / 2, height - 12, "epoch", "soft middle")
    for _, train, test in runs:
        d.line([(round(px(e), 1), round(py(v), 1)) for e, v in train], 'train" stroke-width="1.2')
        d.line([(round(px(e), 1), round(py(v), 1)) for e, v in test], 'test" stroke-width="2.6')
    d.line([(left + 10, 24), (left + 40, 24)], 'train" stroke-width="1.2')
    d.text(left + 46, 28, "training error", "ink")
    d.line([(left + 160, 24), (left + 190, 24)], 'test" stroke-width="2.6')
    d.text(left + 196, 28, "test error", "ink")
    d.write("curve.svg")


if len(sys.argv) > 1:
    curve(sys.argv[1:])
else:
    ranks()
    fused_block()
