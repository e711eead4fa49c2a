"""What of the public's lists and map somebody asks for: service, status, area, time; read from the address."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from config.pack import Pack
from desk.counted import counted, of_group
from desk.view import GROUPS
from router.house import House
from store.public import SPANS, Chosen, Cursor

OPEN = "open"
A_PAGE = 20  # reports
STATUSES: dict[str, tuple[str, ...]] = {  # what `status` may say: all that is open, or one of the desk's groups
    OPEN: tuple(name for name in GROUPS if name != "done"),
    **{name: (name,) for name in GROUPS},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """The filters of an address; None is "all". `days` is one of SPANS."""

    service: str | None = None
    status: str | None = None
    area: str | None = None
    days: int | None = None

    @property
    def groups(self) -> tuple[str, ...]:
        return STATUSES[self.status] if self.status else tuple(GROUPS)

    @property
    def span(self) -> int:
        """The place of `days` in a row of counts."""
        return SPANS.index(self.days) if self.days else len(SPANS)

    @property
    def is_all(self) -> bool:
        return self == Asked()

    def query(self, **changes: object) -> str:
        """These filters as a query string, with some of them changed; "" where nothing is asked for."""
        said = {"service": self.service, "status": self.status, "area": self.area, "since": self.days, **changes}
        written = urlencode({name: value for name, value in said.items() if value})
        return f"?{written}" if written else ""


def asked(pack: Pack, said: Mapping[str, str], area: str | None = None) -> Asked:
    """Read the filters; whatever is unknown in them is taken for not said."""
    days = said.get("since", "")
    service, status, area = said.get("service"), said.get("status"), area or said.get("area")
    return Asked(
        service=service if service in pack.services and pack.publicity(service).near != "hidden" else None,
        status=status if status in STATUSES else None,
        area=area if area in pack.areas else None,
        days=int(days) if days in map(str, SPANS) else None,
    )


def chosen(house: House, view: Asked) -> Chosen:
    """The same for the store."""
    pack = house.pack
    statuses = [status for group in view.groups for status in GROUPS[group]]
    areas = None if view.area is None else [code for code in pack.areas if f"{code}.".startswith(f"{view.area}.")]
    return Chosen(
        service_code=view.service,
        statuses=statuses if view.status else None,
        areas=areas,
        scans=_scans(house, view),
        since=house.now() - timedelta(days=view.days) if view.days else None,
    )


def _scans(house: House, view: Asked) -> bool:
    """Whether a page is found soonest by going through the newest of all reports: so many are read until it is
    full, against all of the kind that is asked for."""
    meant, of_the_kind = (_count(house, replace(view, days=days)) for days in (view.days, None))
    newest = _count(house, Asked(days=view.days))
    return newest * min(A_PAGE / max(meant, 1), 1) <= of_the_kind


def _count(house: House, view: Asked) -> int:
    found = of_group(counted(house).everything, within=view.area, service=view.service, span=view.span)
    return sum(found[group] for group in view.groups)


def read_cursor(text: str | None) -> Cursor | None:
    """`MICROSECONDS-ID` as `write_cursor` writes it; None for anything else."""
    at, _, number = (text or "").partition("-")
    if not all(part.isascii() and part.isdigit() and len(part) <= 18 for part in (at, number)):
        return None
    try:
        when = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(at))
    except OverflowError:
        return None
    return Cursor(requested_at=when, id=int(number)) if when.year < 9000 else None


def write_cursor(requested_at: datetime, number: int) -> str:
    since = requested_at - datetime.fromtimestamp(0, UTC)
    return f"{since // timedelta(microseconds=1)}-{number}"
