"""Plays the ninety days: slices of time in which citizens speak, officials press and the clock does its jobs."""

import gc
import heapq
import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from multiprocessing.pool import Pool
from pathlib import Path
from random import Random

from sqlalchemy import func, select, update
from sqlalchemy.event import listen
from sqlalchemy.orm import Session

from bench.city.officials import WORDS, Move, Officials
from bench.city.plan import DAYS, FLOOD_DAY, START, Telling, city_pack, diligence_of
from config.pack import Pack
from config.settings import Settings
from normalizer.schema import Attachment, InboundMessage, PhotoFacts
from router.clock import tick
from router.codes import thread_of
from router.duplicates import find
from router.held import lock_all
from router.holding import clock_at, current
from router.house import House, open_house
from router.intake import Heard, KeptPhoto, take_messages
from router.not_ours import not_ours
from router.promise import term
from router.reading import Understood, pack_at, understand
from router.status import Actor, NotAllowed, change_status
from router.surge import IN_WORK
from router.surge_moves import move_many
from store.bulk import keep_all
from store.migrate import migrate
from store.models import Delivery, Message, Report, Surge

TOGETHER = 100  # messages or presses in one transaction
ANSWERS, SAYS_NO = 0.35, 0.1  # shares of citizens: who answer "is it fixed?"; of these, who say no
# hours behind a surge's beginning
GROUP_MOVES = ((2, "accepted"), (6, "in_progress"), *((hours, "resolved") for hours in (12, 20, 28, 33, 57)))


@dataclass(kw_only=True)
class Town:
    """The house with what only the bench knows of it: whose problem each report is, and what was seen."""

    house: House
    clock: "Clock"
    officials: Officials
    random: Random
    moves: list[tuple[datetime, int, Move]] = field(default_factory=list)
    sayings: list[tuple[datetime, int, InboundMessage]] = field(default_factory=list)
    presses: list[tuple[datetime, int, str]] = field(default_factory=list)
    told: dict[str, Telling] = field(default_factory=dict)  # by a message's id
    telling_of: dict[int, Telling] = field(default_factory=dict)  # by a report's id
    first_of: dict[int, int] = field(default_factory=dict)  # a problem's first report
    planted: dict[int, str] = field(default_factory=dict)  # second reports: "joined", "offered", "missed"
    passed_late: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    surges: set[int] = field(default_factory=set)
    count: int = 0
    seen: int = 0
    seen_message: int = 0


@dataclass
class Clock:
    at: datetime

    def __call__(self) -> datetime:
        return self.at


def open_town(folder: Path, seed: int) -> Town:
    """An empty house in `folder` with the bench's agencies."""
    random, clock, pack = Random(seed), Clock(START), city_pack(folder)
    settings = Settings(_env_file=None, city=pack.path, data_dir=folder / "data", sandbox="off")  # type: ignore[call-arg]
    house = replace(open_house(settings), now=clock)
    listen(house.store.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
    migrate(house.store.engine)
    outside = {each for each in pack.agencies if not _is_judged(pack, each)}
    agencies = sorted(each for each in pack.agencies if each not in outside)
    officials = Officials(pack, diligence_of(agencies, random), random)
    return Town(house=house, clock=clock, officials=officials, random=random)


def _is_judged(pack: Pack, agency_id: str) -> bool:
    return pack.agencies[agency_id].kind not in pack.promise["outside"]


def play(town: Town, tellings: Sequence[Telling], city: Path) -> None:
    """Everything that is planned, until the last day is over."""
    end = START + timedelta(days=DAYS)
    coming = iter(_understood(tellings, city))
    ahead = next(coming, None)
    while town.clock.at < end:
        town.clock.at += _slice(town.clock.at)
        heard = []
        while ahead is not None and ahead[0].at <= town.clock.at:
            heard.append(_heard(town, *ahead))
            ahead = next(coming, None)
        heard += _said_now(town)
        for start in range(0, len(heard), TOGETHER):
            take_messages(town.house, heard[start : start + TOGETHER])
        _press(town)
        while tick(town.house):
            pass
        _look(town)
        if not town.clock.at.hour and not town.clock.at.minute:
            _send(town)
            gc.collect()
            gc.freeze()  # what is left is the plan's: no need to look through it again


def _slice(at: datetime) -> timedelta:
    """How far the clock goes at once: an hour at night, minutes while the water rises."""
    if (at - START).days == FLOOD_DAY:
        return timedelta(minutes=5)
    return timedelta(minutes=30 if 6 <= (at - START).seconds // 3600 < 20 else 60)


# --- citizens -------------------------------------------------------------------------------------------------


def _understood(tellings: Sequence[Telling], city: Path) -> Iterator[tuple[Telling, Understood]]:
    """What a reader makes of each, read in a process of its own a little ahead."""
    chunks = [tellings[start : start + 200] for start in range(0, len(tellings), 200)]
    with beside() as pool:
        for chunk, read in zip(chunks, pool.imap(_read, ((city, chunk) for chunk in chunks)), strict=True):
            yield from zip(chunk, read, strict=True)


def beside() -> Pool:
    """One more process, which lets this one go first: the house is what is played."""
    return multiprocessing.get_context("forkserver").Pool(1, initializer=os.nice, initargs=(10,))


def _read(work: tuple[Path, Sequence[Telling]]) -> list[Understood]:
    city, tellings = work
    return [understand(_message(each), pack_at(city)) for each in tellings]


def _message(telling: Telling) -> InboundMessage:
    is_chat = telling.person % 4 in {0, 3}  # so that two who follow each other are both, neither, or one
    return InboundMessage(
        channel="telegram" if is_chat else "sms",
        account="kota" if is_chat else "+622150001234",
        external_id=f"t{telling.person}",
        sender=f"{70_000_000 + telling.person}" if is_chat else f"+6281{telling.person:08}",
        text=telling.text,
        position=telling.pin,
        reply_ref=f"t{telling.person}",
    )


def _heard(town: Town, telling: Telling, said: Understood) -> Heard:
    town.told[said.message.external_id] = telling
    is_chat = said.message.channel == "telegram"
    photos = [_photo(telling.photo)] if telling.photo and is_chat else []
    return Heard(
        message=said.message, draft=said.draft, said=said.said, photos=photos, raw_key="", received_at=telling.at
    )


def _photo(phash: str) -> KeptPhoto:
    """A photo of which only the hash is there."""
    facts = PhotoFacts(readable=True, content_type="image/jpeg", width=1600, height=1200, phash=phash)
    key = phash * 4
    return KeptPhoto(
        attachment=Attachment(name="foto.jpg"), facts=facts, media_key=key, copy_key=key, thumb_key=key
    )


def _said_now(town: Town) -> list[Heard]:
    heard = []
    while town.sayings and town.sayings[0][0] <= town.clock.at:
        at, _, message = heapq.heappop(town.sayings)
        said = understand(message, town.house.pack)
        heard.append(
            Heard(message=said.message, draft=said.draft, said=said.said, photos=[], raw_key="", received_at=at)
        )
    return heard


def _say(town: Town, report: Report, text: str, after: timedelta) -> None:
    """Have the report's citizen say something later, as an answer on its thread."""
    telling = town.telling_of.get(report.id)
    if telling is None:
        return
    town.count += 1
    message = replace(
        _message(telling),
        external_id=f"a{town.count}",
        text=text,
        position=None,
        thread=thread_of(town.house.keys.derive("thread"), report.code),
    )
    heapq.heappush(town.sayings, (town.clock.at + after, town.count, message))


# --- officials ------------------------------------------------------------------------------------------------


def _plan(town: Town, moves: Iterator[Move]) -> None:
    for move in moves:
        town.count += 1
        heapq.heappush(town.moves, (move.at, town.count, move))


def _press(town: Town) -> None:
    due = []
    while town.moves and town.moves[0][0] <= town.clock.at:
        due.append(heapq.heappop(town.moves)[2])
    for start in range(0, len(due), TOGETHER):
        _press_together(town, due[start : start + TOGETHER])
    while town.presses and town.presses[0][0] <= town.clock.at:
        _, surge_id, status = heapq.heappop(town.presses)
        by = Actor(name="officer:komandan")
        move_many(town.house, surge_id, status, by=by, officer_id=0, notes=WORDS[status], up_to=10**9)


def _press_together(town: Town, moves: Sequence[Move]) -> None:
    with town.house.store.write() as session:
        query = select(Report).where(Report.id.in_({each.report_id for each in moves}))
        reports = {each.id: each for each in session.scalars(query)}
        lock_all(session, reports.values())
        keep_all(session)
        for move in moves:
            report = reports[move.report_id]
            if report.agency_id != move.agency_id or report.parent_id is not None:
                continue
            by = Actor(name=f"officer:{move.agency_id}", agency_id=move.agency_id)
            try:
                _do(town, session, report, move, by)
            except NotAllowed as error:
                town.refused[f"{move.what}: {str(error)[:40]}"] += 1


def _do(town: Town, session: Session, report: Report, move: Move, by: Actor) -> None:
    house, random = town.house, town.random
    if move.what == "not_ours":
        before = current(session, report)
        was_late = before is not None and before.due_at is not None and before.due_at < town.clock.at
        not_ours(session, report, by=by, house=house, notes=WORDS["not_ours"])
        if was_late and report.agency_id:
            town.passed_late[report.agency_id] += 1
        _begin(town, report, may_pass=False)
        return
    change_status(session, report, move.what, by=by, house=house, notes=WORDS[move.what])
    if move.what == "needs_info" and random.random() < 0.9:
        _say(town, report, "di sebelah kiri jalan pak, dekat warung", timedelta(hours=random.uniform(1, 90)))
    if move.what == "resolved" and random.random() < ANSWERS:
        words = (
            "belum pak"
            if random.random() < SAYS_NO
            else random.choice(["sudah, terima kasih", "sudah beres", "5"])
        )
        _say(town, report, words, timedelta(hours=random.uniform(0.5, 72)))


def _begin(town: Town, report: Report, *, may_pass: bool) -> None:
    if report.agency_id is not None and report.surge_id is None:
        agency, whole = report.agency_id, term(report, town.house.pack)
        _plan(town, town.officials.get(report.id, agency, town.clock.at, whole, may_pass=may_pass))


# --- what is seen ---------------------------------------------------------------------------------------------


def _look(town: Town) -> None:
    """New reports get a plan, answered and reopened ones another; of a second report the first is looked for."""
    with town.house.store.read() as session:
        query = select(Report, Message.external_id).join(Message, Message.report_id == Report.id)
        query = query.where(Report.id > town.seen, Message.external_id.like("t%")).order_by(Report.id)
        for report, said in session.execute(query).all():
            town.seen = report.id
            telling = town.told[said]
            town.telling_of[report.id] = telling
            first = town.first_of.setdefault(telling.problem.number, report.id)
            if telling.is_second and first != report.id:
                town.planted[report.id] = _became(session, report, first, town.house)
            _begin(town, report, may_pass=True)
        _look_at_answers(town, session)
        town.seen_message = session.scalar(select(func.max(Message.id))) or 0
    _look_at_surges(town)


def _became(session: Session, report: Report, first: int, house: House) -> str:
    if report.parent_id is not None:
        return "joined"
    return "offered" if first in {each.report.id for each in find(session, report, house)} else "missed"


def _look_at_answers(town: Town, session: Session) -> None:
    query = select(Message.report_id).where(Message.external_id.like("a%"), Message.id > town.seen_message)
    for report in session.scalars(select(Report).where(Report.id.in_(query), Report.status.in_(IN_WORK))):
        if report.agency_id is None or report.surge_id is not None:
            continue
        holding = current(session, report)
        worked = clock_at(holding, town.house.pack, town.clock.at) if holding else 0
        left = max(term(report, town.house.pack) - timedelta(seconds=worked), timedelta())
        _plan(town, town.officials.answered(report.id, report.agency_id, town.clock.at, left))


def _look_at_surges(town: Town) -> None:
    """A new surge gets the presses that its agency makes for all of it."""
    with town.house.store.read() as session:
        for surge in session.scalars(select(Surge)):
            if surge.id not in town.surges:
                town.surges.add(surge.id)
                for hours, status in GROUP_MOVES:
                    heapq.heappush(town.presses, (surge.began_at + timedelta(hours=hours), surge.id, status))


def _send(town: Town) -> None:
    """What is owed by now is with its citizens."""
    owed = update(Delivery).where(Delivery.state == "waiting", Delivery.next_attempt_at <= town.clock.at)
    with town.house.store.write() as session:
        session.execute(owed.values(state="sent"), execution_options={"synchronize_session": False})
