"""Writes the image fixtures of DatasetsTests with Pillow, the reference decoder.

python make_fixtures.py [FOLDER [TRAIN]]; the default folder is ../../DatasetsTests/Fixtures.

Each image NAME.jpg or NAME.png has its decoded pixels beside it in NAME-jpg.rgb or NAME-png.rgb: 24
rows of 40 pixels of three bytes, as `Image.open(...).convert("RGB")` gives them.

    colour.jpg        4:2:0 chroma, quality 75      progressive.jpg   progressive, 4:2:2
    grey.jpg          one channel                   cmyk.jpg          refused; no pixels
    colour.png        8-bit RGB                     alpha.png         8-bit RGBA
    palette.png       16 colours                    grey.png          8-bit grey
    cifar-sums.txt    the first ten images of each class folder below TRAIN, the training half of a
                      CIFAR-10 of JPEG files, each with the sum of byte i times i, from 1

With --sums FOLDER it prints, instead, the count and the sum of all pixels of Fashion-MNIST.
"""

import gzip
import os
import sys

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 24, 40


def picture():
    """Gradients, an edge and some noise."""
    noise = np.random.default_rng(20151210).integers(0, 48, (HEIGHT, WIDTH, 3))
    h, w = np.mgrid[0:HEIGHT, 0:WIDTH]
    base = np.stack([h * 8, w * 5, np.where(w > h, 180, 20)], axis=-1)
    return np.clip(base + noise, 0, 255).astype(np.uint8)


def fixtures(folder):
    os.makedirs(folder, exist_ok=True)
    pixels = picture()
    colour = Image.fromarray(pixels)
    alpha = Image.fromarray(np.dstack([pixels, (pixels[..., 1] // 2)]), "RGBA")
    images = {
        "colour.jpg": (colour, dict(quality=75)),
        "progressive.jpg": (colour, dict(quality=90, progressive=True, subsampling="4:2:2")),
        "grey.jpg": (colour.convert("L"), dict(quality=80)),
        "cmyk.jpg": (colour.convert("CMYK"), dict(quality=50)),
        "colour.png": (colour, {}),
        "alpha.png": (alpha, {}),
        "palette.png": (colour.quantize(16), {}),
        "grey.png": (colour.convert("L"), {}),
    }
    for name, (image, options) in images.items():
        path = os.path.join(folder, name)
        image.save(path, **options)
        if name != "cmyk.jpg":
            stem, kind = name.split(".")
            with open(os.path.join(folder, f"{stem}-{kind}.rgb"), "wb") as file:
                file.write(Image.open(path).convert("RGB").tobytes())


def cifar(folder, train):
    """The first ten images of each class, reduced to one pixel sum per image."""
    with open(os.path.join(folder, "cifar-sums.txt"), "w") as file:
        for name in sorted(os.listdir(train)):
            for image in sorted(os.listdir(os.path.join(train, name)))[:10]:
                data = np.asarray(Image.open(os.path.join(train, name, image)).convert("RGB"))
                # Weighted by position, so that no two orders of the same bytes agree.
                weights = np.arange(1, data.size + 1, dtype=np.int64)
                file.write(f"{name}/{image} {int((data.reshape(-1) * weights).sum())}\n")


def sums(folder):
    for prefix in ["train", "t10k"]:
        with gzip.open(os.path.join(folder, f"{prefix}-images-idx3-ubyte.gz")) as file:
            data = np.frombuffer(file.read(), np.uint8, offset=16)
        print(prefix, data.size // 784, int(data.sum(dtype=np.int64)))


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    if len(sys.argv) == 3 and sys.argv[1] == "--sums":
        sums(sys.argv[2])
    else:
        target = os.path.join(here, "../../DatasetsTests/Fixtures")
        target = sys.argv[1] if len(sys.argv) > 1 else target
        fixtures(target)
        if len(sys.argv) > 2:
            cifar(target, sys.argv[2])
