"""Area pages: what is open in a kelurahan, kecamatan or kota, how fast it is dealt with, the newest reports."""

from datetime import timedelta
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from desk import card_words
from desk.asked import OPEN, STATUSES, asked
from desk.counted import LEVELS
from desk.kept import kept
from desk.pages import language_of, render, texts
from desk.public import whole, with_tiles
from router.following import chat_link
from router.house import House
from store.card import Card, Month, cards

LATELY = timedelta(days=30)


def area_page(house: House, request: Request) -> Response:
    """GET /area/CODE, with the list's filters but for the area."""
    area = house.pack.areas.get(request.path_params["code"])
    if area is None:
        return render(house, request, "area_unknown.html", status=404)
    said, view = texts(language_of(request)), asked(house.pack, request.query_params, area.code)
    found = whole(house, request, view)
    page = render(
        house,
        request,
        "area.html",
        here=area,
        above=above(house, area.code),
        chat_link=chat_link(house, area.code),
        speed=speed(house, area.code),
        span=partial(card_words.span, pack=house.pack, said=said),
        open_ones=sum(found["groups"][group] for group in STATUSES[OPEN]),
        **{**found, "is_area": True},
    )
    return with_tiles(house, page)


def above(house: House, code: str) -> list[tuple[str, str]]:
    """Code and name of the areas that this one lies in, the largest first."""
    codes = (code[:letters] for letters in LEVELS.values() if letters < len(code))
    return [(each, house.pack.areas[each].name) for each in codes if each in house.pack.areas]


def speed(house: House, code: str) -> Card | None:
    """How the agencies dealt with what they got in the last 30 days, as the report card counts it; None where
    they got nothing. All areas of a level are counted in one statement, once a minute."""
    letters = LEVELS[house.pack.areas[code].level]

    def count() -> dict[str | None, Card]:
        now = house.now()
        month = Month(since=now - LATELY, before=now + timedelta(minutes=1), now=now)
        with house.store.read() as session:
            return {card.area_code: card for card in cards(session, month, ("area_code",), area_letters=letters)}

    return kept(house, ("speed", letters), count).get(code)
