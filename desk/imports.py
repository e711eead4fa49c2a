"""/desk/admin/import: agencies' ways and officials' accounts as CSV, each line's verdict before it is done."""

import csv
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from desk.admin import draw
from desk.areas import area_named
from desk.deeds import write_deed
from desk.doors import Fields
from desk.rights import official_of
from normalizer.schema import Attachment
from normalizer.seen import seen
from router.house import House
from router.way_changes import add_way, check_way
from store import accounts
from store.officials import DeskSession

log = logging.getLogger("lapor.desk")

COLUMNS = {"ways": ("agency", "kind", "address"), "officials": ("name", "role", "agency", "area")}
MOST_LINES, LONGEST = 200, 60_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line: its number in the file, its cells, why not (None: it can be done), and what is said once."""

    number: int
    cells: dict[str, str]
    problem: str | None = None
    once: str | None = None


def page(house: House, request: Request, login: DeskSession, **words: Any) -> Response:
    nothing = {"kind": "ways", "text": "", "lines": (), "problem": None, "is_done": False}
    return draw(house, request, login, "admin_import.html", columns=COLUMNS, **{**nothing, **words})


def take(
    house: House, request: Request, login: DeskSession, fields: Fields, files: Sequence[Attachment]
) -> Response:
    """The dry run; with `do` the lines that can be done are done, and what is said once stands on the answer."""
    kind = fields.get("kind", "")
    kind = kind if kind in COLUMNS else "ways"
    sent = next((each.content for each in files if each.content), None)
    text = seen(sent.decode("utf-8-sig", "replace")) if sent else fields.get("text", "")
    if len(text) > LONGEST:
        return page(house, request, login, status=413, kind=kind, problem="admin_import_long")
    try:
        lines = _read(text, COLUMNS[kind])
    except ValueError as error:
        return page(house, request, login, status=400, kind=kind, text=text, problem=str(error))
    lines = _checked(house, kind, lines)
    if fields.get("do") != "1":
        return page(house, request, login, kind=kind, text=text, lines=lines)
    by = official_of(login.officer)
    lines = [line if line.problem else _done(house, kind, line, by.name) for line in lines]
    made = sum(line.problem is None for line in lines)
    write_deed(house, by, "imported", f"{kind}: {made}")
    log.info("import of %d %s by officer %s", made, kind, login.officer_id)
    return page(house, request, login, kind=kind, lines=lines, is_done=True)


def _read(text: str, columns: Sequence[str]) -> list[Line]:
    """The lines under a head that names the columns; `;` separates where the head has it. Raises ValueError with a
    key of the texts."""
    head = text.lstrip().partition("\n")[0]
    rows = csv.DictReader(io.StringIO(text.lstrip()), delimiter=";" if ";" in head else ",")
    if not rows.fieldnames or columns[0] not in rows.fieldnames:
        raise ValueError("admin_import_head")
    try:
        lines = [
            Line(number=rows.line_num, cells={name: (row.get(name) or "").strip()[:500] for name in columns})
            for row in rows
        ]
    except csv.Error:
        raise ValueError("admin_import_head") from None
    if len(lines) > MOST_LINES:
        raise ValueError("admin_import_long")
    return lines


def _checked(house: House, kind: str, lines: Sequence[Line]) -> list[Line]:
    """Each line with its verdict; nothing is written. A line that repeats an earlier one is refused."""
    met: set[str] = set()
    found = []
    for line in lines:
        try:
            key = _check(house, kind, line.cells)
            if key in met:
                raise ValueError("the file has it twice")
            met.add(key)
        except (LookupError, ValueError) as error:
            found.append(replace(line, problem=str(error)))
        else:
            found.append(line)
    return found


def _check(house: House, kind: str, cells: dict[str, str]) -> str:
    """What the line is known by. Raises LookupError or ValueError."""
    with house.store.read() as session:
        if kind == "ways":
            address = check_way(house, session, cells["agency"], cells["kind"], cells["address"]).lower()
            return address if cells["kind"] == "mail" else f"{cells['agency']} {cells['kind']} {address}"
        agency_id, area_code = _place(house, cells)
        return accounts.check_officer(session, cells["name"], cells["role"], agency_id, area_code)


def _place(house: House, cells: dict[str, str]) -> tuple[str | None, str | None]:
    agency_id = cells["agency"] or None
    if agency_id is not None and agency_id not in house.pack.agencies:
        raise LookupError(f"there is no agency {agency_id!r} in the city pack")
    return agency_id, area_named(house.pack, agency_id, cells["area"]) if cells["area"] else None


def _done(house: House, kind: str, line: Line, by: str) -> Line:
    """Carry a line out; somebody else may have been quicker since the dry run."""
    cells = line.cells
    try:
        if kind == "ways":
            once = add_way(house, cells["agency"], cells["kind"], cells["address"]).secret
        else:
            agency_id, area_code = _place(house, cells)
            with house.store.write() as session:
                once = accounts.add_officer(
                    session, cells["name"], cells["role"], agency_id, now=house.now(), area_code=area_code, by=by
                )
    except (LookupError, ValueError) as error:
        return Line(number=line.number, cells=cells, problem=str(error))
    return Line(number=line.number, cells=cells, once=once)
