"""What a picture file says it was edited or made with: EXIF, XMP, PNG's texts and content credentials (C2PA)."""

import re
import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from PIL import ExifTags, Image

LONGEST = 100  # characters
_XMP_BYTES = 200_000

# Editors and makers of pictures; a phone's own firmware ("HDR+ 1.0", "17.5.1", "A325FXXU2") is none.
_EDITORS = re.compile(
    r"photoshop|lightroom|adobe (?:express|firefly)|firefly|\bgimp\b|snapseed|pics ?art|canva\b|pixelmator"
    r"|affinity|facetune|\bvsco|meitu|beautyplus|youcam|remini|photo ?room|polarr|paint\.net|paint ?shop"
    r"|\bcorel|luminar|krita|inkscape|photo ?scape|\bfotor|pixlr|befunky|photo ?director|inshot|photo editor"
    r"|inpaint|retouch|magic eraser|dall.?e\b|openai|chatgpt|midjourney|stable diffusion|comfyui|automatic1111"
    r"|invokeai|novelai|ideogram|leonardo\.ai|\bimagen\b|\bgemini\b|google ai\b|\bgrok\b|\bflux\b|c2pa"
    r"|algorithmicmedia",
    re.IGNORECASE,
)
# A C2PA manifest store is a JUMBF box that describes itself so, whatever file it lies in (C2PA 2.1, 11.1.4).
_C2PA = re.compile(rb"jumb.{4}jumdc2pa", re.DOTALL)
_MADE = re.compile(rb"(?:compositeWithT|t)rainedAlgorithmicMedia|compositeSynthetic|algorithmicMedia|digitalArt")
_CHANGED = re.compile(
    rb"c2pa\.(?:edited|color_adjustments|cropped|drawing|filtered|placed|removed|adjustedColor)|c2pa\.opened"
)
_CAPTURED = re.compile(rb"(?:digital|computational)Capture")
_CREATOR = re.compile(r"xmp:CreatorTool(?:=\"|>)([^\"<]{1,200})")
_SOURCE = re.compile(r"DigitalSourceType[^<]{0,200}?((?:compositeWithT|t)rainedAlgorithmicMedia|algorithmicMedia)")


def software_of(image: Image.Image, content: bytes) -> str | None:
    """The editor or maker that an open picture's file names, else the software it names; never raises.

    Content credentials that speak of a capture by a camera and of nothing else are no edit: new phones write them
    into every photo.
    """
    named: list[str] = []
    with warnings.catch_warnings(), suppress(Exception):
        warnings.simplefilter("ignore")
        for each in _named(image, content):
            named.append(each)
    tidy = list(filter(None, map(_tidy, named)))
    return next(filter(is_editor, tidy), tidy[0] if tidy else None)


def is_editor(software: str | None) -> bool:
    """Whether this is the name of a program that changes or makes pictures."""
    return bool(software and _EDITORS.search(software))


def _tidy(said: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in said).split())[:LONGEST]


def _named(image: Image.Image, content: bytes) -> Iterator[str]:
    if credentials := _credentials(content):
        yield credentials
    info = image.info
    if isinstance(info.get("parameters"), str) and "Steps:" in info["parameters"]:
        yield "Stable Diffusion"
    if {"prompt", "workflow"} <= info.keys():
        yield "ComfyUI"
    yield from _in_xmp(info.get("xmp") or info.get("XML:com.adobe.xmp") or "")
    yield _text(info.get("Software"))
    yield from _in_exif(image)


def _in_exif(image: Image.Image) -> Iterator[str]:
    with suppress(Exception):  # a broken block says nothing; what was found before it counts
        exif = image.getexif()
        for tag in (ExifTags.Base.Software, ExifTags.Base.ProcessingSoftware):
            yield _text(exif.get(tag))


def _in_xmp(xmp: Any) -> Iterator[str]:
    said = _text(xmp)
    for pattern in (_CREATOR, _SOURCE):
        if match := pattern.search(said):
            yield match[1]


def _text(said: Any) -> str:
    said = said[:_XMP_BYTES] if isinstance(said, (bytes, str)) else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said


def _credentials(content: bytes) -> str | None:
    """What content credentials say of the picture; None without any, or where they speak of a camera alone."""
    start = _C2PA.search(content)
    if start is None:
        return None
    if made := _MADE.search(content, start.end()):
        return f"C2PA: {made[0].decode()}"
    if _CAPTURED.search(content, start.end()) and not _CHANGED.search(content, start.end()):
        return None
    return "C2PA"
