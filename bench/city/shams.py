"""After-photos, honest ones and shams, brought to a house: how many of each are doubted."""

import io
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from PIL import Image

from bench.city.pictures import COPIES, cropped, part_of, real_pictures, saved, taken_again
from bench.city.plan import START
from config.settings import ROOT, Settings
from normalizer.schema import Attachment, InboundMessage, Position
from router.after_photos import read_after_photos
from router.house import House, open_house
from router.intake import take_message
from store.migrate import migrate
from store.models import Report

FILES = 600
SHAMS = ("same file", *COPIES, "cropped", "another report's", "elsewhere", "before the report", "edited")
SPOT = Position(lat=-6.2088, long=106.8456)


def sham_lines(seed: int, files: int = FILES) -> list[str]:
    """How many of half as many shams and half as many honest photos were doubted, by kind."""
    if not real_pictures():
        return ["after-photos: LEFT OUT, the collections' photographs are missing"]
    random, became = Random(seed), Counter[tuple[str, bool]]()
    with tempfile.TemporaryDirectory() as folder:
        house = _house(Path(folder))
        befores = [_tell(house, number, random) for number in range(files // 2)]
        with house.store.read() as session:
            reports = session.query(Report).order_by(Report.id).all()
            for number, (report, before) in enumerate(zip(reports, befores, strict=True)):
                kind = SHAMS[number % len(SHAMS)]
                for name in (kind, "honest"):
                    file = Attachment(
                        name="sesudah.jpg", content=_after(name, before, befores[number - 1], random)
                    )
                    brought = read_after_photos(house, report, [file])
                    became[name, any(each.doubts for each in brought)] += 1
    doubted = sum(count for (name, is_doubted), count in became.items() if name != "honest" and is_doubted)
    shams = sum(count for (name, _), count in became.items() if name != "honest")
    honest = became["honest", True]
    missed = {name: count for (name, is_doubted), count in became.items() if name != "honest" and not is_doubted}
    return [
        f"after-photos: {files} files made of {len(real_pictures())} photographs: "
        f"of {shams} shams {doubted / shams:.3f} doubted (missed: {missed or 'none'}), "
        f"of {files - shams} honest ones {honest / (files - shams):.3f}"
    ]


def _house(folder: Path) -> House:
    settings = Settings(_env_file=None, city=ROOT / "config" / "jakarta", data_dir=folder, sandbox="off")  # type: ignore[call-arg]
    house = replace(open_house(settings), now=lambda: START + timedelta(days=3))
    migrate(house.store.engine)
    return house


def _tell(house: House, number: int, random: Random) -> bytes:
    """A report of a scene of its own; the photo that came with it."""
    before = saved(part_of(random.choice(real_pictures()), random), quality=88)
    pin = Position(lat=SPOT.lat + number * 0.0001, long=SPOT.long)
    message = InboundMessage(
        channel="telegram",
        account="kota",
        external_id=f"m{number}",
        sender=f"{number}",
        text="jalan berlubang parah",
        position=pin,
        attachments=(Attachment(name="foto.jpg", content=before),),
    )
    take_message(house, message, "", house.now())
    return before


def _after(kind: str, before: bytes, others: bytes, random: Random) -> bytes:
    """What an official brings: the citizen's picture or another's made up, or a new one with something wrong."""
    image = Image.open(io.BytesIO(before)).convert("RGB")
    if kind == "same file":
        return before
    if kind == "another report's":
        return saved(Image.open(io.BytesIO(others)).convert("RGB"), quality=70)
    if kind == "cropped":
        return saved(cropped(image, random), quality=80)
    if kind in COPIES:
        return saved(COPIES[kind](image, random), quality=75)
    again = taken_again(image, random)
    return saved(again, quality=85, exif=_exif(kind))


def _exif(kind: str) -> Image.Exif:
    """Position, time and program as an honest phone writes them, but for what is wrong."""
    exif = Image.Exif()
    exif[0x0131] = "Adobe Photoshop 25.1" if kind == "edited" else "S918BXXU3BWK5"
    days = -5 if kind == "before the report" else 2
    taken = START + timedelta(days=3 + days, hours=7)
    exif.get_ifd(0x8769)[0x9003] = _written(taken)
    if kind == "elsewhere":
        exif.get_ifd(0x8825).update(_gps(Position(lat=SPOT.lat + 0.3, long=SPOT.long)))
    return exif


def _written(at: datetime) -> str:
    return f"{at:%Y:%m:%d %H:%M:%S}"


def _gps(at: Position) -> dict[int, object]:
    def parts(degrees: float) -> Sequence[float]:
        whole = abs(degrees)
        minutes = (whole % 1) * 60
        return (float(int(whole)), float(int(minutes)), round((minutes % 1) * 60, 3))

    return {1: "S" if at.lat < 0 else "N", 2: parts(at.lat), 3: "E", 4: parts(at.long)}


if __name__ == "__main__":
    print("\n".join(sham_lines(1)))
