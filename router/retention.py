"""What is kept too long goes: once a day, in small steps, with a log that names nobody (docs/decisions/0030)."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from router.forget import take_away
from router.house import House
from router.status import OPEN, Actor
from store import rounds
from store.models import Reporter
from store.rounds import RetentionRound
from store.search import rebuild

log = logging.getLogger("lapor.retention")

EVERY = timedelta(days=1)
PAUSE = timedelta(minutes=10)  # when the media are away
GAP = timedelta(days=7)  # without a round: was the server off, or does its clock run ahead? A day is waited
AT_ONCE = 50
BETWEEN = timedelta(
    seconds=0.5
)  # two steps of many: a restored store has months to take away, and people to serve
BY_TIME = Actor(name="retention")

Due = Callable[[Session, datetime, int, int], list[int]]
Remove = Callable[[Session, Sequence[int], House], int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """What goes after its days (`keep_days` of the pack): `due` finds the next ids, `remove` takes them away."""

    name: str
    due: Due
    remove: Remove


def _silent_people(session: Session, until: datetime, after: int, limit: int) -> list[int]:
    return rounds.silent_people(session, until, after, limit, is_open=sorted(OPEN))


def _make_nameless(session: Session, ids: Sequence[int], house: House) -> int:
    """Reporters whose reports stay as facts. Held and looked at again: they may have written this moment."""
    held = select(Reporter).where(Reporter.id.in_(ids)).order_by(Reporter.id).with_for_update()
    people = list(session.scalars(held))
    still = set(_silent_people(session, house.now() - _days(house, "person"), min(ids) - 1, len(ids)))
    gone = [each for each in people if each.id in still]
    for each in gone:
        take_away(session, each, house, by=BY_TIME, blurred_stay=True)
    return len(gone)


KINDS = (
    Kind(name="person", due=_silent_people, remove=_make_nameless),
    Kind(name="raw", due=rounds.old_raw, remove=lambda s, ids, house: rounds.drop_raw(s, ids, house.store.media)),
    Kind(
        name="originals",
        due=rounds.old_originals,
        remove=lambda s, ids, house: rounds.drop_originals(s, ids, house.store.media),
    ),
    Kind(
        name="unclaimed",
        due=rounds.unclaimed,
        remove=lambda s, ids, house: rounds.blank_unclaimed(s, ids, house.store.media),
    ),
)
NAMES = tuple(kind.name for kind in KINDS)


def _days(house: House, kind: str) -> timedelta:
    return timedelta(days=house.pack.keep_days[kind])


def forget_old(house: House) -> int:
    """Do the next step of today's round: at most AT_ONCE of one kind; how many went.

    A step is one transaction, its place in the round included: after a kill the round goes on where it was.
    """
    with house.store.read() as session:
        newest = next(iter(rounds.newest_rounds(session, 1)), None)
        going = newest if newest is not None and newest.ended_at is None else None
        kind, after = (KINDS[NAMES.index(going.kind)], going.after) if going else (KINDS[0], 0)
        found = kind.due(session, house.now() - _days(house, kind.name), after, AT_ONCE)
    number = going.number if going else (newest.number + 1 if newest else 1)
    try:
        if newest is not None and newest.ended_at is not None and house.now() - newest.ended_at > GAP:
            return _wait_a_day(house, number)
        return _step(house, number, kind, after, found, is_new=going is None)
    except IntegrityError:  # another server began this round at the same moment
        return 0
    except OSError as error:
        log.warning("the media are away (%s): the retention goes on later", type(error).__name__)
        _pause(house, number)
        return 0


def _step(house: House, number: int, kind: Kind, after: int, found: Sequence[int], *, is_new: bool) -> int:
    with house.store.write() as session:
        if is_new:
            rounds.begin(session, number, NAMES[0], house.now())
        held = rounds.hold(session, number)
        if held is None or held.ended_at is not None or (held.kind, held.after) != (kind.name, after):
            return 0  # another server's step
        count = kind.remove(session, found, house) if found else 0
        held.counts = {**held.counts, kind.name: held.counts.get(kind.name, 0) + count}
        held.next_at = house.now()
        if len(found) == AT_ONCE:
            held.after, held.next_at = found[-1], house.now() + BETWEEN
        elif kind is not KINDS[-1]:
            held.kind, held.after = NAMES[NAMES.index(kind.name) + 1], 0
        else:
            _end(session, held, house.now())
        is_over, counts = held.ended_at is not None, held.counts
    if is_over and any(counts.values()):
        house.store.scrub()
        log.info("retention: %s", ", ".join(f"{number} {name}" for name, number in counts.items()))
    return count


def _end(session: Session, held: RetentionRound, now: datetime) -> None:
    held.counts = {**held.counts, "log_ins": rounds.drop_log_ins(session, now)}
    held.ended_at, held.next_at = now, now + EVERY
    if held.counts["person"]:
        rebuild(session)


def _wait_a_day(house: House, number: int) -> int:
    """A round that takes nothing away: a clock that is years ahead must not delete what is a day old."""
    with house.store.write() as session:
        rounds.begin(session, number, NAMES[0], house.now())
        held = session.get_one(RetentionRound, number)
        held.counts, held.ended_at, held.next_at = {}, house.now(), house.now() + EVERY
    log.warning("no retention for over %s days: is the clock right? Nothing goes before tomorrow", GAP.days)
    return 0


def _pause(house: House, number: int) -> None:
    with house.store.write() as session:
        if session.get(RetentionRound, number) is None:
            rounds.begin(session, number, NAMES[0], house.now())
        session.get_one(RetentionRound, number).next_at = house.now() + PAUSE
