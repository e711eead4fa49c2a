"""The public copy: faces, and whatever is written (number plates, telephone numbers), cannot be made out in it."""

import io
from collections.abc import Iterable
from functools import cache
from typing import Any

from PIL import Image, ImageDraw

from normalizer.onnx import AVAILABLE, NotInstalled, open_model
from normalizer.picture import jpeg

FACES_AT, WRITING_AT = 1280, 1280  # pixels: the longer side that is looked at
FACE_SURE, WRITING_SURE = 0.2, 0.3  # from 0 to 1; low: a blurred stone costs less than a face
GRAIN = 16  # pixels of the longer side from which everything hidden is drawn
CELL, UNCLIP = 4, 1.6  # the writing's model marks the middle of a line: so far it is widened (DBNet, section 3.5)
CENTERFACE = ("input.1", "537", "538", "539", "540")  # its input; heat, size, offset, landmarks

Box = tuple[float, float, float, float]


def blur(photo: bytes) -> bytes:
    """Give a working copy back with faces and writing hidden, as a JPEG without metadata.

    What is hidden is drawn from a picture of GRAIN pixels: nothing of it can be computed back. Takes some
    seconds and half a gigabyte at worst. Raises NotInstalled, or ValueError when the picture cannot be read.
    """
    try:
        with Image.open(io.BytesIO(photo), formats=["JPEG"]) as image:
            picture = image.convert("RGB")
    except OSError as error:
        raise ValueError(f"no working copy: {type(error).__name__}") from error
    return jpeg(hidden(picture, [*faces(picture), *writing(picture)]))


def hidden(picture: Image.Image, boxes: Iterable[Box]) -> Image.Image:
    """The picture with nothing to be made out in these boxes."""
    mask = Image.new("1", picture.size)
    draw = ImageDraw.Draw(mask)
    for box in boxes:
        draw.rectangle(box, fill=1)
    scale = GRAIN / max(picture.size)
    grains = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    rough = picture.resize(grains, Image.Resampling.BOX).resize(picture.size, Image.Resampling.BICUBIC)
    return Image.composite(rough, picture, mask)


def faces(picture: Image.Image) -> list[Box]:
    """Where there are faces, with hair and chin, in pixels (CenterFace, arXiv:1911.03599)."""
    import numpy as np

    pixels, across, down = _scaled(picture, FACES_AT)
    heat, size, offset, _ = _model("faces", CENTERFACE).run(CENTERFACE[1:], {CENTERFACE[0]: _batch(pixels)})
    found = []
    for y, x in zip(*np.nonzero(heat[0, 0] > FACE_SURE), strict=True):
        high, wide = (float(each) for each in np.exp(size[0, :, y, x]) * 4 * 0.65)  # half, and a third more
        middle_y, middle_x = (y + float(offset[0, 0, y, x]) + 0.5) * 4, (x + float(offset[0, 1, y, x]) + 0.5) * 4
        found.append(
            (
                (middle_x - wide) * across,
                (middle_y - high) * down,
                (middle_x + wide) * across,
                (middle_y + high) * down,
            )
        )
    return found


def writing(picture: Image.Image) -> list[Box]:
    """Where something is written, in pixels (PP-OCRv6's detector, a DBNet: arXiv:1911.08947)."""
    pixels, across, down = _scaled(picture, WRITING_AT)
    model = _model("writing")
    answer = model.run(None, {model.get_inputs()[0].name: _batch(pixels[:, :, ::-1] / 127.5 - 1)})
    return [
        (left * across, top * down, right * across, bottom * down)
        for left, top, right, bottom in _boxes(answer[0][0, 0])
    ]


@cache
def _model(what: str, sizes_of: tuple[str, ...] = ()) -> Any:
    return open_model(*AVAILABLE[what], sizes_of)


def _scaled(picture: Image.Image, side: int) -> tuple[Any, float, float]:
    """Pixels as floats, sides of whole 32s; and how much wider and higher the picture itself is."""
    try:
        import numpy as np
    except ImportError:
        raise NotInstalled("numpy") from None
    scale = min(1.0, side / max(picture.size))
    width, height = (max(32, round(each * scale / 32) * 32) for each in picture.size)
    small = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.float32), picture.width / width, picture.height / height


def _batch(pixels: Any) -> Any:
    import numpy as np

    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], dtype=np.float32)


def _boxes(marks: Any) -> list[Box]:
    """Boxes around what hangs together in a map of probabilities, widened to the whole line."""
    import numpy as np

    high, wide = (each // CELL for each in marks.shape)
    cells = marks[: high * CELL, : wide * CELL].reshape(high, CELL, wide, CELL).max((1, 3)) > WRITING_SURE
    ys, xs = np.nonzero(cells)
    left = set(zip(ys.tolist(), xs.tolist(), strict=True))
    boxes = []
    while left:
        rows, columns = zip(*_together(left), strict=True)
        top, first = min(rows) * CELL, min(columns) * CELL
        bottom, last = (max(rows) + 1) * CELL, (max(columns) + 1) * CELL
        more = UNCLIP * (last - first) * (bottom - top) / (2 * (last - first + bottom - top))
        boxes.append((first - more, top - more, last + more, bottom + more))
    return boxes


def _together(left: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """Take one cell and all that touch it out of `left`."""
    found = [left.pop()]
    for y, x in found:
        for near in ((y + down, x + across) for down in (-1, 0, 1) for across in (-1, 0, 1)):
            if near in left:
                left.remove(near)
                found.append(near)
    return found
