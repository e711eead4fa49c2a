"""The queue's view as a file: CSV, Excel, GeoJSON; row by row, within the official's rights, and written down."""

import csv
import io
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from desk.deeds import write_deed
from desk.doors import Fields
from desk.due import soon
from desk.feeds import date_of
from desk.pages import agency_name, language_of, render, texts
from desk.queue import ids_of, in_order
from desk.rights import Official, may_know, may_see, may_take_along, official_of
from desk.view import LONGEST_QUERY, View, view_of
from normalizer.seen import harmless, seen
from router import shown
from router.house import House
from router.replies import service_name
from store.models import Address, Report
from store.officials import DeskSession

FORMS = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "geojson": "application/geo+json",
}
MOST, AT_ONCE = 50_000, 500  # rows of a file, and of one look into the database
COLUMNS = (
    *(
        "code",
        "status",
        "urgent",
        "service_code",
        "service",
        "agency_id",
        "agency",
        "area_code",
        "area",
        "address",
    ),
    *("lat", "long", "requested_at", "updated_at", "promised_by", "missed_promises", "channel", "text", "link"),
)
PERSONAL = ("own_words", "reporter")

Row = Mapping[str, Any]


def plain(house: House, request: Request, login: DeskSession) -> Response:
    """GET /desk/export.FORM: what the queue's address shows, with the words as everybody may read them."""
    return _file(house, request, login, request.path_params["form"], dict(request.query_params), personal=False)


def personal(house: House, request: Request, login: DeskSession, fields: Fields) -> Response:
    """POST /desk/export: the same with the citizens' own words and addresses, for those who may know them."""
    if not may_take_along(official_of(login.officer)):
        return render(house, request, "not_found.html", status=404, nav=login)
    asked = dict(parse_qsl(fields.get("query", "").removeprefix("?")[:LONGEST_QUERY]))
    return _file(house, request, login, fields.get("form", ""), asked, personal=True)


def _file(
    house: House, request: Request, login: DeskSession, form: str, asked: dict[str, str], *, personal: bool
) -> Response:
    if form not in FORMS:
        return render(house, request, "not_found.html", status=404, nav=login)
    official = official_of(login.officer)
    view = view_of(official, asked, house.pack, login.officer_id)
    what = view.link(page=None, q="(words)" if view.q else None).removeprefix(
        "?"
    )  # words may be somebody's number
    write_deed(house, official, "exported_people" if personal else "exported", f"{form}, {what}")
    rows = _rows(house, official, view, language_of(request), personal=personal)
    name = f'attachment; filename="lapor-{house.now():%Y-%m-%d}.{form}"'
    headers = {"Content-Disposition": name, "Cache-Control": "no-store"}
    columns = (*COLUMNS, *(PERSONAL if personal else ()))
    if form == "xlsx":
        path = _workbook(rows, columns)
        return FileResponse(
            path, media_type=FORMS[form], headers=headers, background=BackgroundTask(os.unlink, path)
        )
    lines = _csv(rows, columns) if form == "csv" else _geojson(rows)
    return StreamingResponse(lines, media_type=FORMS[form], headers=headers)


def _rows(house: House, official: Official, view: View, language: str, *, personal: bool) -> Iterator[Row]:
    """One row a report, in the queue's order. What moves meanwhile comes once, or not."""
    until, told = soon(house.pack, house.now()), set[int]()
    for start in range(0, MOST, AT_ONCE):
        with house.store.read() as session:
            ids = ids_of(session, house.pack, view, until, start=start, count=AT_ONCE)
            reports = in_order(session, ids)
            new = [each for each in reports if each.id not in told and may_see(official, each)]
            known = [each.address_id for each in new if personal and may_know(official, each)]
            addresses = {
                each.id: f"{each.channel}:{house.store.sealer.open(each.sealed)}"
                for each in session.query(Address).filter(Address.id.in_(known))
                if each.sealed
            }
            rows = [_row(house, each, language, addresses, personal=personal) for each in new]
        told |= {each.id for each in new}
        yield from rows
        if len(reports) < AT_ONCE:
            return


def _row(house: House, report: Report, language: str, addresses: Mapping[int, str], *, personal: bool) -> Row:
    pack, said = house.pack, texts(language)
    row = {
        "code": report.code,
        "status": report.status,
        "urgent": int(report.urgent),
        "service_code": report.service_code,
        "service": service_name(pack, report.service_code, language) or said["no_service"],
        "agency_id": report.agency_id,
        "agency": agency_name(pack, said, report.agency_id),
        "area_code": report.area_code,
        "area": shown.name_of_area(pack, report.area_code),
        "address": report.address_string,
        "lat": report.lat,
        "long": report.long,
        "requested_at": date_of(report.requested_at),
        "updated_at": date_of(report.updated_at),
        "promised_by": date_of(report.expected_at) if report.expected_at else None,
        "missed_promises": report.raised,
        "channel": report.channel,
        "text": report.public_description,
        "link": f"{house.settings.base_url}/desk/r/{report.code}",
    }
    if personal:
        row |= {"own_words": report.description, "reporter": addresses.get(report.address_id)}
    return {name: seen(value) if isinstance(value, str) else value for name, value in row.items()}


def _cell(value: object) -> object:
    return harmless(value) if isinstance(value, str) else value


def _csv(rows: Iterator[Row], columns: tuple[str, ...]) -> Iterator[bytes]:
    """With a byte order mark: Excel takes the file for something else than UTF-8 without it."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(columns)
    file.seek(0)
    yield b"\xef\xbb\xbf" + file.read().encode()
    for row in rows:
        file.seek(0)
        file.truncate()
        writer.writerow([_cell(row[name]) for name in columns])
        yield file.getvalue().encode("utf-8", "replace")


def _workbook(rows: Iterator[Row], columns: tuple[str, ...]) -> str:
    """A workbook on disk, written row by row; a text is written as a text, never as a formula or a link."""
    import xlsxwriter  # type: ignore[import-untyped]  # 2 MB that few exports ask for

    descriptor, path = tempfile.mkstemp(suffix=".xlsx")
    os.close(descriptor)
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    try:
        with xlsxwriter.Workbook(path, options) as book:
            sheet = book.add_worksheet()
            sheet.freeze_panes(1, 0)
            sheet.write_row(0, 0, columns)
            for number, row in enumerate(rows, 1):
                for column, name in enumerate(columns):
                    _write(sheet, number, column, row[name])
    except BaseException:
        os.unlink(path)
        raise
    return path


def _write(sheet: Any, row: int, column: int, value: object) -> None:
    if isinstance(value, (int, float)):
        sheet.write_number(row, column, value)
    elif value is not None:
        sheet.write_string(row, column, str(_cell(value))[:32_767])


def _geojson(rows: Iterator[Row]) -> Iterator[bytes]:
    """A FeatureCollection (RFC 7946); what has no point has no geometry."""
    yield b'{"type":"FeatureCollection","features":['
    for number, row in enumerate(rows):
        fields = dict(row)
        lat, long = fields.pop("lat"), fields.pop("long")
        point = None if lat is None or long is None else {"type": "Point", "coordinates": [long, lat]}
        feature = {"type": "Feature", "id": row["code"], "geometry": point, "properties": fields}
        yield (b"," if number else b"") + json.dumps(feature, ensure_ascii=False).encode("utf-8", "replace")
    yield b"]}"
