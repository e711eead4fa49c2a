"""How many reports the public has: by area, service, group of statuses and age, counted once for everybody."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from hashlib import sha256

from desk.kept import standing
from desk.view import GROUPS
from normalizer.public_place import middle_cells
from router.house import House
from store.media import write_synced
from store.public import SPANS, Count, count_all

NAMES = tuple(GROUPS)
FEW = 20_000  # reports are counted for everybody who asks
FILE = "public-counts.json"  # in DATA_DIR
ALL = len(SPANS)  # the place of all times in a row of counts
LEVELS = {"kota": 5, "kecamatan": 8, "kelurahan": 13}  # letters of an area's code

Row = list[int]  # reports of the last SPANS[0] days, of the last SPANS[1], ..., of all times
Table = Mapping[tuple[str | None, int], Mapping[str | None, Row]]  # service (None: all) and group: by area


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """All listed reports; `floating` are those of them that the public sees at no point of their own."""

    everything: Table
    floating: Table
    reports: int


def counted(house: House, few: int = FEW) -> Counted:
    """The counts as they stand; above `few` reports they are counted behind, and kept for the next start."""

    def count() -> Counted:
        groups, middles = tuple(GROUPS.values()), middle_cells(house.pack)
        with house.store.read() as session:
            counts = count_all(session, house.pack, house.now(), groups, middles)
        found = _counted(house, counts)
        if found.reports >= few:
            _save(house, counts)
        return found

    def are_few(found: Counted) -> bool:
        return found.reports < few

    return standing(house, ("counted",), count, is_quick=are_few, before=lambda: _saved(house))


def _counted(house: House, counts: Sequence[Count]) -> Counted:
    pointless = {code for code in (None, *house.pack.services) if house.pack.publicity(code).near == "area"}
    floats = (each for each in counts if not each.is_placed or each.service_code in pointless)
    reports = sum(each.count for each in counts)
    return Counted(everything=_table(counts), floating=_table(floats), reports=reports)


def _save(house: House, counts: Sequence[Count]) -> None:
    """For the next start, whose first visitors would wait for seconds; a full disk is no reason to show none."""
    content = json.dumps({"rules": _rules(house), "counts": [astuple(each) for each in counts]}).encode()
    with suppress(OSError):
        write_synced(house.settings.data_dir / FILE, content)


def _saved(house: House) -> Counted | None:
    """What was counted before the start by the rules of today; None where there is no such file."""
    names = [each.name for each in fields(Count)]
    try:
        said = json.loads((house.settings.data_dir / FILE).read_bytes())
        counts = [Count(**dict(zip(names, row, strict=True))) for row in said["counts"]]
        return _counted(house, counts) if said["rules"] == _rules(house) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _rules(house: House) -> str:
    """What decides which reports are counted as what, in one word."""
    of_services = {code: astuple(house.pack.publicity(code)) for code in house.pack.services}
    said = json.dumps([house.pack.name, SPANS, list(GROUPS.items()), of_services], default=str)
    return sha256(said.encode()).hexdigest()


def _table(counts: Iterable[Count]) -> Table:
    table: defaultdict[tuple[str | None, int], dict[str | None, Row]] = defaultdict(dict)
    for each in counts:
        for service in {None, each.service_code}:
            row = table[service, each.group].setdefault(each.area_code, [0] * (ALL + 1))
            for span in range(each.span, ALL + 1):
                row[span] += each.count
    return table


def of_area(
    table: Table, length: int, *, within: str | None = None, service: str | None, groups: Iterable[str], span: int
) -> dict[str | None, int]:
    """How many reports by the first `length` letters of their area's code; only those in one area."""
    found: defaultdict[str | None, int] = defaultdict(int)
    for group in groups:
        for area, row in table.get((service, NAMES.index(group)), {}).items():
            if row[span] and (within is None or lies_within(area, within)):
                found[area[:length] if area else None] += row[span]
    return dict(found)


def lies_within(area: str | None, whole: str) -> bool:
    return area is not None and (area == whole or area.startswith(f"{whole}."))


def of_group(table: Table, *, within: str | None, service: str | None, span: int) -> dict[str, int]:
    """How many reports in each group of statuses."""
    return {
        name: sum(of_area(table, 0, within=within, service=service, groups=(name,), span=span).values())
        for name in NAMES
    }


def of_service(table: Table, *, within: str | None, groups: Iterable[str], span: int) -> dict[str, int]:
    """How many reports of each service that has any, the most first."""
    found = {
        service: sum(of_area(table, 0, within=within, service=service, groups=groups, span=span).values())
        for service in {service for service, _ in table if service is not None}
    }
    return {service: found[service] for service in sorted(found, key=lambda s: (-found[s], s)) if found[service]}
