"""What a phone puts on its home screen: PNG icons that the manifest names, drawn out of the mark."""

import io
from pathlib import Path

import httpx
from PIL import Image, ImageChops, ImageStat

from desk.icons import ICONS, STATIC, draw
from tests.wire.desk_rooms import open_rooms, serving

LARGEST = 8_000  # bytes


def test_manifest_names_icons_of_the_sizes_that_phones_ask_for(tmp_path: Path) -> None:
    with serving(open_rooms(tmp_path)) as address, httpx.Client(base_url=address) as http:
        icons = http.get("/manifest.webmanifest").json()["icons"]
        said = {(each["sizes"], each["purpose"]) for each in icons if each["type"] == "image/png"}
        assert said == {(f"{size}x{size}", purpose) for size in (192, 512) for purpose in ("any", "maskable")}
        for each in icons:
            answer = http.get(each["src"])
            assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, each["type"])
            if each["type"] == "image/png":
                size = Image.open(io.BytesIO(answer.content)).size
                assert "{}x{}".format(*size) == each["sizes"]
                assert len(answer.content) < LARGEST


def test_icons_are_what_the_script_draws() -> None:
    for name, (width, maskable) in ICONS.items():
        kept, drawn = Image.open(STATIC / name).convert("RGBA"), draw(width, maskable=maskable)
        differ = ImageStat.Stat(ImageChops.difference(kept, drawn)).mean
        assert max(differ) < 2, name  # of 255: the files have few colours


def test_maskable_icon_is_filled_to_its_corners_and_its_mark_lies_within_the_safe_circle() -> None:
    image = Image.open(STATIC / "icon-maskable-512.png").convert("RGBA")
    corner, middle, safe = image.getpixel((0, 0)), 256, 0.4 * 512
    assert corner[3] == 255  # type: ignore[index]
    marked = [(x, y) for x in range(0, 512, 4) for y in range(0, 512, 4) if image.getpixel((x, y)) != corner]
    assert marked
    assert max(((x - middle) ** 2 + (y - middle) ** 2) ** 0.5 for x, y in marked) < safe
