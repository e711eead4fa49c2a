"""Everything public as files, a month each, made anew each night: /data/index.json, and for each month
/data/reports-YYYY-MM.csv.gz and .geojson.gz.

Each server makes its own under DATA_DIR, so nothing but the database is shared. What was deleted or changed by
then is so in the files too.
"""

import gzip
import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime, timedelta
from itertools import chain, repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep, thread_time
from typing import IO, Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from desk.feeds import READ, csv_writer, feature_of, item_of, line_of
from desk.map import A_MINUTE
from router.card import month_of, this_month
from router.house import House
from store.card import Month
from store.media import write_synced
from store.models import Report
from store.public import Chosen, Cursor, listed

AT_ONCE = 200  # reports
REST = 2  # times the processor time that reading and writing them took: a third of a core at most
AT_NIGHT = 2  # o'clock in the city
INDEX, HALF = "index.json", ".new-"
NAME = re.compile(r"reports-\d{4}-\d{2}\.(?:csv|geojson)\.gz")

Write = Callable[[Mapping[str, Any]], object]  # takes what is public of a report (desk/feeds.py: item_of)


def folder_of(house: House) -> Path:
    return house.settings.data_dir / "open-data"


def make_files(house: House) -> int:
    """Make all files anew if the last ones are of before this night; how many were written.

    A file whose content is the same stays as it is, with its date; each is there whole or not at all.
    """
    if not _is_due(house):
        return 0
    now, folder = house.now(), folder_of(house)
    with house.store.read() as session:
        first = session.scalar(select(func.min(Report.requested_at)))
    names = _months(house, first) if first is not None else []
    known = {each["name"]: each for each in _index(house).get("files", ())}
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{HALF}*"):  # by a stop in the middle
        shutil.rmtree(left, ignore_errors=True)
    files = [each for name in names for each in _make(house, folder, name, known)]
    said = {
        "licence": house.pack.settings["open_data_licence"],
        "city": house.pack.name,
        "made_at": now.isoformat(timespec="seconds"),
        "columns": "as /reports.csv and /reports.geojson have them",
        "files": files,
    }
    write_synced(folder / INDEX, json.dumps(said, ensure_ascii=False, indent=1).encode())
    _drop_others(folder, {each["name"] for each in files})
    return len(files)


def _is_due(house: House) -> bool:
    """Whether two o'clock was since the last time."""
    made = _index(house).get("made_at")
    here = house.now().astimezone(ZoneInfo(house.pack.timezone))
    night = here.replace(hour=AT_NIGHT, minute=0, second=0, microsecond=0)
    night -= timedelta(days=1) if night > here else timedelta(0)
    return made is None or not night <= datetime.fromisoformat(made) <= here


def _months(house: House, first: datetime) -> list[str]:
    """`YYYY-MM` of every month since the first report, this one too."""
    oldest, newest = (map(int, this_month(house.pack, at).split("-")) for at in (first, house.now()))
    begins, ends = (year * 12 + month - 1 for year, month in (oldest, newest))
    return [f"{each // 12:04}-{each % 12 + 1:02}" for each in range(begins, ends + 1)]


def _index(house: House) -> dict[str, Any]:
    try:
        said = json.loads((folder_of(house) / INDEX).read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _make(house: House, folder: Path, month: str, known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One month's files and their lines in the index, out of one reading."""
    names = {kind: f"reports-{month}.{kind}.gz" for kind in KINDS}
    with TemporaryDirectory(prefix=HALF, dir=folder) as half:
        rows = _write(house, month, {kind: Path(half) / name for kind, name in names.items()})
        for kind, name in names.items():
            said = _put(Path(half) / name, folder / name, known.get(name))
            yield said or {
                "name": name,
                "url": f"{house.settings.base_url}/data/{name}",
                "month": month,
                "format": kind,
                "reports": rows,
                **_measured(folder / name),
                "changed_at": house.now().isoformat(timespec="seconds"),
            }


def _put(new: Path, path: Path, before: dict[str, Any] | None) -> dict[str, Any] | None:
    """Put a file in its place; what the index said of it where it is the same as it was."""
    if before is not None and path.exists() and _measured(new)["sha256"] == before["sha256"]:
        return {"format": path.suffixes[-2][1:], **before}
    new.rename(path)
    return None


def _measured(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _write(house: House, month: str, paths: dict[str, Path]) -> int:
    """Write a month's compressed files, the newest report first; how many it has. Same data, same bytes."""
    found, rows = month_of(month, house.pack, house.now()), 0
    with ExitStack() as stack:
        writers = [
            stack.enter_context(KINDS[kind](house, stack.enter_context(_packed(paths[kind])))) for kind in paths
        ]
        for page in _pages(house, found) if found is not None else ():
            rows += len(page)
            for report in page:
                item = item_of(house, report, house.pack.languages[0])
                for write in writers:
                    write(item)
    return rows


@contextmanager
def _packed(path: Path) -> Iterator[IO[str]]:
    """A compressed text file without a date in it; on the disk when it is closed."""
    with path.open("xb") as file:
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as small:
            text = io.TextIOWrapper(small, encoding="utf-8", errors="replace", newline="")
            yield text
            text.flush()
            text.detach()
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _csv(house: House, text: IO[str]) -> Iterator[Write]:
    writer = csv_writer(text)
    yield lambda item: writer.writerow(line_of(item))


@contextmanager
def _geojson(house: House, text: IO[str]) -> Iterator[Write]:
    """RFC 7946, a feature a line."""
    text.write('{"type": "FeatureCollection", "features": [')
    between = chain(("\n",), repeat(",\n"))
    yield lambda item: text.write(next(between) + json.dumps(feature_of(house, item), ensure_ascii=False))
    text.write("\n]}\n")


KINDS: dict[str, Callable[[House, IO[str]], AbstractContextManager[Write]]] = {"csv": _csv, "geojson": _geojson}


def _pages(house: House, month: Month) -> Iterator[list[Report]]:
    """What is public of a month, so many at a time, each in a transaction of its own.

    Behind each it rests, as whoever asks for a page meanwhile shares the interpreter.
    """
    after = Cursor(requested_at=month.before, id=0)
    while True:
        began = thread_time()
        with house.store.read() as session:
            chosen = Chosen(since=month.since, scans=True)
            page = listed(session, house.pack, chosen, house.now(), after=after, limit=AT_ONCE, only=READ)
        if page:
            yield page
        if len(page) < AT_ONCE:
            return
        sleep((thread_time() - began) * REST)
        after = Cursor(requested_at=page[-1].requested_at, id=page[-1].id)


def _drop_others(folder: Path, names: set[str]) -> None:
    """A month whose last report is gone has no file."""
    for path in folder.iterdir():
        if NAME.fullmatch(path.name) and path.name not in names:
            path.unlink(missing_ok=True)


def data_file(house: House, request: Request) -> Response:
    """GET /data/NAME: a file with its ETag and date; 304 for who has it already."""
    name = request.path_params["name"]
    path = folder_of(house) / name
    if not (name == INDEX or NAME.fullmatch(name)) or not path.is_file():
        return JSONResponse({"error": "there is no such file: /data/index.json lists those there are"}, 404)
    kind = "application/json" if name == INDEX else "application/gzip"
    response = FileResponse(path, media_type=kind, headers=_headers(house, name), stat_result=path.stat())
    tags = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if response.headers["etag"] not in tags:
        return response
    kept = ("etag", "last-modified", "cache-control", "access-control-allow-origin")
    return Response(status_code=304, headers={each: response.headers[each] for each in kept})


def _headers(house: House, name: str) -> dict[str, str]:
    """The same ETag from every server for the same bytes."""
    headers = {"Cache-Control": A_MINUTE, "Access-Control-Allow-Origin": "*"}
    digest = next((each["sha256"] for each in _index(house).get("files", ()) if each["name"] == name), None)
    return headers | ({"ETag": f'"{digest}"'} if digest else {})
