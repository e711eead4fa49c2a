"""What a photo's bytes tell, and a small upright copy of it without its metadata; hostile bytes cost little."""

import io
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from PIL import ExifTags, Image

from normalizer.schema import PhotoFacts, Position

MAX_BYTES = 40_000_000
MAX_PIXELS = 80_000_000  # a phone's largest; a bomb says a thousand times more
LOCAL_TIME = ZoneInfo("Asia/Jakarta")  # EXIF times are the camera's wall clock unless an offset tag is there

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP")
_SHOWN = frozenset(f"image/{name.lower()}" for name in _FORMATS)
_MAGIC: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"....ftyp(?:avif|avis)", re.DOTALL), "image/avif"),
    (re.compile(rb"....ftyp(?:hei[csxm]|hev[cmsx]|mif1|msf1)", re.DOTALL), "image/heic"),
    (re.compile(rb"BM.{4}\0\0\0\0", re.DOTALL), "image/bmp"),
    (re.compile(rb"(?:II\*\0|MM\0\*)"), "image/tiff"),
    (re.compile(rb"%PDF-"), "application/pdf"),
    (re.compile(rb"PK\x03\x04"), "application/zip"),
    (re.compile(rb"....ftyp", re.DOTALL), "video/mp4"),
)


def type_of(content: bytes) -> str:
    """Name the content type by the first bytes, whatever a name or header says."""
    for pattern, content_type in _MAGIC:
        if pattern.match(content):
            return content_type
    return "application/octet-stream"


def read_photo(content: bytes, content_type: str = "") -> PhotoFacts:
    """Tell what the bytes of one upload hold; never raises.

    `readable` means that people can be shown it: JPEG, PNG, WebP, GIF, AVIF and BMP, whole or cut short behind
    the head. HEIC counts only where pillow_heif is installed; else it is kept with a note, and only its EXIF is
    read. Width and height are upright.
    The position is the EXIF one (degrees, WGS 84); 0/0 and impossible values are left out with a note.
    `content_type` is what the sender claims and only serves where the bytes say nothing.
    """
    kind = type_of(content)
    if not content:
        return PhotoFacts(readable=False, content_type=content_type or kind, note="empty")
    if len(content) > MAX_BYTES:
        return PhotoFacts(readable=False, content_type=kind, note=f"larger than {MAX_BYTES // 1_000_000} MB")
    if kind == "image/heic" and not _can_read_heic():
        return _heic_facts(content)
    if kind not in _SHOWN and kind != "image/heic":
        return PhotoFacts(readable=False, content_type=kind, note="not a photo")
    try:
        with _open(content) as image:
            return _facts(image, kind)
    except Exception as error:
        return PhotoFacts(readable=False, content_type=kind, note=f"cannot be read: {type(error).__name__}")


class _TooLargeError(ValueError):
    """More pixels than any camera takes."""


def _can_read_heic() -> bool:
    try:
        import pillow_heif  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def _open(content: bytes) -> Image.Image:
    """Read the head only. Raises when it is no picture or says more than MAX_PIXELS."""
    formats = [*_FORMATS, "HEIF"] if type_of(content) == "image/heic" else _FORMATS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(io.BytesIO(content), formats=formats)
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise _TooLargeError(f"{image.width} x {image.height} pixels")
    return image


def _facts(image: Image.Image, kind: str) -> PhotoFacts:
    facts = PhotoFacts(readable=True, content_type=kind, width=image.width, height=image.height)
    try:
        if _safe_orientation(image) >= 5:  # 5 to 8 lie on their side (CIPA DC-008, 4.6.4.A)
            facts = replace(facts, width=image.height, height=image.width)
        return _with_exif(facts, image.getexif())
    except Exception:
        return replace(facts, note="broken EXIF")


def _with_exif(facts: PhotoFacts, exif: Image.Exif) -> PhotoFacts:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        position, note = _position(exif.get_ifd(ExifTags.IFD.GPSInfo))
        taken_at = _taken_at({**exif, **exif.get_ifd(ExifTags.IFD.Exif)})
    return replace(facts, position=position, taken_at=taken_at, note=note or facts.note)


def _heic_facts(content: bytes) -> PhotoFacts:
    """HEIC without its library: the EXIF block stands in the file as it would in a JPEG."""
    note = "kept, not shown: HEIC cannot be read here"
    facts = PhotoFacts(readable=False, content_type="image/heic", note=note)
    block = re.search(rb"(?:II\*\0\x08\0\0\0|MM\0\*\0\0\0\x08)", content)
    if block is None:
        return facts
    try:
        exif = Image.Exif()
        exif.load(content[block.start() : block.start() + 65_536])
        return replace(_with_exif(facts, exif), note=note)
    except Exception:
        return facts


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation from 1 to 8, else XMP's, else 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        written = image.getexif().get(ExifTags.Base.Orientation) or _xmp_orientation(image)
    return written if isinstance(written, int) and 1 <= written <= 8 else 1


def _xmp_orientation(image: Image.Image) -> int | None:
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    text = xmp.decode("utf-8", "replace") if isinstance(xmp, bytes) else str(xmp)
    match = re.search(r"tiff:Orientation(?:=\"|>)([1-8])", text[:100_000])
    return int(match[1]) if match else None


def _position(gps: Mapping[int, Any]) -> tuple[Position | None, str | None]:
    """Read a GPS block (CIPA DC-008, 4.6.6): the position, or None and why there is none."""
    tags = ExifTags.GPS
    if tags.GPSLatitude not in gps or tags.GPSLongitude not in gps:
        return None, None
    try:
        lat = _degrees(gps[tags.GPSLatitude], gps.get(tags.GPSLatitudeRef), "S")
        long = _degrees(gps[tags.GPSLongitude], gps.get(tags.GPSLongitudeRef), "W")
    except (TypeError, ValueError, ZeroDivisionError, AttributeError, IndexError):
        return None, "broken position"
    if not (math.isfinite(lat) and math.isfinite(long)) or abs(lat) > 90 or abs(long) > 180:
        return None, "impossible position"
    if abs(lat) < 0.01 and abs(long) < 0.01:
        return None, "position 0/0: the phone had no fix"
    return Position(lat=round(lat, 6), long=round(long, 6), accuracy=_accuracy(gps)), None


def _degrees(parts: Any, side: Any, negative: str) -> float:
    degrees, minutes, seconds = (*[float(part) for part in parts], 0.0, 0.0)[:3]
    seconds = 0.0 if math.isnan(seconds) else seconds  # some cameras write minutes with decimals and 0/0 seconds
    if not 0 <= minutes < 60 or not 0 <= seconds < 60:
        raise ValueError("minutes and seconds go up to 60")
    value = degrees + minutes / 60 + seconds / 3600
    letter = side.decode("latin-1") if isinstance(side, bytes) else str(side or "")
    return -value if letter.strip("\0 ").upper().startswith(negative) else value


def _accuracy(gps: Mapping[int, Any]) -> float | None:
    try:
        metres = float(gps[ExifTags.GPS.GPSHPositioningError])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return metres if math.isfinite(metres) and 0 < metres < 100_000 else None


def _taken_at(exif: Mapping[int, Any]) -> datetime | None:
    base = ExifTags.Base
    written = exif.get(base.DateTimeOriginal) or exif.get(base.DateTimeDigitized)
    try:
        local = datetime.strptime(str(written).strip("\0 "), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007  (zone below)
        zone = _offset(exif.get(base.OffsetTimeOriginal) or exif.get(base.OffsetTime))
        return local.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _offset(written: object) -> timezone | ZoneInfo:
    match = re.fullmatch(r"([+-])(\d{2}):(\d{2})", str(written or "").strip("\0 "))
    if not match:
        return LOCAL_TIME
    minutes = int(match[2]) * 60 + int(match[3])
    return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes))


def make_copy(content: bytes, max_side: int) -> bytes:
    """Make an upright JPEG whose longer side has at most `max_side` pixels, without any metadata.

    Raises ValueError when the bytes are no readable photo.
    """
    if not read_photo(content).readable:
        raise ValueError("no readable photo")
    try:
        with _open(content) as image:
            return _jpeg(image, max_side)
    except Exception as error:
        raise ValueError(f"the photo cannot be copied: {type(error).__name__}") from error


_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _safe_orientation(image: Image.Image) -> int:
    try:
        return _orientation(image)
    except Exception:
        return 1


def _jpeg(image: Image.Image, max_side: int) -> bytes:
    image.draft("RGB", (max_side, max_side))
    turn = _UPRIGHT.get(_safe_orientation(image))
    image.thumbnail((max_side, max_side))
    picture = image.transpose(turn) if turn is not None else image
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA"))
    bare = picture.convert("RGB")
    out = io.BytesIO()
    Image.frombytes("RGB", bare.size, bare.tobytes()).save(out, "JPEG", quality=82, optimize=True)
    return out.getvalue()
