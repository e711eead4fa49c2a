"""What the head of a photo's bytes tells: what they are, how large, where and when taken; cheap on any bytes."""

import io
import re
import warnings
from dataclasses import replace
from datetime import UTC, datetime

from PIL import Image

from normalizer.edited import software_of
from normalizer.exif import orientation_of, read_exif
from normalizer.schema import PhotoFacts

MAX_BYTES = 40_000_000
MAX_PIXELS = 50_000_000  # of a picture that is decoded whole (a 48-megapixel HEIC): a bomb says far more
MAX_PIXELS_JPEG = 210_000_000  # phones' largest: an ordinary JPEG is decoded at an eighth of its size
Image.MAX_IMAGE_PIXELS = MAX_PIXELS_JPEG  # Pillow's own guard stands behind ours, at twice as much

NO_HEIC = "kept, not shown: HEIC cannot be read here"

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


def read_photo(content: bytes, content_type: str = "", now: datetime | None = None) -> PhotoFacts:
    """Tell what the bytes of one upload hold; never raises, decodes no pixels where the format allows it.

    `readable` means that people can be shown it: JPEG, PNG, WebP, GIF, AVIF and BMP, whole or cut short behind
    the head. HEIC counts only where pillow_heif is installed; else it is kept with a note, and only its EXIF is
    read. Width and height are upright.
    The position is the EXIF one (degrees, WGS 84); 0/0 and impossible values are left out with a note, as are
    times before there were such cameras and more than a day after `now`.
    `content_type` is what the sender claims and only serves where the bytes say nothing. `phash` needs the
    pixels: normalizer.picture fills it.
    """
    now = now or datetime.now(UTC)
    if refused := refusal(content, content_type, now):
        return refused
    try:
        with open_photo(content) as image:
            return facts_of(image, content, now)
    except Exception as error:
        return broken(content, error)


def refusal(content: bytes, content_type: str, now: datetime) -> PhotoFacts | None:
    """The facts about bytes that are not even opened; None when they may be."""
    kind = type_of(content)
    if not content:
        return PhotoFacts(readable=False, content_type=content_type or kind, note="empty")
    if len(content) > MAX_BYTES:
        return PhotoFacts(readable=False, content_type=kind, note=f"larger than {MAX_BYTES // 1_000_000} MB")
    if kind == "image/heic" and not _can_read_heic():
        return _heic_facts(content, now)
    if kind not in _SHOWN and kind != "image/heic":
        return PhotoFacts(readable=False, content_type=kind, note="not a photo")
    return None


def broken(content: bytes, error: Exception) -> PhotoFacts:
    note = f"cannot be read: {type(error).__name__}"
    return PhotoFacts(readable=False, content_type=type_of(content), note=note)


class TooLarge(ValueError):  # noqa: N818
    """More pixels than any camera takes."""


def _can_read_heic() -> bool:
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener(thumbnails=False)
    return True


def open_photo(content: bytes) -> Image.Image:
    """Read the head only. Raises when it is no picture, or TooLarge when it says too many pixels.

    Of an animation it is the first frame: no other is ever decoded.
    """
    formats = [*_FORMATS, "HEIF"] if type_of(content) == "image/heic" else _FORMATS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(io.BytesIO(content), formats=formats)
    shrinks = image.format == "JPEG" and not image.info.get("progressive")
    if image.width * image.height > (MAX_PIXELS_JPEG if shrinks else MAX_PIXELS):
        image.close()
        raise TooLarge(f"{image.width} x {image.height} pixels")
    return image


def facts_of(image: Image.Image, content: bytes, now: datetime) -> PhotoFacts:
    """What an open picture's head says; never raises."""
    facts = PhotoFacts(
        readable=True,
        content_type=type_of(content),
        width=image.width,
        height=image.height,
        software=software_of(image, content),
    )
    if orientation_of(image) >= 5:  # 5 to 8 lie on their side
        facts = replace(facts, width=image.height, height=image.width)
    try:
        return _with_exif(facts, image.getexif(), now)
    except Exception:
        return replace(facts, note="broken EXIF")


def _with_exif(facts: PhotoFacts, exif: Image.Exif, now: datetime) -> PhotoFacts:
    said = read_exif(exif, now)
    return replace(
        facts,
        position=said.position,
        taken_at=said.taken_at,
        direction=said.direction,
        note=said.note or facts.note,
    )


def _heic_facts(content: bytes, now: datetime) -> PhotoFacts:
    """HEIC without its library: the EXIF block stands in the file as it would in a JPEG."""
    facts = PhotoFacts(readable=False, content_type="image/heic", note=NO_HEIC)
    block = re.search(rb"(?:II\*\0\x08\0\0\0|MM\0\*\0\0\0\x08)", content)
    if block is None:
        return facts
    try:
        exif = Image.Exif()
        exif.load(content[block.start() : block.start() + 65_536])
        return replace(_with_exif(facts, exif, now), note=NO_HEIC)
    except Exception:
        return facts
