"""Photos: what other projects say of theirs, how long and how much memory they take, what a public copy hides."""

import csv
import io
import json
import multiprocessing
import time
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from statistics import median

from PIL import Image

from bench.corpus import blurred
from normalizer.exif import LOCAL_TIME, orientation_of
from normalizer.photo import open_photo, read_photo
from normalizer.photo_hash import NEAR, distance
from normalizer.picture import look
from normalizer.schema import PhotoFacts

Figure = tuple[str, str, str]  # what, measured, goal
WHOLE_SIZES, SMALL_SIZES = (32, 48, 80, 160, 320), (16, 24)  # pixels a face is high on a copy of 1600
PLATE_SIZES, SMALL_PLATES = (28, 40, 64, 110, 200), (14, 20)


def photos(shared: Path) -> list[Figure]:
    """Measure everything about photos; some two minutes on an idle core."""
    met = [*_cases(shared), *_table(shared)]
    wrong = sorted({name for name, is_met in met if not is_met})
    files = _files(shared)
    slowest, name = max((_seconds(path.read_bytes()), path.name) for path in files)
    return [
        (
            f"stated results met ({', '.join(wrong) or 'none is missed'})",
            f"{sum(is_met for _, is_met in met)} of {len(met)}",
            "all",
        ),
        (f"the slowest of {len(files)} photos: {name}", f"{slowest * 1000:.0f} ms", "20 s"),
        *_twelve_megapixels(),
        *_memory(),
        _again(files),
        *_hidden(shared),
    ]


def _files(shared: Path) -> list[Path]:
    folders = (shared / "cases" / "photos", shared / "data" / "photos")
    found = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path for path in found if path.suffix not in {".jsonl", ".csv"}]


def _seconds(content: bytes) -> float:
    began = time.perf_counter()
    look(content)
    return time.perf_counter() - began


# --- what is stated -----------------------------------------------------------------------------------------


def _cases(shared: Path) -> Iterator[tuple[str, bool]]:
    """Each stated result of cases/photos: whose it is, and whether it came out."""
    folder = shared / "cases" / "photos"
    for line in (folder / "index.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        content = (folder / row["file"]).read_bytes()
        facts, copies = look(content)
        for key, value in (row["expected"] or {}).items():
            if key in STATED:
                yield row["file"], STATED[key](value, facts, content)
            elif key in {"refused", "not_a_photo"}:
                yield row["file"], copies is None and not facts.readable
            elif key == "opens":
                yield row["file"], copies is not None


def _gps(wanted: list[float], facts: PhotoFacts, _: bytes) -> bool:
    if not any(wanted):
        return facts.position is None and bool(facts.note)
    at = facts.position
    return at is not None and abs(at.lat - wanted[0]) < 1e-4 and abs(at.long - wanted[1]) < 1e-4


def _orientation(wanted: int, _: PhotoFacts, content: bytes) -> bool:
    with open_photo(content) as image:
        return orientation_of(image) == wanted


def _taken(wanted: str, facts: PhotoFacts, _: bytes) -> bool:
    return facts.taken_at is not None and f"{facts.taken_at.astimezone(LOCAL_TIME):%Y:%m:%d %H:%M:%S}" == wanted


STATED: dict[str, Callable[..., bool]] = {
    "gps": _gps,
    "orientation": _orientation,
    "taken": _taken,
    "size": lambda wanted, facts, _: sorted(wanted) == sorted((facts.width, facts.height)),  # as it lies
    "size_as_shown": lambda wanted, facts, _: wanted == [facts.width, facts.height],
    "mime": lambda wanted, facts, _: wanted == facts.content_type,
    "type": lambda wanted, facts, _: facts.content_type == f"image/{wanted}",
}


def _table(shared: Path) -> Iterator[tuple[str, bool]]:
    """The same of data/photos: size, position and orientation."""
    folder = shared / "data" / "photos"
    with (folder / "photos.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            content = (folder / row["file"]).read_bytes()
            facts = read_photo(content)
            size = [int(row["width"]), int(row["height"])]
            yield row["file"], sorted(size) == sorted((facts.width, facts.height))
            at = [float(row["gps_lat"] or 0), float(row["gps_lon"] or 0)]
            yield row["file"], _gps(at, facts, content) if any(at) else facts.position is None
            if row["orientation"]:
                yield row["file"], _orientation(int(row["orientation"]), facts, content)


# --- time and memory ----------------------------------------------------------------------------------------


def _drawn(kind: str, side: tuple[int, int], mode: str = "RGB", **save: object) -> bytes:
    grain = Image.effect_noise((side[0] // 8, side[1] // 8), 60).resize(side, Image.Resampling.BILINEAR)
    out = io.BytesIO()
    grain.convert(mode).save(out, kind, **save)
    return out.getvalue()


def _plain(kind: str, side: tuple[int, int]) -> bytes:
    """Half transparent and of one colour: grain would pass the limit of bytes."""
    out = io.BytesIO()
    Image.new("RGBA", side, (90, 120, 90, 128)).save(out, kind, compress_level=1)
    return out.getvalue()


def _twelve_megapixels() -> list[Figure]:
    photo = _drawn("JPEG", (4000, 3000), quality=90)
    look(photo)
    what = "a JPEG of 12 megapixels: facts, hash, copy and thumbnail (median of 5)"
    figures = [(what, _median_of_5(lambda: look(photo)), "350 ms")]
    copies = look(photo)[1]
    if copies is None or not _can_blur():
        return [*figures, ("blurring it", "not installed", "told")]
    from normalizer.blur import blur

    blur(copies.copy)  # the models are loaded
    what = "blurring it, behind everything else, on one thread (median of 5)"
    return [*figures, (what, _median_of_5(lambda: blur(copies.copy)), "told")]


def _median_of_5(work: Callable[[], object]) -> str:
    walls, cores = zip(*(_took(work) for _ in range(5)), strict=True)
    return f"{median(walls) * 1000:.0f} ms, {median(cores) * 1000:.0f} ms of a core"


def _took(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds that went by, and seconds of a core."""
    wall, core = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - core


def _can_blur() -> bool:
    from normalizer.onnx import NotInstalled

    try:
        from normalizer.blur import faces, writing

        return faces(Image.new("RGB", (64, 64))) is not None and writing(Image.new("RGB", (64, 64))) is not None
    except NotInstalled:
        return False


def _memory() -> list[Figure]:
    """The highest resident memory of a process of its own for each; 49 megapixels are the most that is taken."""
    largest = {
        "JPEG, 12 megapixels": _drawn("JPEG", (4000, 3000), quality=90),
        "PNG with transparency, 49 megapixels": _plain("PNG", (7000, 7000)),
        "WebP, 49 megapixels": _drawn("WEBP", (7000, 7000), quality=50, method=0),
        "progressive JPEG, 49 megapixels": _drawn(
            "JPEG", (7000, 7000), quality=80, progressive=True, subsampling=0
        ),
    }
    figures = []
    for what, photo in largest.items():
        seconds, megabytes = _beside(photo)
        figures.append((f"{what}: time, most memory", f"{seconds:.2f} s, {megabytes} MB", "20 s, 1000 MB"))
    if _can_blur():
        copies = look(largest["JPEG, 12 megapixels"])[1]
        seconds, megabytes = _beside(copies.copy if copies else b"", blurs=True)
        figures.append(
            ("blurring: time (models loaded too), most memory", f"{seconds:.2f} s, {megabytes} MB", "1000 MB")
        )
    return figures


def _beside(photo: bytes, *, blurs: bool = False) -> tuple[float, int]:
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_measured, (photo, blurs))


def _measured(photo: bytes, blurs: bool) -> tuple[float, int]:
    from router.reading import public_copy

    began = time.perf_counter()
    public_copy(photo) if blurs else look(photo)
    took = time.perf_counter() - began
    status = Path("/proc/self/status").read_text()
    return took, int(status.partition("VmHWM:")[2].split()[0]) // 1024


# --- the same picture again, and what is hidden -------------------------------------------------------------


def _again(files: list[Path]) -> Figure:
    """Pairs of photos that are called the same, and of those, the ones that share no words in their names."""
    hashes = {path: look(path.read_bytes())[0].phash for path in files}
    known = [(path, phash) for path, phash in hashes.items() if phash]
    pairs = list(combinations(known, 2))
    same = [(one.name, other.name) for (one, a), (other, b) in pairs if distance(a, b) <= NEAR]
    return (
        f"pairs of photos called the same picture, of {len(pairs)} (looked through by eye)",
        str(len(same)),
        "told",
    )


def _hidden(shared: Path) -> list[Figure]:
    if not _can_blur():
        return [("faces and number plates hidden", "not installed", "told")]
    from normalizer.blur import faces, writing

    figures = []
    for what, make, find, sizes, small in (
        ("faces", blurred.faces, faces, WHOLE_SIZES, SMALL_SIZES),
        ("number plates", blurred.plates, writing, PLATE_SIZES, SMALL_PLATES),
    ):
        for these in (sizes, small):
            found = blurred.recall(make(shared, these), find)
            hits, tries = (sum(each) for each in zip(*found.values(), strict=True))
            label = f"{what} of {these[0]} to {these[-1]} pixels hidden on a copy of 1600"
            figures.append((label, f"{hits} of {tries}", "told" if these is small else "all"))
    return figures
