"""The public report card: every agency's month, by service and kelurahan, and the reports behind each red."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from config.pack import Pack
from desk import card_words
from desk.kept import kept
from desk.pages import language_of, render, texts
from normalizer.privacy import public_description
from normalizer.public_words import without_address
from router.card import ORDER, Verdict, judge, month_of, months, this_month
from router.house import House
from router.replies import service_name
from store.card import Card, Column, Kind, Named, answers, cards, first_held, named

A_PAGE, LAST_PAGE = 100, 1000
FIRST_CODES = 10  # behind each reason, before all are asked for
NONE = "none"  # asks for the reports without a service or a kelurahan
EVERY = "all"  # in place of an agency: all of the city's
TOGETHER: dict[str, Column] = {
    "service": "service_code",
    "area": "area_code",
}  # the card by what, all agencies as one
BEHIND: dict[str, Kind] = {
    "on_time": "late"
}  # the reports that made a figure what it is, where it has another name


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line of a table: what it is called, where it leads, which reports its reasons lead to."""

    name: str
    card: Card
    verdict: Verdict
    link: str | None
    reports: str


def is_outside(pack: Pack, agency_id: str | None) -> bool:
    """Whether a body is not the city's: it is shown, and not judged."""
    agency = pack.agencies.get(agency_id or "")
    return agency is not None and agency.kind in pack.promise["outside"]


def asked_month(house: House, request: Request) -> str | None:
    """The month of `?month=YYYY-MM`, this one where none is named; None for what is no month that has begun."""
    now = house.now()
    name = request.query_params.get("month") or this_month(house.pack, now)
    return name if month_of(name, house.pack, now) else None


def outsiders(pack: Pack) -> tuple[str, ...]:
    """The bodies that are not the city's."""
    return tuple(each for each in pack.agencies if is_outside(pack, each))


def lines(
    house: House, month: str, by: tuple[Column, ...], agency_id: str | None = None, without: tuple[str, ...] = ()
) -> list[Card]:
    """A month's card, counted at most a minute ago."""

    def count() -> list[Card]:
        span = month_of(month, house.pack, house.now())
        with house.store.read() as session:
            return cards(session, span, by, agency_id, without=without) if span else []

    return kept(house, ("card", month, by, agency_id, without), count)


def behind(
    house: House,
    month: str,
    agency_id: str,
    kind: Kind,
    chosen: Mapping[Column, str | None],
    start: int,
    limit: int,
) -> list[Named]:
    """The reports behind a figure of an agency's card, or (EVERY) of all of the city's, looked up at most a minute
    ago."""
    of, without = (None, outsiders(house.pack)) if agency_id == EVERY else (agency_id, ())

    def look() -> list[Named]:
        span = month_of(month, house.pack, house.now())
        if span is None:
            return []
        with house.store.read() as session:
            return named(session, span, of, kind, chosen, without=without, start=start, limit=limit)

    return kept(house, ("named", month, agency_id, kind, *sorted(chosen.items()), start, limit), look)


def all_months(house: House) -> list[str]:
    def look() -> list[str]:
        with house.store.read() as session:
            return months(first_held(session), house.pack, house.now())

    return kept(house, ("months",), look)


def nothing(house: House, request: Request) -> Response:
    return render(house, request, "card_nothing.html", status=404)


def words(house: House, request: Request, month: str) -> dict[str, Any]:
    """What every page of the card is drawn with."""
    said = texts(language_of(request))
    return {
        "month": month,
        "month_words": partial(card_words.month_words, said=said),
        "share": partial(card_words.share, said=said),
        "span": partial(card_words.span, pack=house.pack, said=said),
        "number": partial(card_words.number, said=said),
        "reason": partial(card_words.reason, said=said),
        "brief": partial(card_words.brief, said=said),
        "behind_of": lambda kind: BEHIND.get(kind, kind),
        "rules": house.pack.card,
        "public_text": lambda text: without_address(public_description(text)),
        "months": all_months(house),
    }


def by_agency(house: House, month: str, *also: Column) -> tuple[list[Row], list[Row]]:
    """The city's agencies, the worst colour first, and apart the bodies that are not the city's; with `also` a
    line for each of an agency's services or areas."""
    rows = [_agency_row(house.pack, month, card) for card in lines(house, month, ("agency_id", *also))]
    rows.sort(key=lambda row: (ORDER.index(row.verdict.colour), row.name.lower()))
    return [r for r in rows if r.verdict.colour != "outside"], [r for r in rows if r.verdict.colour == "outside"]


def _agency_row(pack: Pack, month: str, card: Card) -> Row:
    agency, query = pack.agencies.get(card.agency_id or ""), urlencode({"month": month})
    link = f"/rapor/{agency.id}?{query}" if agency else None
    verdict = judge(card, pack.card, is_outside=is_outside(pack, card.agency_id))
    name = agency.name if agency else str(card.agency_id)
    return Row(name=name, card=card, verdict=verdict, link=link, reports=_reports(month, str(card.agency_id)))


def _reports(month: str, agency_id: str, **chosen: str) -> str:
    """The address of the reports behind a figure; its kind is to be put in."""
    return f"/rapor/{agency_id}/{{kind}}?{urlencode({'month': month, **chosen})}"


def front(house: House, request: Request) -> Response:
    """GET /rapor: a month of all agencies; with `by` area or service, of the city as one."""
    month, by = asked_month(house, request), request.query_params.get("by")
    if month is None or by not in {None, *TOGETHER}:
        return nothing(house, request)
    if by is not None:
        rows = rows_by(house, request, month, EVERY, TOGETHER[by])
        return render(house, request, "card_together.html", by=by, rows_found=rows, **words(house, request, month))
    ours, outside = by_agency(house, month)
    with house.store.read() as session:
        said = answers(session, month)
    return render(
        house, request, "card.html", ours=ours, outside=outside, answers=said, **words(house, request, month)
    )


def rows_by(house: House, request: Request, month: str, agency_id: str, by: Column) -> list[Row]:
    """An agency's month (or EVERY one's) by service or by kelurahan, the worst colour first."""
    pack, language = house.pack, language_of(request)
    outside, rows = is_outside(pack, agency_id), []
    of, without = (None, outsiders(pack)) if agency_id == EVERY else (agency_id, ())
    for card in lines(house, month, (by,), of, without):
        code = getattr(card, by)
        name = service_name(pack, code, language) if by == "service_code" else _area_name(pack, code)
        chosen = {"service" if by == "service_code" else "area": code or NONE}
        rows.append(
            Row(
                name=name or texts(language)["no_service" if by == "service_code" else "no_place"],
                card=card,
                verdict=judge(card, pack.card, is_outside=outside),
                link=f"/area/{code}" if agency_id == EVERY and by == "area_code" and code in pack.areas else None,
                reports=_reports(month, agency_id, **chosen),
            )
        )
    return sorted(rows, key=lambda row: (ORDER.index(row.verdict.colour), -row.card.reports, row.name))


def _area_name(pack: Pack, code: str | None) -> str:
    area = pack.areas.get(code or "")
    return ", ".join(filter(None, (area.name, area.kecamatan))) if area else ""


def whole(house: House, request: Request, month: str, agency_id: str) -> dict[str, Any]:
    """An agency's month with all that belongs to it: services, kelurahan, the first reports behind each reason."""
    row, reasons = None, []
    for card in lines(house, month, ("agency_id",), agency_id):  # one, or none
        outside = is_outside(house.pack, agency_id)
        verdict = judge(card, house.pack.card, is_outside=outside)
        row = Row(name="", card=card, verdict=verdict, link=None, reports=_reports(month, agency_id))
        reasons = [(why, _first(house, month, agency_id, why.kind)) for why in verdict.reasons]
    with house.store.read() as session:
        answer = answers(session, month, agency_id).get(agency_id)
    return {
        "agency_id": agency_id,
        "row": row,
        "reasons": reasons,
        "answer": answer,
        "services": rows_by(house, request, month, agency_id, "service_code"),
        "areas": rows_by(house, request, month, agency_id, "area_code"),
    }


def _first(house: House, month: str, agency_id: str, kind: str) -> list[Named]:
    return behind(house, month, agency_id, BEHIND.get(kind, kind), {}, 0, FIRST_CODES)  # type: ignore[arg-type]


def agency_page(house: House, request: Request) -> Response:
    """GET /rapor/AGENCY: its month by service and kelurahan, why it has its colour, and what it answers."""
    month, agency_id = asked_month(house, request), request.path_params["agency"]
    if month is None or agency_id not in house.pack.agencies:
        return nothing(house, request)
    found = whole(house, request, month, agency_id)
    return render(house, request, "card_agency.html", **found, **words(house, request, month))


def reports_page(house: House, request: Request) -> Response:
    """GET /rapor/AGENCY/KIND (AGENCY or `all`): the reports that are late, unanswered, reopened, doubted or rated
    low."""
    month, asked = asked_month(house, request), request.query_params
    agency_id, kind = request.path_params["agency"], request.path_params["kind"]
    chosen, page = _chosen(house.pack, asked), asked.get("page", "1")
    is_page = page.isascii() and page.isdecimal() and len(page) < 5 and 1 <= int(page) <= LAST_PAGE
    if month is None or agency_id not in {*house.pack.agencies, EVERY} or kind not in get_args(Kind):
        return nothing(house, request)
    if chosen is None or not is_page:
        return nothing(house, request)
    start = (int(page) - 1) * A_PAGE
    reports = behind(house, month, agency_id, kind, chosen, start, A_PAGE + 1)
    has_more = len(reports) > A_PAGE
    if "area_code" in chosen:  # a list of an area would say where they are
        reports = [each for each in reports if not _is_hidden(house.pack, each)]
    return render(
        house,
        request,
        "card_reports.html",
        agency_id=agency_id,
        is_every=agency_id == EVERY,
        kind=kind,
        chosen=chosen,
        reports=reports[:A_PAGE],
        page=int(page),
        newer=_page(asked, int(page) - 1) if int(page) > 1 else None,
        older=_page(asked, int(page) + 1) if has_more else None,
        service_of=lambda code: service_name(house.pack, code, language_of(request)),
        area_of=partial(_area_name, house.pack),
        shown_area=lambda report: _area_name(house.pack, shown_area(house.pack, report)),
        **words(house, request, month),
    )


def shown_area(pack: Pack, report: Named) -> str | None:
    """The report's area, where the public is told any."""
    return None if _is_hidden(pack, report) else report.area_code


def _is_hidden(pack: Pack, report: Named) -> bool:
    return pack.publicity(report.service_code).near == "hidden"


def _page(asked: Mapping[str, str], page: int) -> str:
    return "?" + urlencode(
        {**{name: asked[name] for name in ("month", "service", "area") if name in asked}, "page": page}
    )


def _chosen(pack: Pack, asked: Mapping[str, str]) -> dict[Column, str | None] | None:
    """Which service or kelurahan is asked for; None when there is none of that name."""
    chosen: dict[Column, str | None] = {}
    sides: tuple[tuple[str, Column, Mapping[str, object]], ...] = (
        ("service", "service_code", pack.services),
        ("area", "area_code", pack.areas),
    )
    for name, column, known in sides:
        if name in asked and asked[name] != NONE and asked[name] not in known:
            return None
        if name in asked:
            chosen[column] = None if asked[name] == NONE else asked[name]
    return chosen
