"""Writes a small devkit of ILSVRC2012 with scipy, in the form of the real one.

python make_devkit.py [FOLDER]; the default is ../../DatasetsTests/Fixtures/ILSVRC2012_devkit_t12/data.

    meta.mat                                   a struct array `synsets` as in ILSVRC2012_devkit_t12: five
                                               classes whose numbers are not in the order of their WordNet
                                               ids, and two inner nodes; compressed
    meta-plain.mat                             the same, not compressed
    ILSVRC2012_validation_ground_truth.txt     the numbers of seven validation images
"""

import os
import sys

import numpy as np
from scipy.io import savemat

SYNSETS = [
    # ILSVRC2012_ID, WNID, words, children
    (1, "n02119789", "kit fox, Vulpes macrotis", []),
    (2, "n02100735", "English setter", []),
    (3, "n01440764", "tench, Tinca tinca", []),
    (4, "n02110185", "Siberian husky", []),
    (5, "n01496331", "electric ray, crampfish", []),
    (6, "n02083346", "canine, canid", [1, 2, 4]),
    (7, "n01317541", "domestic animal", [6]),
]
TRUTH = [5, 1, 1, 3, 4, 2, 5]


def synsets():
    fields = [
        ("ILSVRC2012_ID", "O"),
        ("WNID", "O"),
        ("words", "O"),
        ("gloss", "O"),
        ("num_children", "O"),
        ("children", "O"),
        ("wordnet_height", "O"),
        ("num_train_images", "O"),
    ]
    table = np.zeros((len(SYNSETS), 1), dtype=fields)
    for row, (number, wnid, words, children) in enumerate(SYNSETS):
        table[row, 0] = (
            float(number),
            wnid,
            words,
            "a gloss of some length",
            float(len(children)),
            np.array([children], dtype=np.float64),
            float(len(children) > 0),
            1300.0,
        )
    return table


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    folder = os.path.join(here, "../../DatasetsTests/Fixtures/ILSVRC2012_devkit_t12/data")
    folder = sys.argv[1] if len(sys.argv) > 1 else folder
    os.makedirs(folder, exist_ok=True)
    for name, compressed in [("meta.mat", True), ("meta-plain.mat", False)]:
        savemat(os.path.join(folder, name), {"synsets": synsets()}, do_compression=compressed)
    with open(os.path.join(folder, "ILSVRC2012_validation_ground_truth.txt"), "w") as file:
        file.writelines(f"{number}\n" for number in TRUTH)
