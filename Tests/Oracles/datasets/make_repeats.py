"""Writes repeats.json of DatasetsTests: which samples timm's RepeatAugSampler gives each rank.

python make_repeats.py [FILE]; needs timm. The default file is ../../DatasetsTests/Fixtures/repeats.json.

timm's sampler is DeiT's, as torchvision's RASampler is. Without shuffling it gives places in an epoch's
permutation: a list of cases {"images", "repeats", "ranks", "places": [[of each rank's samples]]}.
"""

import json
import os
import sys

from timm.data.distributed_sampler import RepeatAugSampler


def main(path):
    cases = []
    for images, repeats, ranks in [(96, 3, 4), (128, 4, 8), (64, 2, 2), (120, 3, 3)]:
        places = [
            list(
                RepeatAugSampler(
                    range(images),
                    num_replicas=ranks,
                    rank=rank,
                    shuffle=False,
                    num_repeats=repeats,
                    selected_round=8,
                )
            )
            for rank in range(ranks)
        ]
        cases.append({"images": images, "repeats": repeats, "ranks": ranks, "places": places})
    with open(path, "w") as file:
        json.dump(cases, file)


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    default = os.path.join(here, "../../DatasetsTests/Fixtures/repeats.json")
    main(sys.argv[1] if len(sys.argv) > 1 else default)
