"""Writes the fixtures of SafetensorsTests with Python's safetensors package, the reference.

python make_fixtures.py [FOLDER]; the default folder is ../../SafetensorsTests/Fixtures. The output
depends on nothing but the package's version and the seed below.

    reference.safetensors   one small tensor of every NumPy type, awkward names, one metadata key
    widened.safetensors     F16, BF16, F64 and F32 tensors of special and ordinary values, and for
                            each a tensor `NAME.float32` with the values as PyTorch converts them
    verdicts.json           "cases": files made by hand, each with the reference's verdict and what
                            it read; "mutations": a valid file and edits of it with the verdicts;
                            "parameters_sha256": the digest of reference.safetensors
"""

import base64
import json
import os
import random
import struct
import sys

import numpy as np
import safetensors
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

from parameters_sha256 import parameters_sha256

SEED = 20151210
F32 = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
EMPTY = '{"dtype":"F32","shape":[0],"data_offsets":[4,4]}'


def file(header, data=b"", length=None):
    header = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def one(dtype="F32", shape="[1]", offsets="[0,4]", extra=""):
    return '{"a":{"dtype":"%s","shape":%s,"data_offsets":%s%s}}' % (dtype, shape, offsets, extra)


def cases():
    """(name, bytes, stricter): stricter says why this project rejects what the reference accepts."""
    four = bytes(range(4))
    eight = bytes(range(8))
    yield "valid", file('{"a":%s}' % F32, four), None
    yield "no tensors", file("{}"), None
    yield "trailing white space", file('{"a":%s}\n\t ' % F32, four), None
    yield "header not a multiple of 8 long", file('{"a":%s} ' % F32, four), None
    yield "scalar", file(one("I64", "[]", "[0,8]"), eight), None
    yield "zero size", file(one("I64", "[0,5]", "[0,0]")), None
    yield "zero size last", file('{"a":%s,"z":%s}' % (F32, EMPTY), four), None
    yield "out of order", file('{"b":%s,"a":%s}' % (F32.replace("[0,4]", "[4,8]"), F32), eight), None
    yield "unknown field", file(one(extra=',"note":{"q":[1,-2.5e3,true,null,"x"]}'), four), None
    yield "unknown field 100 deep", file(one(extra=',"note":' + "[" * 100 + "]" * 100), four), None
    yield "metadata", file('{"__metadata__":{"format":"pt","épée":"\\u00e9\\ud83d\\ude00"},"a":%s}' % F32, four), None
    yield "null metadata", file('{"__metadata__":null,"a":%s}' % F32, four), None
    yield "escaped name", file('{"\\u00e9\\ud83d\\ude00\\n\\"\\\\\\/\\b\\f\\r\\t":%s}' % F32, four), None
    yield "empty name", file('{"":%s}' % F32, four), None
    yield "names equal but for normalization", file('{"\u00e9":%s,"e\u0301":%s}' % (F32, F32.replace("[0,4]", "[4,8]")), eight), None
    yield "packed F4", file(one("F4", "[4]", "[0,2]"), four[:2]), None
    for dtype in "BOOL U8 I8 F8_E5M2 F8_E4M3 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ".split():
        yield dtype, file(one(dtype, "[4]"), four), None
    for dtype in "I16 U16 F16 BF16".split():
        yield dtype, file(one(dtype, "[2]"), four), None
    for dtype in "I32 U32 F32".split():
        yield dtype, file(one(dtype), four), None
    for dtype in "C64 F64 I64 U64".split():
        yield dtype, file(one(dtype, "[1]", "[0,8]"), eight), None

    yield "nothing", b"", None
    yield "seven bytes", b"1234567", None
    yield "header of 2^63 bytes", file("{}", length=2**63), None
    yield "header of 100000001 bytes", file("{}", length=100_000_001), None
    yield "header longer than the file", file("{}", length=3), None
    yield "empty header", file(""), None
    yield "header is an array", file("[]"), None
    yield "header is not UTF-8", file(b'{"\xff":' + F32.encode() + b"}", four), None
    yield "header ends with NUL", file('{"a":%s}\0' % F32, four), None
    yield "two objects", file('{"a":%s}{}' % F32, four), None
    yield "trailing comma", file('{"a":%s,}' % F32, four), None
    yield "unfinished", file('{"a":%s' % F32, four), None
    yield "control character in a name", file('{"a\x01":%s}' % F32, four), None
    yield "lone surrogate", file('{"\\ud800":%s}' % F32, four), None
    yield "bad escape", file('{"\\x":%s}' % F32, four), None
    yield "unknown field 200 deep", file(one(extra=',"note":' + "[" * 200 + "]" * 200), four), None
    yield "unknown field not JSON", file(one(extra=',"note":nul'), four), None
    yield "duplicate dtype", file(one(extra=',"dtype":"F32"'), four), None
    yield "duplicate metadata", file('{"__metadata__":{},"__metadata__":{},"a":%s}' % F32, four), None
    yield "metadata of numbers", file('{"__metadata__":{"x":1},"a":%s}' % F32, four), None
    yield "metadata is an array", file('{"__metadata__":[],"a":%s}' % F32, four), None
    yield "missing dtype", file('{"a":{"shape":[1],"data_offsets":[0,4]}}', four), None
    yield "missing shape", file('{"a":{"dtype":"F32","data_offsets":[0,4]}}', four), None
    yield "missing offsets", file('{"a":{"dtype":"F32","shape":[1]}}', four), None
    yield "entry is a number", file('{"a":1}'), None
    yield "dtype is a number", file('{"a":{"dtype":1,"shape":[1],"data_offsets":[0,4]}}', four), None
    yield "unknown dtype", file(one("F33"), four), None
    yield "dtype in lower case", file(one("f32"), four), None
    yield "shape is a number", file(one(shape="1"), four), None
    yield "negative dimension", file(one(shape="[-1]"), four), None
    yield "minus zero", file(one(shape="[-0]", offsets="[0,0]")), None
    yield "fractional dimension", file(one(shape="[1.0]"), four), None
    yield "exponent", file(one(shape="[1e0]"), four), None
    yield "leading zero", file(one(shape="[01]"), four), None
    yield "dimension in quotes", file(one(shape='["1"]'), four), None
    yield "dimension of 2^64", file(one(shape="[18446744073709551616]"), four), None
    yield "negative offset", file(one(offsets="[-4,0]"), four), None
    yield "three offsets", file(one(offsets="[0,4,4]"), four), None
    yield "one offset", file(one(offsets="[0]"), four), None
    yield "end before begin", file(one(offsets="[4,0]"), four), None
    yield "product overflows", file(one(shape="[4294967296,4294967296]"), four), None
    yield "bytes overflow", file(one("F64", "[4503599627370496,1024]"), four), None
    yield "product overflows before a zero", file(one(shape="[4294967296,4294967296,0]", offsets="[0,0]")), None
    yield "range too long for shape", file(one(offsets="[0,8]"), eight), None
    yield "range too short for shape", file(one(shape="[2]"), four), None
    yield "F4 without a byte boundary", file(one("F4", "[3]", "[0,2]"), four[:2]), None
    yield "first tensor not at 0", file(one(offsets="[4,8]"), eight), None
    yield "overlap", file('{"a":%s,"b":%s}' % (F32, F32), four), None
    yield "hole", file('{"a":%s,"b":%s}' % (F32, F32.replace("[0,4]", "[8,12]")), eight + four), None
    two = F32.replace("[1]", "[2]").replace("[0,4]", "[0,8]")
    yield "zero size inside another", file('{"a":%s,"z":%s}' % (two, EMPTY), eight), None
    yield "trailing byte", file('{"a":%s}' % F32, four + b"\0"), None
    yield "last byte missing", file('{"a":%s}' % F32, four[:3]), None

    yield "duplicate name", file('{"a":%s,"a":%s}' % (F32, F32), four), "duplicate keys are ambiguous"
    yield "duplicate name by escape", file('{"a":%s,"\\u0061":%s}' % (F32, F32), four), "duplicate keys are ambiguous"
    yield "duplicate metadata key", file('{"__metadata__":{"x":"1","x":"2"},"a":%s}' % F32, four), "duplicate keys are ambiguous"
    yield "leading white space", file(' {"a":%s}' % F32, four), "the format says the header begins with {"
    yield "entry is an array", file('{"a":["F32",[1],[0,4]]}', four), "an accident of the reference's JSON library"
    yield "dimension of 2^64-1 beside a zero", file(one(shape="[0,18446744073709551615]", offsets="[0,0]")), "numbers end at 2^53"
    yield "rank 65", file(one(shape="[%s]" % ",".join(["1"] * 65)), four), "ranks end at 64"


def verdict(data):
    """What the reference reads: {name: [dtype, shape, bytes in hexadecimal]}, or None."""
    try:
        tensors = safetensors.deserialize(data)
    except safetensors.SafetensorError:
        return None
    return {
        name: [tensor["dtype"], tensor["shape"], bytes(tensor["data"]).hex()]
        for name, tensor in sorted(tensors)  # deserialize has no fixed order
    }


def mutations(base, count):
    """Edits [offset, deleted bytes, inserted bytes as text or a list] and whether they stay valid."""
    rng = random.Random(SEED)
    pieces = ["0", "1", "-", ".", "e9", '"', ",", "{", "}", "[", "]", "\\", "\\u0041", " ", "F64", "4"]
    for _ in range(count):
        data = bytearray(base)
        edits = []
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            offset = rng.randrange(len(data) + 1)
            kind = rng.randrange(4)
            if kind == 0:  # one bit
                offset = min(offset, len(data) - 1)
                edit = [offset, 1, [data[offset] ^ 1 << rng.randrange(8)]]
            elif kind == 1:  # a digit for a digit
                digits = [i for i, byte in enumerate(data) if i >= 8 and chr(byte).isdigit() and byte < 128]
                edit = [rng.choice(digits or [0]), 1, rng.choice("0123456789")]
            elif kind == 2:  # a deletion, the header's length kept or mended
                edit = [offset, rng.randrange(1, 4), ""]
            else:
                edit = [offset, 0, rng.choice(pieces)]
            inserted = edit[2].encode() if isinstance(edit[2], str) else bytes(edit[2])
            data[edit[0] : edit[0] + edit[1]] = inserted
            edits.append(edit)
        if rng.random() < 0.5:  # a header whose length is right reaches the later rules
            end = data.rfind(b"}") + 1
            length = list(struct.pack("<Q", max(end - 8, 0)))
            data[0:8] = bytes(length)
            edits.append([0, 8, length])
        yield {"edits": edits, "accepted": verdict(bytes(data)) is not None}


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "../../SafetensorsTests/Fixtures")
    os.makedirs(folder, exist_ok=True)
    rng = np.random.default_rng(SEED)

    reference = os.path.join(folder, "reference.safetensors")
    types = "bool uint8 int8 int16 uint16 float16 int32 uint32 float32 float64 int64 uint64".split()
    tensors = {f"{name}.tensor": (rng.standard_normal((2, 3)) * 50).astype(name) for name in types if name[0] != "u"}
    tensors |= {f"{name}.tensor": rng.integers(0, 200, (2, 3)).astype(name) for name in types if name[0] == "u"}
    tensors["scalar"] = np.array(391, np.int64)
    tensors["empty"] = np.zeros((0, 4), np.float32)
    tensors['awkward/é\n"\\\x01\x7f'] = np.array([1.5], np.float32)
    tensors["a"] = np.array([-0.0, np.nan, np.inf], np.float32)
    tensors["Z"] = np.array([1e-45], np.float32)
    save_file(tensors, reference, metadata={"format": "pt"})

    widened = os.path.join(folder, "widened.safetensors")
    special = torch.tensor([0.0, -0.0, 1 / 3, -65504.0, 6e-8, 1e-3, 3e38, 1e-40, float("inf"), 1 + 2**-24], dtype=torch.float64)
    values = torch.cat([special, torch.from_numpy(rng.standard_normal(22))])
    converted = {str(t)[6:]: values.to(t) for t in (torch.float16, torch.bfloat16, torch.float32, torch.float64)}
    converted |= {f"{name}.float32": tensor.to(torch.float32, copy=True) for name, tensor in list(converted.items())}
    save_torch(converted, widened)

    results = []
    for name, data, stricter in cases():
        tensors = verdict(data)
        assert not stricter or tensors is not None, f"{name}: the reference rejects it as well"
        results.append({"name": name, "base64": base64.b64encode(data).decode(), "tensors": tensors, "stricter": stricter})
    base = file(
        '{"__metadata__":{"k":"v"},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[8,32]},'
        '"n":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"h":{"dtype":"F16","shape":[1],"data_offsets":[32,34]}}',
        bytes(range(34)))
    with open(os.path.join(folder, "verdicts.json"), "w") as output:
        def lines(items):
            return ",\n".join(json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in items)

        output.write('{"reference_version":"%s",\n"cases":[\n' % safetensors.__version__)
        output.write(lines(results) + '],\n"base":"%s",\n"mutations":[\n' % base64.b64encode(base).decode())
        output.write(lines(mutations(base, 1500)))
        output.write('],\n"parameters_sha256":%s}\n' % json.dumps({"reference.safetensors": parameters_sha256(reference)}))
    print(f"{len(results)} cases, {sum(c['tensors'] is not None for c in results)} accepted")


main()
