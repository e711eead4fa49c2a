"""The copies that people see: upright, small, of the pixels alone; and the hash that finds the picture again."""

import io
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from PIL import Image, ImageCms, ImageFile

from normalizer.exif import orientation_of
from normalizer.photo import broken, facts_of, open_photo, refusal
from normalizer.photo_hash import phash
from normalizer.schema import PhotoFacts

COPY_SIDE, THUMB_SIDE = 1600, 320  # pixels: the longer side of the working copy and of the thumbnail
QUALITY = 82
HAMMING = Image.Resampling.HAMMING  # as sharp as bicubic when it makes smaller, in half the time

ImageFile.LOAD_TRUNCATED_IMAGES = True  # of a photo that was cut short people see what there is

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Copies:
    """JPEGs without any metadata: the working copy and the thumbnail."""

    copy: bytes
    thumb: bytes


def look(content: bytes, content_type: str = "", now: datetime | None = None) -> tuple[PhotoFacts, Copies | None]:
    """Facts (with `phash`) and copies of one upload; never raises. No copies: it cannot be shown.

    A photo that is readable by its head and broken further in has facts and no copies.
    """
    now = now or datetime.now(UTC)
    if refused := refusal(content, content_type, now):
        return refused, None
    try:
        with open_photo(content) as image:
            return _looked_at(image, facts_of(image, content, now))
    except Exception as error:
        return broken(content, error), None


def _looked_at(image: Image.Image, facts: PhotoFacts) -> tuple[PhotoFacts, Copies | None]:
    try:
        picture = upright(image, COPY_SIDE)
        small = picture.copy()
        small.thumbnail((THUMB_SIDE, THUMB_SIDE), HAMMING)
        copies = Copies(copy=jpeg(picture), thumb=jpeg(small))
    except Exception as error:
        return replace(facts, note=f"cannot be shown: {type(error).__name__}"), None
    return replace(facts, phash=phash(small)), copies


def upright(image: Image.Image, max_side: int) -> Image.Image:
    """The first frame as RGB pixels and nothing else, turned as the camera was held, at most `max_side` long.

    Transparent places are white. Raises what Pillow raises.
    """
    turn = _UPRIGHT.get(orientation_of(image))
    image.draft("RGB", (max_side, max_side))
    picture = _with_colours(image)
    picture.thumbnail((max_side, max_side), HAMMING)
    picture = _in_srgb(picture, image.info.get("icc_profile"))
    if picture.mode == "RGBA":
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    picture = picture.transpose(turn) if turn is not None else picture
    return picture.convert("RGB")


def _with_colours(image: Image.Image) -> Image.Image:
    """In a mode that can be scaled: palettes and 16-bit greys cannot."""
    if image.mode.startswith("I"):
        return image.point(lambda value: value * (1 / 256)).convert("L")
    if image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("RGB") if image.mode in {"P", "1"} else image


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """As every screen shows it that knows of no profile; unchanged where the profile is broken or another mode's.

    Phones photograph in Display P3, cameras in Adobe RGB: their numbers without the profile look faded.
    """
    if not profile or b"sRGB" in profile.replace(b"\0", b""):  # its name may be UTF-16
        return picture
    try:
        return _converted(picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except Exception:
        return picture


def _converted(picture: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    wanted = ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(picture, profile, wanted, outputMode=mode) or picture


def jpeg(picture: Image.Image) -> bytes:
    """RGB pixels as a JPEG without metadata: Pillow would write down what it read with the picture."""
    out = io.BytesIO()
    bare = Image.frombytes("RGB", picture.size, picture.tobytes())
    bare.save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()
