"""Writes the image fixtures of DatasetsTests with Pillow, the reference decoder.

python make_fixtures.py [FOLDER [TRAIN]]; the default folder is ../../DatasetsTests/Fixtures.

Each image NAME.jpg or NAME.png has its decoded pixels beside it in NAME-jpg.rgb or NAME-png.rgb: 24
rows of 40 pixels of three bytes, as `Image.open(...).convert("RGB")` gives them.

    colour.jpg        4:2:0 chroma, quality 75      progressive.jpg   progressive, 4:2:2
    grey.jpg          one channel                   cmyk.jpg          four inks, inverted as by Adobe
    ycck.jpg          the same bytes, said to be YCCK
    colour.png        8-bit RGB                     alpha.png         8-bit RGBA
    palette.png       16 colours                    grey.png          8-bit grey
    palette-alpha.png 16 colours, one transparent   grey-alpha.png    8-bit grey and alpha
    deep.png          16-bit RGB; its pixels are NumPy's, each value divided by 257 and rounded
    odd.jpg           45 rows of 77 pixels, 4:2:0; odd-jpg-2.rgb, -4 and -8 are Pillow's `draft` of it
    turned-N.jpg      5 rows of 9 pixels with EXIF orientation N, 1 to 8; turned-N-jpg.rgb is what
                      `ImageOps.exif_transpose` makes of it
    resized.rgb       `pattern` images of several sizes, resized as `RESIZED` says, one after the other; made with
                      Pillow 11.3 (13 resizes the rows of tall images first), as resized-bicubic.rgb
    colours.rgb       a 20 × 31 `pattern` through torchvision's adjust functions, as `COLOURS` says
    operations.rgb    a 20 × 31 and a 22 × 22 `pattern` through torchvision's `_apply_op`, as `OPERATIONS` says;
                      made with Pillow 11.3 (13 turns colours into grey by other constants)
    tested.rgb        the same through torchvision's Resize and CenterCrop, as `TESTED` says
    cifar-sums.txt    the first ten images of each class folder below TRAIN, the training half of a
                      CIFAR-10 of JPEG files, each with the sum of byte i times i, from 1

With --sums FOLDER it prints, instead, the count and the sum of all pixels of Fashion-MNIST.
"""

import gzip
import os
import struct
import sys
import zlib

import numpy as np
from PIL import Image, ImageOps

HEIGHT, WIDTH = 24, 40
# Rows and columns before, and after.
RESIZED = [
    (67, 41, 23, 19), (40, 60, 80, 90), (300, 200, 13, 7), (33, 50, 33, 20), (33, 50, 20, 50),
    (1, 1, 5, 4), (5, 3, 5, 3), (2, 90, 31, 30),
]
# Rows and columns before, the shorter side, and the side of the centre.
TESTED = [(75, 113, 32, 28), (113, 75, 37, 28), (64, 64, 33, 30), (20, 31, 36, 31)]


def picture():
    """Gradients, an edge and some noise."""
    noise = np.random.default_rng(20151210).integers(0, 48, (HEIGHT, WIDTH, 3))
    h, w = np.mgrid[0:HEIGHT, 0:WIDTH]
    base = np.stack([h * 8, w * 5, np.where(w > h, 180, 20)], axis=-1)
    return np.clip(base + noise, 0, 255).astype(np.uint8)


COLOURS = [
    ("brightness", 0.6), ("brightness", 1.4), ("contrast", 0.3), ("contrast", 1.7),
    ("saturation", 0.0), ("saturation", 1.9),
]


# What TrivialAugmentWide does, by torchvision's names.
OPERATIONS = [
    ("ShearX", 0.33), ("ShearX", -0.957), ("ShearY", 0.627), ("ShearY", -0.165),
    ("TranslateX", 3.2), ("TranslateX", -17.07), ("TranslateY", 6.4), ("TranslateY", -1.0),
    ("Rotate", 4.5), ("Rotate", -121.5), ("Rotate", 90.0), ("Rotate", -90.0), ("Rotate", 0.0),
    ("Brightness", 0.33), ("Brightness", -0.99), ("Color", 0.66), ("Color", -0.5),
    ("Contrast", 0.9), ("Contrast", -0.33), ("Sharpness", 0.99), ("Sharpness", -0.8),
    ("Posterize", 2), ("Posterize", 7), ("Solarize", 127.5), ("Solarize", 255.0),
    ("AutoContrast", 0), ("Equalize", 0), ("Identity", 0),
]


def pattern(height, width):
    """An image that the tests make too."""
    h, w, c = np.mgrid[0:height, 0:width, 0:3]
    return Image.fromarray(((h * 37 + w * 91 + c * 53 + h * w * 7) % 256).astype(np.uint8))


def resizing(folder):
    from torchvision.transforms import CenterCrop, Compose, Resize

    for name, filter in [("resized", "BILINEAR"), ("resized-bicubic", "BICUBIC")]:
        with open(os.path.join(folder, f"{name}.rgb"), "wb") as file:
            for height, width, rows, columns in RESIZED:
                resized = pattern(height, width).resize((columns, rows), Image.Resampling[filter])
                file.write(resized.tobytes())
    with open(os.path.join(folder, "tested.rgb"), "wb") as file:
        for height, width, resize, crop in TESTED:
            transform = Compose([Resize(resize), CenterCrop(crop)])
            file.write(transform(pattern(height, width)).tobytes())


def colours(folder):
    from torchvision.transforms import functional

    with open(os.path.join(folder, "colours.rgb"), "wb") as file:
        for kind, factor in COLOURS:
            image = getattr(functional, f"adjust_{kind}")(pattern(20, 31), factor)
            file.write(image.tobytes())


def operations(folder):
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.autoaugment import _apply_op

    with open(os.path.join(folder, "operations.rgb"), "wb") as file:
        for height, width in [(20, 31), (22, 22)]:
            # Less than the whole range, so that stretching it does something.
            image = Image.fromarray((np.asarray(pattern(height, width)) // 2 + 40).astype(np.uint8))
            for name, magnitude in OPERATIONS:
                changed = _apply_op(image, name, magnitude, InterpolationMode.BILINEAR, None)
                file.write(changed.tobytes())


def deep(folder):
    """16 bits a channel, which Pillow does not write."""
    values = np.random.default_rng(20160316).integers(0, 65536, (HEIGHT, WIDTH, 3))
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(kind, data):
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)
    with open(os.path.join(folder, "deep.png"), "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header))
        file.write(chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    with open(os.path.join(folder, "deep-png.rgb"), "wb") as file:
        file.write(np.rint(values / 257).astype(np.uint8).tobytes())


def reduced(folder):
    path = os.path.join(folder, "odd.jpg")
    pattern = np.kron(picture()[:12, :20], np.ones((4, 4, 1), np.uint8))[:45, :77]
    Image.fromarray(pattern).save(path, quality=85, subsampling="4:2:0")
    for reduction in [2, 4, 8]:
        image = Image.open(path)
        size = tuple((side + reduction - 1) // reduction for side in image.size)
        image.draft("RGB", tuple(side // reduction for side in image.size))
        assert image.size == size
        with open(os.path.join(folder, f"odd-jpg-{reduction}.rgb"), "wb") as file:
            file.write(image.tobytes())


def turned(folder):
    for orientation in range(1, 9):
        path = os.path.join(folder, f"turned-{orientation}.jpg")
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(picture()[:5, 14:23]).save(path, quality=90, exif=exif)
        with open(path.replace(".jpg", "-jpg.rgb"), "wb") as file:
            file.write(ImageOps.exif_transpose(Image.open(path)).tobytes())


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
        "palette-alpha.png": (colour.quantize(16), dict(transparency=3)),
        "grey-alpha.png": (alpha.convert("LA"), {}),
    }
    for name, (image, options) in images.items():
        path = os.path.join(folder, name)
        image.save(path, **options)
        decoded(path)
    # Adobe's segment ends with the transform: 0 for CMYK, 2 for YCCK.
    with open(os.path.join(folder, "cmyk.jpg"), "rb") as file:
        data = bytearray(file.read())
    data[data.index(b"Adobe") + 11] = 2
    path = os.path.join(folder, "ycck.jpg")
    with open(path, "wb") as file:
        file.write(data)
    decoded(path)


def decoded(path):
    stem, kind = path.rsplit(".", 1)
    with open(f"{stem}-{kind}.rgb", "wb") as file:
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
        deep(target)
        reduced(target)
        turned(target)
        resizing(target)
        colours(target)
        operations(target)
        if len(sys.argv) > 2:
            cifar(target, sys.argv[2])
