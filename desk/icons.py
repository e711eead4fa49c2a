"""Draws the icons for home screens out of the mark (static/mark.svg): `python -m desk.icons` writes them anew."""

from pathlib import Path

from PIL import Image, ImageDraw

STATIC = Path(__file__).resolve().parent / "static"
GREEN, WHITE, NONE = "#0b6e75", "#ffffff", "#0b6e7500"
UNITS, FINER = 32, 4  # the mark's own width; so many times larger it is drawn, then made small: smooth edges
SAFE = 0.62  # of a maskable icon's width the mark takes: inside of the circle of 80 % (w3.org/TR/appmanifest)
TICK = ((10, 14.5), (14.2, 18.7), (22.5, 10))
ICONS = {  # file: width in pixels, maskable?
    "icon-192.png": (192, False),
    "icon-512.png": (512, False),
    "icon-maskable-192.png": (192, True),
    "icon-maskable-512.png": (512, True),
}


def draw(width: int, *, maskable: bool) -> Image.Image:
    """The mark on nothing; or, for a phone that cuts its own shape, white on the whole green square."""
    whole = width * FINER
    scale = whole / UNITS * (SAFE if maskable else 1)
    off = (whole - UNITS * scale) / 2
    bubble, tick = (WHITE, GREEN) if maskable else (GREEN, WHITE)
    image = Image.new("RGBA", (whole, whole), GREEN if maskable else NONE)
    pen = ImageDraw.Draw(image)

    def at(*points: tuple[float, float]) -> list[tuple[float, float]]:
        return [(off + x * scale, off + y * scale) for x, y in points]

    pen.rounded_rectangle(at((2, 4), (30, 24)), radius=4 * scale, fill=bubble)
    pen.polygon(at((8, 23), (15, 24), (8, 30)), fill=bubble)
    pen.line(at(*TICK), fill=tick, width=round(3 * scale), joint="curve")
    for x, y in (TICK[0], TICK[-1]):
        pen.ellipse(at((x - 1.5, y - 1.5), (x + 1.5, y + 1.5)), fill=tick)
    return image.resize((width, width), Image.Resampling.LANCZOS)


def main() -> None:
    for name, (width, maskable) in ICONS.items():
        image = draw(width, maskable=maskable)
        few = image.quantize(32, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        few.save(STATIC / name, optimize=True)


if __name__ == "__main__":
    main()
