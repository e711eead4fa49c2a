"""What a phone's photo is made of: its type by the first bytes, its size, and smaller copies of it."""

import io
import secrets
from dataclasses import dataclass, field

from PIL import Image

UNKNOWN = "application/octet-stream"
_MAGIC = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))
_ENDINGS = {"image/jpeg": "jpg", "image/png": "png"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Photo:
    """The bytes as given, whatever they are. Width and height are 0 where they cannot be read."""

    content: bytes
    content_type: str
    width: int = 0
    height: int = 0
    token: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def is_image(self) -> bool:
        return self.content_type != UNKNOWN

    @property
    def ending(self) -> str:
        return _ENDINGS.get(self.content_type, "bin")


def read_photo(content: bytes) -> Photo:
    """Tell the type by magic (JPEG, PNG, else octet-stream) and the size; never raises on bad bytes."""
    kind = next((kind for magic, kind in _MAGIC if content.startswith(magic)), UNKNOWN)
    width, height = _size(content) if kind != UNKNOWN else (0, 0)
    return Photo(content=content, content_type=kind, width=width, height=height)


def fitted(photo: Photo, edge: int) -> tuple[int, int]:
    """Width and height once the longer side is `edge` pixels."""
    longest = max(photo.width, photo.height, 1)
    return max(1, photo.width * edge // longest), max(1, photo.height * edge // longest)


def smaller(photo: Photo, edge: int) -> bytes:
    """A JPEG whose longer side is `edge` pixels; the bytes as they are where they cannot be read."""
    try:
        with Image.open(io.BytesIO(photo.content)) as image:
            copy = image.convert("RGB").resize(fitted(photo, edge))
            out = io.BytesIO()
            copy.save(out, "JPEG", quality=80)
            return out.getvalue()
    except Exception:  # Pillow raises nearly anything on hostile bytes, and the stand-in must go on
        return photo.content


def _size(content: bytes) -> tuple[int, int]:
    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.size
    except Exception:
        return 0, 0
