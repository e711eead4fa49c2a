"""/desk/admin/pack: the city pack as it is in use, to be read, and "try it": what a message would come to."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from config.routes import Route
from desk.admin import draw
from desk.doors import Fields
from desk.pages import agency_name, language_of, service_names, texts
from normalizer.schema import Attachment, Position
from router.house import House
from router.tried import explained, tried
from store.officials import DeskSession

CHANNELS = ("sms", "whatsapp", "email", "telegram", "x", "web")
VARIANTS = ("sms", "whatsapp", "email", "telegram", "x", "web")
LONGEST_TEXT = 4000


def pack_page(house: House, request: Request, login: DeskSession) -> Response:
    """Services and routing rules; each service has a page."""
    pack = house.pack
    return draw(
        house,
        request,
        login,
        "admin_pack.html",
        names=service_names(pack, language_of(request)),
        services=pack.services,
        publicity=pack.publicity,
        days=pack.promised_days,
        thresholds={key: pack.settings[key] for key in ("service_threshold", "place_threshold")},
        routes=[_route_words(house, request, each) for each in pack.routes],
        folder=f"config/{pack.path.name}",
    )


def _route_words(house: House, request: Request, route: Route) -> dict[str, str]:
    """A rule's parts in words, as the file has them; those that it does not say are left out."""
    said = texts(language_of(request))
    shown = {name: getattr(route, name) for name in route.__dataclass_fields__ if name != "agency_id"}
    words = {
        name: ", ".join(map(str, each)) if isinstance(each, (tuple, list, frozenset)) else str(each)
        for name, each in shown.items()
        if each not in (None, (), frozenset(), "")
    }
    return {**words, "agency": agency_name(house.pack, said, route.agency_id)}


def service_page(house: House, request: Request, login: DeskSession) -> Response:
    """One service: its words with their weights, what speaks against it, who has it, promise and privacy."""
    pack, code = house.pack, request.path_params["code"]
    service = pack.services.get(code)
    if service is None:
        return draw(house, request, login, "not_found.html", status=404)
    by_weight: dict[float, list[str]] = {}
    for word, weight in sorted(service.words.items()):
        by_weight.setdefault(weight, []).append(word)
    return draw(
        house,
        request,
        login,
        "admin_service.html",
        service=service,
        name=service_names(pack, language_of(request))[code],
        words=sorted(by_weight.items(), reverse=True),
        publicity=pack.publicity(code),
        days=pack.promised_days(code),
        folder=f"config/{pack.path.name}",
    )


def texts_page(house: House, request: Request, login: DeskSession) -> Response:
    """Every text that citizens read: by key, each language beside the other, each channel's own form below it."""
    rows: dict[str, list[tuple[str, Mapping[str, str]]]] = {}
    languages = house.pack.languages
    known = set(house.pack.texts[languages[0]])
    for key in house.pack.texts[languages[0]]:
        base, _, variant = key.rpartition("_")
        is_variant = variant in VARIANTS and base in known
        row = {language: str(house.pack.texts[language][key]) for language in languages}
        rows.setdefault(base if is_variant else key, []).append((variant if is_variant else "", row))
    return draw(
        house,
        request,
        login,
        "admin_texts.html",
        rows=rows,
        languages=languages,
        folder=f"config/{house.pack.path.name}",
    )


def try_page(house: House, request: Request, login: DeskSession, **words: Any) -> Response:
    """The empty form."""
    nothing = {"text": "", "lat": "", "long": "", "channel": "sms", "said": None, "came": None, "problem": None}
    return draw(house, request, login, "admin_try.html", channels=CHANNELS, **{**nothing, **words})


def try_it(
    house: House, request: Request, login: DeskSession, fields: Fields, files: Sequence[Attachment]
) -> Response:
    """What the posted words, photos and pin are understood as, and what would be answered; nothing is kept."""
    text, channel = fields.get("text", "")[:LONGEST_TEXT], fields.get("channel", "")
    channel = channel if channel in CHANNELS else CHANNELS[0]
    kept = {
        "text": text,
        "lat": fields.get("lat", "")[:20],
        "long": fields.get("long", "")[:20],
        "channel": channel,
    }
    try:
        pin = _pin(kept["lat"], kept["long"])
    except ValueError:
        return try_page(house, request, login, status=400, problem="admin_try_pin", **kept)
    photos = [each.content for each in files if each.content]
    said = explained(text, photos, pin, None, house.pack, house.learned.model)
    came = tried(house, text, files, pin, None, channel)  # type: ignore[arg-type]
    return try_page(house, request, login, said=said, came=came, **kept)


def _pin(lat: str, long: str) -> Position | None:
    """The point (degrees), None where neither is said. Raises ValueError."""
    if not lat.strip() and not long.strip():
        return None
    at = Position(lat=float(lat), long=float(long))
    if not (-90 <= at.lat <= 90 and -180 <= at.long <= 180):
        raise ValueError("not on this earth")
    return at
