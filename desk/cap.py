"""Surges as the Common Alerting Protocol has them (OASIS CAP 1.2), and an Atom feed that lists them."""

from datetime import datetime, timedelta
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from desk.feeds import ATOM, NEVER
from desk.map import A_MINUTE
from desk.open311_words import date
from desk.pages import texts
from desk.wire import seen
from normalizer.cells import outline_of
from router.house import House
from router.replies import service_name
from store.models import Surge

CAP = "urn:oasis:names:tc:emergency:cap:1.2"
ENDED_WITHIN = timedelta(days=7)
CATEGORIES = {"banjir": "Met", "kebakaran": "Fire", "pohon": "Met"}  # of CAP's own list; others are Infra
HEADERS = {"Cache-Control": A_MINUTE, "Access-Control-Allow-Origin": "*"}


def feed(house: House, request: Request) -> Response:
    """GET /cap.atom: the open surges and those that ended within seven days, the newest first."""
    since, base = house.now() - ENDED_WITHIN, house.settings.base_url
    query = select(Surge).where(or_(Surge.ended_at.is_(None), Surge.ended_at >= since)).order_by(Surge.id.desc())
    with house.store.read() as session:
        surges = list(session.scalars(query.limit(200)))
    root = ElementTree.Element("feed", {"xmlns": ATOM})
    changed = max((each.ended_at or each.began_at for each in surges), default=NEVER)
    _text(root, "id", f"{base}/cap.atom")
    _text(root, "title", f"CAP: {house.pack.name}")
    _text(root, "updated", _date(house, changed))
    _text(ElementTree.SubElement(root, "author"), "name", texts("id")["brand"].format(city=house.pack.name))
    ElementTree.SubElement(root, "link", {"rel": "self", "href": f"{base}/cap.atom"})
    for surge in surges:
        entry = ElementTree.SubElement(root, "entry")
        link = f"{base}/cap/{surge.id}.xml"
        _text(entry, "id", link)
        _text(entry, "title", _headline(house, surge))
        _text(entry, "updated", _date(house, surge.ended_at or surge.began_at))
        ElementTree.SubElement(entry, "link", {"rel": "alternate", "type": "application/cap+xml", "href": link})
    return _xml(root, "application/atom+xml")


def alert(house: House, request: Request) -> Response:
    """GET /cap/ID.xml: a surge as it stands; what has ended cancels its alert."""
    number = request.path_params["id"]
    is_number = number.isascii() and number.isdigit() and len(number) <= 15
    with house.store.read() as session:
        surge = session.get(Surge, int(number)) if is_number else None
    if surge is None or house.pack.publicity(surge.service_code).near == "hidden":
        return JSONResponse({"error": "there is no such alert"}, 404)
    return _xml(_alert(house, surge), "application/cap+xml")


def _alert(house: House, surge: Surge) -> ElementTree.Element:
    sender, began = house.settings.email_address, _date(house, surge.began_at)
    root = ElementTree.Element("alert", {"xmlns": CAP})
    _text(root, "identifier", f"lapor-{surge.id}{'-end' if surge.ended_at else ''}")
    _text(root, "sender", sender)
    _text(root, "sent", _date(house, surge.ended_at or surge.began_at))
    _text(root, "status", "Test" if house.settings.sandbox_in_effect else "Actual")
    _text(root, "msgType", "Cancel" if surge.ended_at else "Alert")
    _text(root, "scope", "Public")
    if surge.ended_at:
        _text(root, "references", f"{sender},lapor-{surge.id},{began}")
    root.append(_information(house, surge))
    return root


def _information(house: House, surge: Surge) -> ElementTree.Element:
    info = ElementTree.Element("info")  # CAP's name
    _text(info, "language", f"{house.pack.languages[0]}-ID")
    _text(info, "category", CATEGORIES.get(surge.service_code, "Infra"))
    _text(info, "event", _service(house, surge))
    _text(info, "urgency", "Past" if surge.ended_at else "Immediate")
    _text(info, "severity", "Unknown")  # so many people report it: nobody has measured it
    _text(info, "certainty", "Likely")
    _text(info, "onset", _date(house, surge.began_at))
    _text(info, "headline", _headline(house, surge))
    _text(info, "web", f"{house.settings.base_url}/area/{surge.area_code}?service={surge.service_code}")
    area = ElementTree.SubElement(info, "area")
    _text(area, "areaDesc", _area_name(house, surge))
    for ring in outline_of(house.pack, surge.area_code):
        _text(area, "polygon", " ".join(f"{lat:.5f},{long:.5f}" for lat, long in [*ring, ring[0]]))
    code = ElementTree.SubElement(area, "geocode")
    _text(code, "valueName", "Kemendagri")
    _text(code, "value", surge.area_code)
    return info


def _headline(house: House, surge: Surge) -> str:
    return f"{_service(house, surge)}: {_area_name(house, surge)}"


def _service(house: House, surge: Surge) -> str:
    return service_name(house.pack, surge.service_code, house.pack.languages[0]) or surge.service_code


def _area_name(house: House, surge: Surge) -> str:
    area = house.pack.areas.get(surge.area_code)
    return area.name if area else surge.area_code


def _date(house: House, at: datetime) -> str:
    return date(at, ZoneInfo(house.pack.timezone))


def _text(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = seen(text)


def _xml(root: ElementTree.Element, kind: str) -> Response:
    body = b'<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="utf-8")
    return Response(body, media_type=kind, headers=HEADERS)
