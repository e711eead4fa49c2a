"""What people and programs post over HTTP: forms, JSON and photos, each within limits; no control letters."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from normalizer.schema import Attachment
from normalizer.seen import seen

LARGEST_BODY = 64 * 1024
MOST_FIELDS = 100
MOST_PHOTOS, LARGEST_PHOTO = 4, 15_000_000
EMPTY_INPUTS = 2  # a browser sends an input for files that nobody used as an empty file
LARGEST_UPLOAD = 32_000_000  # bytes of a form with all its photos
PAUSE_SECONDS = 20.0  # the longest silence within a body: a phone in a tunnel, not one that went away


class BadBody(Exception):  # noqa: N818
    """The request's body cannot be taken; `status` is the HTTP status that says so."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def kind_of(request: Request) -> str:
    """The body's media type, in small letters and without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_fields(request: Request, *, takes_json: bool = False, nested: bool = False) -> dict[str, str]:
    """The fields of a posted form (or JSON object) as text. Raises BadBody: 413, 415 or 400.

    `nested`: the object `attribute` in the JSON is read as a form would name its parts, `attribute[code]`.
    """
    kind = kind_of(request)
    if takes_json and kind == "application/json":
        return _json_fields(await _bounded(request), nested=nested)
    if kind != "application/x-www-form-urlencoded":
        kinds = "application/x-www-form-urlencoded" + (" or application/json" if takes_json else "")
        raise BadBody(415, f"the body must be {kinds}")
    return _form_fields(await _bounded(request))


async def _bounded(request: Request) -> bytes:
    body = bytearray()
    async for chunk in _chunks(request, LARGEST_BODY):
        body += chunk
    return bytes(body)


async def _chunks(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    """A body of at most so many bytes, as it comes. Raises BadBody: 413, 408."""
    stream, size = request.stream(), 0
    while True:
        try:
            async with asyncio.timeout(PAUSE_SECONDS):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise BadBody(408, "the body took too long") from None
        if chunk is None:
            return
        size += len(chunk)
        if size > most:
            raise BadBody(413, f"the body is larger than {most} bytes")
        yield chunk


async def read_upload(request: Request) -> tuple[dict[str, str], list[Attachment]]:
    """The fields of a posted form, and the files that it brings. Raises BadBody: 408, 413, 415, 400 or 503.

    Ask who sends it before: so much is read of nobody.
    """
    if kind_of(request) != "multipart/form-data":
        return await read_fields(request), []
    return await unpack(await receive_form(request))


async def receive_form(request: Request) -> FormData:
    """A form with files, which lie on disk while they come: however slow it is, it holds little memory.

    To be unpacked, or closed. Raises BadBody: 408, 413, 400 or 503 (no room on the disk).
    """
    said = request.headers.get("content-length", "0")
    if not (said.isascii() and said.isdigit() and len(said) < 12) or int(said) > LARGEST_UPLOAD:
        raise BadBody(413, f"the form is larger than {LARGEST_UPLOAD} bytes")
    parser = MultiPartParser(
        request.headers,
        _chunks(request, LARGEST_UPLOAD),
        max_files=MOST_PHOTOS + EMPTY_INPUTS,
        max_fields=MOST_FIELDS,
        max_part_size=LARGEST_BODY,
    )
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise BadBody(413 if "Too many files" in error.message else 400, "the form cannot be read") from None
    except OSError:
        raise BadBody(503, "there is no room for the form") from None


async def unpack(form: FormData) -> tuple[dict[str, str], list[Attachment]]:
    """A received form's fields, and its files' bytes; closes it. Raises BadBody (413)."""
    try:
        fields = {name: seen(value) for name, value in form.multi_items() if isinstance(value, str)}
        files = [await _file(value) for _, value in form.multi_items() if isinstance(value, UploadFile)]
    finally:
        await form.close()
    files = [file for file in files if file.content]
    if len(files) > MOST_PHOTOS:
        raise BadBody(413, f"the form has more than {MOST_PHOTOS} files")
    return fields, files


async def _file(upload: UploadFile) -> Attachment:
    content = await upload.read(LARGEST_PHOTO + 1)
    if len(content) > LARGEST_PHOTO:
        raise BadBody(413, f"a photo is larger than {LARGEST_PHOTO} bytes")
    kind, name = upload.content_type or "", seen(upload.filename or "")
    return Attachment(content=content, content_type=kind[:100], name=name.replace("\\", "/").split("/")[-1][-200:])


def _form_fields(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("utf-8", "replace"), keep_blank_values=True, errors="replace", max_num_fields=MOST_FIELDS
        )
    except ValueError:
        raise BadBody(400, "the form cannot be read") from None
    return {name: seen(value) for name, value in pairs}


def _json_fields(body: bytes, *, nested: bool) -> dict[str, str]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise BadBody(400, "the JSON cannot be read") from None
    if not isinstance(said, dict) or len(said) > MOST_FIELDS:
        raise BadBody(400, "the JSON must be one object")
    fields: dict[str, str] = {}
    for name, value in said.items():
        if nested and name == "attribute" and isinstance(value, dict):
            fields |= {f"{name}[{inner}]": _plain(name, each) for inner, each in value.items() if each is not None}
        elif value is not None:
            fields[name] = _plain(name, value)
    return fields


def _plain(name: str, value: Any) -> str:
    if isinstance(value, (dict, list)):
        raise BadBody(400, f"{seen(name)[:40]} must be a text")
    return seen(str(value))
