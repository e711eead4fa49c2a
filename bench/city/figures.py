"""What became of it: promises, messages, the report card against what was planned, what was planted."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from statistics import quantiles
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bench.city.plan import DAYS, START
from bench.city.town import Town
from router.card import judge, month_of
from router.house import House
from store.card import cards
from store.models import Delivery, Report, StatusUpdate

_TOLD = re.compile(r"(?:Selesai paling lambat |Janji: )(?:\w+, )?(\d{1,2}) (\w+)(?: (\d{4}))?")
SETTLES = frozenset({"resolved", "closed", "rejected", "duplicate"})
MOVES_ON = frozenset({"needs_info"})  # the clock stands, with its reason


def broken_promises(session: Session, house: House) -> tuple[int, Counter[str], list[str]]:
    """How many dates were told, what became of them by the end of their day, and the codes of broken ones."""
    became: Counter[str] = Counter()
    broken, end = [], START + timedelta(days=DAYS)
    lines: dict[int | None, list[StatusUpdate]] = defaultdict(list)
    for line in session.scalars(select(StatusUpdate).order_by(StatusUpdate.id)):
        lines[line.report_id].append(line)
    codes = dict(session.execute(select(Report.id, Report.code)).tuples().all())
    for report_id, told_at, day, is_late in _told(session, house):
        outcome = _outcome(lines[report_id], told_at, day, end, is_late=is_late)
        became[outcome] += 1
        if outcome == "broken":
            broken.append(codes[report_id or 0])
    return sum(became.values()), became, broken


def _told(session: Session, house: House) -> Iterator[tuple[int | None, datetime, datetime, bool]]:
    """Every date that a citizen was told: report, when, the end of that day, and whether a rung's line told it."""
    zone, months = ZoneInfo(house.pack.timezone), house.pack.texts["id"]["months"].split()
    query = select(Delivery.report_id, Delivery.created_at, Delivery.text)
    rows = session.execute(query.where(Delivery.report_id.is_not(None), Delivery.address_id.is_not(None)))
    for report_id, at, text in rows:
        if found := _TOLD.search(text):
            number = next(n for n, name in enumerate(months, 1) if name.startswith(found[2][:3]))
            day = datetime(int(found[3] or 2026), number, int(found[1]), tzinfo=zone)
            yield report_id, at, datetime.combine(day, time.max, zone), "belum selesai" in text


def _outcome(
    lines: Sequence[StatusUpdate], told_at: datetime, day: datetime, end: datetime, *, is_late: bool
) -> str:
    """`kept`, `moved` with a reason, `escalated`, `to come` or `broken`; passed on in its last minute a report is
    late in the same one."""
    before = [line for line in lines if line.at <= told_at]
    if before and before[-1].status in SETTLES | MOVES_ON:
        return "kept"
    for line in (each for each in lines if told_at <= each.at <= day + timedelta(minutes=30)):
        if line.by == "clock" and line.status not in SETTLES and (line.at > told_at or not is_late):
            return "escalated"
        if line.at > told_at and line.status in SETTLES:
            return "kept"
        if line.at > told_at and (line.status in MOVES_ON or (line.status == "assigned" and line.notes)):
            return "moved"
    return "to come" if day >= end else "broken"


def messages(session: Session) -> list[int]:
    """How many messages each report cost its citizen, sorted."""
    query = select(func.count()).where(Delivery.address_id.is_not(None), Delivery.report_id.is_not(None))
    return sorted(session.scalars(query.group_by(Delivery.report_id, Delivery.address_id)))


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's: Pearson's of the ranks, equal values sharing theirs."""
    first, second = _ranks(one), _ranks(other)
    mean = (len(first) + 1) / 2
    top = sum((a - mean) * (b - mean) for a, b in zip(first, second, strict=True))
    return float(top / (sum((a - mean) ** 2 for a in first) * sum((b - mean) ** 2 for b in second)) ** 0.5)


def _ranks(values: Sequence[float]) -> list[float]:
    places: dict[float, list[int]] = defaultdict(list)
    for place, value in enumerate(sorted(values), 1):
        places[value].append(place)
    return [sum(places[value]) / len(places[value]) for value in values]


def card_lines(town: Town) -> Iterator[str]:
    """Each full month: the card's order against the diligence that was planned, and who is red though diligent."""
    pack, house, planned = town.house.pack, town.house, town.officials.diligence
    for name in ("2026-03", "2026-04", "2026-05"):
        month = month_of(name, pack, town.clock.at)
        if month is None:
            continue
        with house.store.read() as session:
            lines = [card for card in cards(session, month) if card.agency_id in planned and card.reports >= 10]
        shares = [card.on_time / card.reports for card in lines]
        rho = rank_correlation([planned[card.agency_id or ""] for card in lines], shares)
        colours = Counter(judge(card, pack.card).colour for card in lines)
        unfair = [
            card.agency_id
            for card in lines
            if any(r.kind == "on_time" and r.colour == "red" for r in judge(card, pack.card).reasons)
            and planned[card.agency_id or ""] >= 0.8
        ]
        took_over = max((town.passed_late[a] for a in planned), default=0)
        yield (
            f"card {name}: {len(lines)} agencies, {sum(card.reports for card in lines)} holdings, "
            f"Spearman {rho:.3f}; "
            f"{dict(colours)}; red for lateness though planned at 0.8 or more: {unfair or 'none'}; "
            f"one took over up to {took_over} reports that were late already"
        )


def planted(town: Town) -> str:
    with town.house.store.read() as session:
        rows = (
            session.execute(select(Report.id, Report.parent_id).where(Report.parent_id.is_not(None)))
            .tuples()
            .all()
        )
    wrong = [(a, b) for a, b in rows if _problem(town, a) != _problem(town, b)]
    joined = {a for a, _ in rows} | {b for _, b in rows}
    became = Counter("joined" if number in joined else state for number, state in town.planted.items())
    total = sum(became.values()) or 1
    found = 1 - became["missed"] / total
    return (
        f"planted second reports: {total}: {dict(became)}, joined or offered {found:.3f}; "
        f"joined automatically {len(rows)}, wrongly {len(wrong)}"
    )


def _problem(town: Town, report_id: int | None) -> int | None:
    telling = town.telling_of.get(report_id or 0)
    return telling.problem.number if telling else None


def lines_of(town: Town) -> Iterator[str]:
    """All figures, a line each."""
    with town.house.store.read() as session:
        statuses = Counter(
            dict(session.execute(select(Report.status, func.count()).group_by(Report.status)).tuples().all())
        )
        told, became, broken = broken_promises(session, town.house)
        costs = messages(session)
    yield f"{sum(statuses.values())} reports: {dict(statuses)}; {len(town.surges)} surges"
    yield f"presses that the status table refused: {dict(town.refused) or 'none'}"
    yield f"dates told: {told}: {dict(became)}; broken: {len(broken)} {broken[:5]}"
    cuts = quantiles(costs, n=100)
    yield f"messages to one person for one report: median {cuts[49]:.0f}, p99 {cuts[98]:.0f}, most {costs[-1]}"
    yield planted(town)
    yield from card_lines(town)
