"""What of the queue somebody looks at: read from the address, written as one, and asked of the store."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from markupsafe import Markup
from sqlalchemy import ColumnElement

from config.pack import Area, Pack
from desk.areas import areas_of
from desk.rights import Official, sees_all
from normalizer.search_words import asked_words
from router.agencies import lies_in
from router.promise import RUNS
from router.status import MOVES, OPEN
from store.models import Report

GROUPS: dict[str, tuple[str, ...]] = {
    "new": ("received", "assigned", "reopened"),
    "work": ("accepted", "in_progress", "scheduled"),
    "waiting": ("needs_info", "resolved"),
    "done": ("closed", "rejected", "duplicate"),
}
# what shows reports of the groups once more, before and behind them; FOUND is no tab, a question leads to it
DUE, ON_RECORD, FOUND = "due", "record", "found"
TABS: dict[str, tuple[str, ...]] = {
    DUE: tuple(status for status in MOVES if status in RUNS),
    **GROUPS,
    ON_RECORD: tuple(status for status in MOVES if status in OPEN),
}
BOARD, MAP = "board", "map"  # how else than as a list the reports are looked at
COLUMNS = tuple(status for statuses in (GROUPS["new"], GROUPS["work"], GROUPS["waiting"]) for status in statuses)
LAST_PAGE = 100_000
LONGEST_QUESTION, LONGEST_QUERY = 200, 2000  # letters of what is looked for, and of a posted address


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What of the queue somebody looks at; `agency_id` None is all, queries.NO_AGENCY none yet.

    `areas` are those that they rule (None: everywhere), `rung` is their agency where late reports are on record
    for it. `q` are the words to find, `area` the code of an area that is asked for, `mine` the id of the official
    who took the reports, `look` BOARD, MAP or None for the list.
    """

    group: str
    status: str | None = None
    agency_id: str | None = None
    page: int = 1
    areas: tuple[str, ...] | None = None
    rung: str | None = None
    q: str = ""
    service: str | None = None
    area: str | None = None
    urgent: bool = False
    mine: int | None = None
    look: str | None = None

    @property
    def statuses(self) -> tuple[str, ...]:
        if self.look == BOARD and not self.status:
            return COLUMNS
        return (self.status,) if self.status else (*MOVES,) if self.group == FOUND else TABS[self.group]

    @property
    def is_narrow(self) -> bool:
        """Whether something is asked for beside a group and its status."""
        return bool(self.q or self.service or self.area or self.urgent or self.mine)

    @property
    def words(self) -> list[tuple[str, ...]]:
        return asked_words(self.q)

    def within(self, pack: Pack) -> tuple[str, ...] | None:
        """The areas that may be and are meant; None: everywhere."""
        if self.area is None:
            return self.areas
        meant = tuple(code for code in pack.areas if lies_in(code, self.area))
        return meant if self.areas is None else tuple(code for code in meant if code in self.areas)

    def conditions(self) -> tuple[ColumnElement[bool], ...]:
        """What its reports are beside their group, agency and area."""
        wanted: list[ColumnElement[bool]] = [Report.service_code == self.service] if self.service else []
        wanted += [Report.urgent] if self.urgent else []  # type: ignore[list-item]
        wanted += [Report.officer_id == self.mine] if self.mine else []
        return tuple(wanted)

    def link(self, **changes: object) -> str:
        """The query string of this view with some of it changed."""
        said = {
            "group": None if self.group == FOUND else self.group,
            "status": self.status,
            "agency": self.agency_id,
            "page": self.page if self.page > 1 else None,
            "q": self.q,
            "service": self.service,
            "area": self.area,
            "urgent": "1" if self.urgent else None,
            "mine": "1" if self.mine else None,
            "look": self.look,
        }
        return "?" + urlencode({name: value for name, value in {**said, **changes}.items() if value})

    def plain(self) -> "View":
        """The same group without anything that narrows it."""
        group = "new" if self.group == FOUND else self.group
        return View(group=group, areas=self.areas, rung=self.rung, look=self.look)


def view_of(official: Official, asked: Mapping[str, str], pack: Pack, officer_id: int = 0) -> View:
    """Read the address; whatever is unknown in it is taken for not said."""
    areas = areas_of(official, pack)
    rung = official.agency_id if areas is not None and official.agency_id in pack.promise["ladder"] else None
    look = asked["look"] if asked.get("look") in {BOARD, MAP} else None
    view = View(
        group=_group(asked, rung, look),
        agency_id=(asked.get("agency") or None) if sees_all(official) or areas else official.agency_id,
        page=page_asked(asked.get("page", "")),
        areas=areas,
        rung=rung,
        q=" ".join(asked.get("q", "").replace("\x00", "").split())[:LONGEST_QUESTION],
        service=asked["service"] if asked.get("service") in pack.services else None,
        area=area_asked(pack, asked.get("area", "")),
        urgent=asked.get("urgent") == "1",
        mine=officer_id or None if asked.get("mine") == "1" else None,
        look=look,
    )
    status = asked.get("status")
    return replace(view, status=status) if status in view.statuses else view


def _group(asked: Mapping[str, str], rung: str | None, look: str | None) -> str:
    if asked.get("q", "").strip():
        return FOUND
    group = "new" if look == BOARD else asked.get("group", "")  # the board has every open status
    return group if group in TABS and (group != ON_RECORD or rung) else "new"


def page_asked(said: str) -> int:
    """The number of a page as an address says it; 1 for everything that is none."""
    return min(int(said), LAST_PAGE) if said.isdecimal() and len(said) < 9 and int(said) else 1


def kept_query(official: Official, query: str, pack: Pack, officer_id: int) -> str:
    """A posted query string as this official's view has it: nothing in it is somebody's own invention."""
    asked: dict[str, str] = dict(parse_qsl(query.removeprefix("?")[:LONGEST_QUERY]))
    return view_of(official, asked, pack, officer_id).link(page=None)


# --- areas by name ------------------------------------------------------------------------------------------


def area_label(area: Area) -> str:
    """`Manggarai, Tebet`, `Kec. Tebet`, `Kota Administrasi Jakarta Selatan`."""
    if area.level == "kecamatan":
        return f"Kec. {area.name}"
    return f"{area.name}, {area.kecamatan}" if area.level == "kelurahan" else area.name


def area_asked(pack: Pack, said: str) -> str | None:
    """The code of the area that is meant by code, label, name or alias, the widest first; None: none is."""
    wanted = " ".join(said.lower().split())
    if wanted in pack.areas or not wanted:
        return wanted or None
    by_label = [area.code for area in pack.areas.values() if wanted == area_label(area).lower()]
    names = {area.code: {name.lower() for name in (area.name, *area.aliases)} for area in pack.areas.values()}
    by_name = sorted((code for code in names if wanted in names[code]), key=lambda code: (len(code), code))
    return next(iter([*by_label, *by_name]), None)


def area_words(view: View, pack: Pack) -> str:
    """The asked area as the filter's field shows it."""
    return area_label(pack.areas[view.area]) if view.area else ""


@lru_cache(maxsize=512)
def area_choices(pack: Pack, areas: tuple[str, ...] | None) -> Markup:
    """What the field for an area offers, as <option>s: those that the official may see (None: all)."""
    labels = [area_label(area) for code, area in pack.areas.items() if areas is None or code in areas]
    return Markup("").join(Markup('<option value="{}"></option>').format(label) for label in labels)


def filters(view: View, pack: Pack) -> dict[str, Any]:
    """What the filter's form needs."""
    return {"area_words": area_words(view, pack), "area_choices": area_choices(pack, view.areas)}
