"""The public's lists for other programs: Atom feeds (RFC 4287), GeoJSON (RFC 7946) and CSV."""

import csv
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO, Any
from xml.etree import ElementTree

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from desk.asked import Asked, asked, chosen, read_cursor, write_cursor
from desk.map import A_MINUTE
from desk.pages import agency_name, language_of, status_word, texts
from normalizer.seen import harmless, seen
from router import shown
from router.house import House
from router.replies import service_name
from store.models import Report
from store.public import listed

IN_A_FEED, IN_A_FILE = 50, 1000
ATOM = "http://www.w3.org/2005/Atom"
NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # when a feed without entries changed: the same whenever it is asked
COLUMNS = ("code", "service_code", "service", "status", "agency_id", "agency", "area_code", "area", "lat", "long")
COLUMNS_OF_TIME = ("requested_at", "updated_at", "promised_by", "missed_promises", "text")
READ = (  # of a report, for an item
    *(Report.id, Report.code, Report.service_code, Report.status, Report.agency_id, Report.area_code, Report.cell),
    *(Report.requested_at, Report.updated_at, Report.expected_at, Report.raised, Report.public_description),
)


def _page(house: House, request: Request, view: Asked, limit: int) -> tuple[list[Report], str | None]:
    """A page of the list, and the address of the next one."""
    after = read_cursor(request.query_params.get("after"))
    with house.store.read() as session:
        reports = listed(
            session, house.pack, chosen(house, view), house.now(), after=after, limit=limit + 1, only=READ
        )
    if len(reports) <= limit:
        return reports, None
    last = reports[limit - 1]
    query = view.query(after=write_cursor(last.requested_at, last.id))
    return reports[:limit], f"{house.settings.base_url}{request.url.path}{query}"


def _kept(next_page: str | None, **more: str) -> dict[str, str]:
    link = {"Link": f'<{next_page}>; rel="next"'} if next_page else {}
    return {"Cache-Control": A_MINUTE, "Access-Control-Allow-Origin": "*", **link, **more}


def feed(house: House, request: Request) -> Response:
    """GET /feed.atom, /area/CODE/feed.atom: the newest reports, with the list's filters."""
    code = request.path_params.get("code")
    if code is not None and code not in house.pack.areas:
        return JSONResponse({"error": "there is no such area"}, 404)
    view = asked(house.pack, request.query_params, code)
    reports, next_page = _page(house, request, view, IN_A_FEED)
    root = _feed(house, request, view, reports, next_page)
    body = b'<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="utf-8")
    return Response(body, media_type="application/atom+xml", headers=_kept(next_page))


def _feed(
    house: House, request: Request, view: Asked, reports: list[Report], next_page: str | None
) -> ElementTree.Element:
    language, base = language_of(request), house.settings.base_url
    name = house.pack.areas[view.area].name if view.area else house.pack.name
    here = f"{base}{request.url.path}{view.query(area=None) if 'code' in request.path_params else view.query()}"
    page = f"{base}/area/{view.area}" if view.area else f"{base}/"
    root = ElementTree.Element("feed", {"xmlns": ATOM, "xml:lang": language})
    _text(root, "id", here)
    _text(root, "title", texts(language)["feed_title"].format(name=name))
    _text(root, "updated", date_of(max((each.updated_at for each in reports), default=NEVER)))
    _text(ElementTree.SubElement(root, "author"), "name", texts(language)["brand"].format(city=house.pack.name))
    for rel, href in (("self", here), ("alternate", page), ("next", next_page)):
        if href:
            ElementTree.SubElement(root, "link", {"rel": rel, "href": href})
    for report in reports:
        root.append(_entry(house, report, language))
    return root


def _entry(house: House, report: Report, language: str) -> ElementTree.Element:
    entry, item = ElementTree.Element("entry"), item_of(house, report, language)
    _text(entry, "id", house.link(report.code))
    _text(entry, "title", ", ".join(filter(None, (item["service"], item["area"]))))
    _text(entry, "published", date_of(report.requested_at))
    _text(entry, "updated", date_of(report.updated_at))
    _text(entry, "summary", f"{item['status_words']}. {item['text']}".strip())
    ElementTree.SubElement(entry, "link", {"rel": "alternate", "href": house.link(report.code)})
    ElementTree.SubElement(entry, "category", {"term": report.service_code or "", "label": item["service"]})
    return entry


def _text(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = seen(text)


def date_of(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def item_of(house: House, report: Report, language: str) -> dict[str, Any]:
    """What is public of one listed report, by plain names; no more than READ is needed of it."""
    pack, said, spot = house.pack, texts(language), shown.spot(house, report)
    return {
        "code": report.code,
        "service_code": report.service_code,
        "service": service_name(pack, report.service_code, language) or said["no_service"],
        "status": report.status,
        "status_words": status_word(pack, said, report.status, report.agency_id),
        "agency_id": report.agency_id,
        "agency": agency_name(pack, said, report.agency_id),
        "area_code": report.area_code,
        "area": shown.name_of_area(pack, report.area_code),
        "lat": spot.lat if spot else None,
        "long": spot.long if spot else None,
        "requested_at": date_of(report.requested_at),
        "updated_at": date_of(report.updated_at),
        "promised_by": date_of(report.expected_at) if report.expected_at else None,
        "missed_promises": report.raised,
        "text": seen(shown.words(pack, report)),
    }


def geojson(house: House, request: Request) -> Response:
    """GET /reports.geojson: a page of the list; what the public sees at no point has no geometry (null)."""
    reports, next_page = _page(house, request, asked(house.pack, request.query_params), IN_A_FILE)
    features = [feature_of(house, item_of(house, report, language_of(request))) for report in reports]
    said: dict[str, Any] = {"type": "FeatureCollection", "features": features}
    if next_page:
        said["next"] = next_page
    body = json.dumps(said, ensure_ascii=False).encode("utf-8", "replace")
    return Response(body, media_type="application/geo+json", headers=_kept(next_page))


def feature_of(house: House, item: Mapping[str, Any]) -> dict[str, Any]:
    """What is public of a report as a GeoJSON feature."""
    point = None if item["lat"] is None else {"type": "Point", "coordinates": [item["long"], item["lat"]]}
    properties = {name: value for name, value in item.items() if name not in {"lat", "long"}}
    properties["link"] = house.link(item["code"])
    return {"type": "Feature", "id": item["code"], "geometry": point, "properties": properties}


def table(house: House, request: Request) -> Response:
    """GET /reports.csv: a page of the list, as a spreadsheet reads it and runs nothing of it."""
    reports, next_page = _page(house, request, asked(house.pack, request.query_params), IN_A_FILE)
    file = io.StringIO()
    csv_writer(file).writerows(line_of(item_of(house, report, language_of(request))) for report in reports)
    headers = _kept(next_page, **{"Content-Disposition": 'attachment; filename="reports.csv"'})
    return Response(file.getvalue().encode("utf-8", "replace"), media_type="text/csv", headers=headers)


def csv_writer(file: IO[str]) -> "csv.DictWriter[str]":
    """What writes reports as lines of a file, whose heading it has written."""
    writer = csv.DictWriter(file, (*COLUMNS, *COLUMNS_OF_TIME), extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    return writer


def line_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """The same as a line of a table that a spreadsheet reads and does not run."""
    return {name: harmless(value) if isinstance(value, str) else value for name, value in item.items()}
