"""Reads safetensors files, without any package."""
import array
import json
import struct


def tensors(file):
    """Name -> (type, shape, bytes)."""
    data = file.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    return {name: (about["dtype"], about["shape"], data[8 + length:][slice(*about["data_offsets"])]) for name, about in header.items()}


def floats(entry):
    """The values of an F32 entry."""
    values = array.array("f")
    values.frombytes(entry[2])
    return values
