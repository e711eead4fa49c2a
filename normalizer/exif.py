"""What a photo's EXIF says: where, when and in which direction it was taken, and which way is up."""

import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from PIL import ExifTags, Image

from normalizer.schema import Position

LOCAL_TIME = ZoneInfo("Asia/Jakarta")  # EXIF times are the camera's wall clock unless an offset tag is there
FIRST_PHONES = datetime(1995, 1, 1, tzinfo=UTC)  # before there were cameras that write EXIF: a clock never set
AHEAD = timedelta(days=1)  # a clock may run fast, or be set to another zone

_ERRORS = (TypeError, ValueError, ZeroDivisionError, OverflowError, AttributeError, IndexError, KeyError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """Where, when and in which direction; `note` says what was left out and why."""

    position: Position | None = None
    taken_at: datetime | None = None
    direction: float | None = None
    note: str | None = None


def read_exif(exif: Image.Exif, now: datetime) -> Taken:
    """Read what Pillow parsed; absurd values are left out with a note. Raises what Pillow raises when broken."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
        position, no_position = _position(gps)
        taken_at, no_time = _taken_at({**exif, **exif.get_ifd(ExifTags.IFD.Exif)}, now)
    notes = [note for note in (no_position, no_time) if note]
    return Taken(position=position, taken_at=taken_at, direction=_direction(gps), note="; ".join(notes) or None)


def orientation_of(image: Image.Image) -> int:
    """EXIF's orientation from 1 to 8 (CIPA DC-008, 4.6.4.A), else XMP's, else 1; never raises."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            written = image.getexif().get(ExifTags.Base.Orientation) or _xmp_orientation(image)
    except Exception:
        return 1
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
    except _ERRORS:
        return None, "broken position"
    if not (math.isfinite(lat) and math.isfinite(long)) or abs(lat) > 90 or abs(long) > 180:
        return None, "impossible position"
    if abs(lat) < 0.01 and abs(long) < 0.01:
        return None, "position 0/0: the phone had no fix"
    return Position(lat=round(lat, 6), long=round(long, 6), accuracy=_accuracy(gps)), None


def _degrees(parts: Any, side: Any, negative: str) -> float:
    degrees, minutes, seconds = (*[float(part) for part in parts], 0.0, 0.0)[:3]
    seconds = 0.0 if math.isnan(seconds) else seconds  # some cameras write minutes with decimals and 0/0 seconds
    if not 0 <= minutes <= 60 or not 0 <= seconds <= 60:  # 60 itself: 59.9999 that was rounded
        raise ValueError("minutes and seconds go up to 60")
    value = degrees + minutes / 60 + seconds / 3600
    letter = side.decode("latin-1") if isinstance(side, bytes) else str(side or "")
    return -value if letter.strip("\0 ").upper().startswith(negative) else value


def _accuracy(gps: Mapping[int, Any]) -> float | None:
    try:
        metres = float(gps[ExifTags.GPS.GPSHPositioningError])
    except _ERRORS:
        return None
    return metres if math.isfinite(metres) and 0 < metres < 100_000 else None


def _direction(gps: Mapping[int, Any]) -> float | None:
    """Degrees from north, from 0 up to 360; Jakarta's magnetic north is within a degree of the true one."""
    try:
        degrees = float(gps[ExifTags.GPS.GPSImgDirection])
    except _ERRORS:
        return None
    return round(degrees % 360, 1) % 360 if math.isfinite(degrees) and 0 <= degrees <= 360 else None


def _taken_at(exif: Mapping[int, Any], now: datetime) -> tuple[datetime | None, str | None]:
    base = ExifTags.Base
    written = exif.get(base.DateTimeOriginal) or exif.get(base.DateTimeDigitized)
    if not str(written or "").strip("\0 :0"):
        return None, None  # not said; some cameras say it with blanks or noughts
    try:
        local = datetime.strptime(str(written).strip("\0 "), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007  (zone below)
        zone = _offset(exif.get(base.OffsetTimeOriginal) or exif.get(base.OffsetTime))
        taken_at = local.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None, "broken time"
    if taken_at < FIRST_PHONES:
        return None, f"time of {taken_at.year}: the clock was not set"
    if taken_at > now + AHEAD:
        return None, "time in the future"
    return taken_at, None


def _offset(written: object) -> timezone | ZoneInfo:
    match = re.fullmatch(r"([+-])(\d{2}):(\d{2})", str(written or "").strip("\0 "))
    if not match or int(match[2]) > 14 or int(match[3]) > 59:
        return LOCAL_TIME
    minutes = int(match[2]) * 60 + int(match[3])
    return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes))
