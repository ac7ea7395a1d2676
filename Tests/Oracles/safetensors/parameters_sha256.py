"""The digest that resnet-dist prints as parameters_sha256: python parameters_sha256.py FILE."""

import hashlib
import sys

from safetensors.numpy import load_file


def parameters_sha256(path):
    digest = hashlib.sha256()
    for name, values in sorted(load_file(path).items()):
        if values.dtype.kind == "f":
            digest.update(name.encode() + b"\0" + values.astype("<f4").tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    print(parameters_sha256(sys.argv[1]))
