"""Writes random annotations and detections in COCO's form, and what pycocotools says of them.

python make_metrics_fixtures.py [FOLDER]; the default folder is ../../DetectionMetricsTests/Fixtures. Needs
pycocotools and numpy.

Boxes of all sizes, crowds, a class without objects, a class without detections, images without objects, scores
of two digits so that many are equal, and an image with 130 detections of one class.
"""

import contextlib
import io
import json
import os
import sys

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "../../DetectionMetricsTests/Fixtures")
    os.makedirs(folder, exist_ok=True)
    random = np.random.default_rng(1)
    categories = [{"id": identity, "name": f"class{identity}"} for identity in (2, 5, 11, 40, 90)]
    images = [{"id": 3 * index + 1, "file_name": f"{index}.jpg", "width": 640, "height": 480} for index in range(30)]
    annotations, detections = [], []

    def box(scale):
        width, height = np.round(scale * random.uniform(0.5, 1.5, 2), 2)
        return [round(float(value), 2) for value in (random.uniform(0, 640 - width), random.uniform(0, 480 - height), width, height)]

    for index, image in enumerate(images):
        if index % 7 == 3:
            continue
        for _ in range(random.integers(1, 9)):
            category = int(random.choice([2, 5, 11, 40]))
            own = box(random.choice([15, 50, 150]))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image["id"],
                    "category_id": category,
                    "bbox": own,
                    "area": round(own[2] * own[3] * float(random.uniform(0.5, 1)), 3),
                    "iscrowd": int(random.random() < 0.1),
                }
            )
            for _ in range(random.integers(0, 4)):
                if category == 40:
                    continue
                shift = random.normal(0, 0.1, 4) * np.array([own[2], own[3], own[2], own[3]])
                moved = [round(float(value), 2) for value in np.maximum(np.array(own) + shift, 0.5)]
                label = category if random.random() < 0.85 else int(random.choice([2, 5, 90]))
                detections.append(
                    {"image_id": image["id"], "category_id": label, "bbox": moved, "score": round(float(random.random()), 2)}
                )
    for _ in range(130):
        detections.append({"image_id": 1, "category_id": 2, "bbox": box(50), "score": round(float(random.random()), 2)})
    random.shuffle(detections)
    paths = {name: os.path.join(folder, f"coco-{name}.json") for name in ("annotations", "detections", "expected")}
    with open(paths["annotations"], "w") as file:
        json.dump({"images": images, "annotations": annotations, "categories": categories}, file)
    with open(paths["detections"], "w") as file:
        json.dump(detections, file)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(paths["annotations"])
        evaluation = COCOeval(truth, truth.loadRes(paths["detections"]), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision = evaluation.eval["precision"]
    classes = {}
    for index, category in enumerate(categories):
        own = precision[:, :, index, 0, 2]
        classes[category["name"]] = [float(own.mean()), float(own[0].mean())]
    with open(paths["expected"], "w") as file:
        json.dump({"stats": dict(zip(NAMES, map(float, evaluation.stats))), "classes": classes}, file, indent=1)


main()
