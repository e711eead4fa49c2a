"""A report as its first messages make it: opened, acknowledged, with what is owed and asked for it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.pack import Pack
from normalizer.schema import Draft
from router.choices import buttons_of
from router.codes import new_codes
from router.facts import take_place, take_service
from router.held import lock
from router.holding import keep_clocks
from router.house import House
from router.owing import may_answer, owe, owe_to, reply_channel
from router.owner import agency_of
from router.replies import acknowledgement, fields_of, say, service_buttons
from router.said import is_rude
from router.status import CITIZEN, CLOCK, ROUTER, Actor, add_line, change_status
from router.surge import heed_surge, surge_answer
from store.bulk import keep, made
from store.models import Address, Report

MANY = 20  # reports of one person within an hour that are answered one by one

BY_CITIZEN, BY_ROUTER, BY_CLOCK = Actor(name=CITIZEN), Actor(name=ROUTER), Actor(name=CLOCK)


def open_report(
    session: Session,
    draft: Draft,
    address: Address,
    house: House,
    *,
    code: str,
    language: str,
    requested_at: datetime,
    linked_to: str | None = None,
) -> Report:
    """A new report with its first line of history; `linked_to` is an older one's code that it goes on with."""
    now = house.now()
    report = made(
        Report,
        code=code,
        status="received",
        status_before=None,
        service_code=None,
        lat=None,
        long=None,
        address_string=None,
        area_code=None,
        agency_id=None,
        asked_for=None,
        asked_at=None,
        reminded_at=None,
        said_at=now,
        stars=None,
        unread=False,
        linked_to=linked_to,
        quiet_until=None,
        acknowledged_at=None,
        expected_at=None,
        late_at=None,
        time_left=None,
        raised=0,
        parent_id=None,
        surge_id=None,
        cell=None,
        closes_at=None,
        description=draft.description,
        public_description=public_words(draft),
        sources={},
        urgent=draft.urgent,
        language=language,
        channel=address.channel,
        requested_at=requested_at,
        updated_at=now,
        reporter=address.reporter,
        address=address,
    )
    take_service(report, draft)
    take_place(report, draft.place, house.pack)
    keep(session, report)
    add_line(session, report, "received", by=BY_CITIZEN, house=house, now=now)
    return report


def public_words(draft: Draft) -> str:
    """What everybody may read of a message: nothing of an insult."""
    return "" if is_rude(draft.description) else draft.public_description


def free_codes(session: Session, count: int) -> list[str]:
    """Report codes that no report has; another server's choice of the same one is met by the unique key."""
    codes: list[str] = []
    while len(codes) < count:
        fresh = new_codes(count - len(codes)) - set(codes)
        codes += fresh - set(session.scalars(select(Report.code).where(Report.code.in_(fresh))))
    return codes


def heed_flood(session: Session, report: Report, others: Sequence[Report], house: House) -> None:
    """Mark a report that is one of too many of one person within the hour; at the first they are told so, once.

    Each is kept and handed over. Where an address gets fewer automatic answers than that in an hour, the last of
    them says it.
    """
    now = house.now()
    limits = house.pack.settings["answers_per_hour"]
    most = min(MANY, int(limits.get(report.channel, limits["other"])) - 1)
    lately = [each for each in others if each.requested_at > now - timedelta(hours=1)]
    if len(lately) < most:
        return
    report.sources = {**report.sources, "flood": True}
    if not any(is_flood(each) for each in lately):
        text = say(house.pack, report.language, "many", report.channel)
        subject = say(house.pack, report.language, "mail_subject_how_to", "email")
        owe_to(session, report.address, report.channel, text, now, subject=subject)


def is_flood(report: Report) -> bool:
    """Whether a report is one of very many of one person: no answer of its own, shown as such to the officials."""
    return bool(report.sources.get("flood"))


def settle(session: Session, report: Report, house: House) -> None:
    """Acknowledge a complete report at once; let one that lacks something wait for more, quietly."""
    if missing(report) and house.settings.quiet_seconds > 0:
        report.quiet_until = house.now() + timedelta(seconds=house.settings.quiet_seconds)
    else:
        acknowledge(session, report, house)


def acknowledge(session: Session, report: Report, house: House) -> None:
    """Send the report on its way and owe the one first answer, with the one question that is open."""
    now = house.now()
    report.quiet_until = None
    report.acknowledged_at = now
    if report.status != "received":
        return  # an official was quicker, and what they did was told
    if not is_flood(report):
        ask(report, house)
    if missing(report) is None:
        heed_surge(session, report, house)
    agency_id = agency_of(session, report, house)
    if agency_id is not None:
        notes = clock_line(report, "clock_waits", house) if report.asked_for else None
        change_status(
            session, report, "assigned", by=BY_ROUTER, house=house, agency_id=agency_id, silent=True, notes=notes
        )
    elif report.asked_for is not None:
        change_status(session, report, "needs_info", by=BY_ROUTER, house=house, silent=True)
    if not is_flood(report) and may_answer(session, report.address, house, now):
        channel = reply_channel(session, report, asked=True)
        text = surge_answer(session, report, house, channel) or acknowledgement(report, house, channel)
        buttons = buttons_for(report, house.pack)
        asks_place = report.asked_for in {"place", "both"} and not (report.asked_for == "place" and buttons)
        owe(session, report, text, house, now, asked=True, ask_position=asks_place, buttons=buttons)


def buttons_for(report: Report, pack: Pack) -> list[list[str]]:
    """The buttons under the open question: of two places, or of the likeliest services."""
    return buttons_of(report, pack) if report.asked_for == "place" else service_buttons(report, pack)


def missing(report: Report) -> str | None:
    """What the citizen must still be asked for: `service`, `place`, `both` or nothing."""
    no_service = report.service_code is None
    no_place = not report.sources.get("place", {}).get("enough", False)
    if no_service and no_place:
        return "both"
    return "service" if no_service else "place" if no_place else None


def ask(report: Report, house: House) -> None:
    """Note down what is asked for now, and since when."""
    report.asked_for = missing(report)
    report.asked_at = house.now() if report.asked_for else None
    report.reminded_at = None


def let_clock_run(session: Session, report: Report, house: House, *, by: Actor) -> None:
    """The question that held the clock up is gone: the date is promised now, and the history says why."""
    lock(session, report)
    now = house.now()
    keep_clocks(session, report, house.pack, now)
    notes = clock_line(report, "clock_runs", house)
    add_line(session, report, report.status, by=by, house=house, now=now, notes=notes)


def clock_line(report: Report, key: str, house: House) -> str:
    """Why the clock stands or runs, for the history: in the city's own language."""
    language = house.pack.languages[0]
    return say(house.pack, language, key, "desk", **fields_of(report, house, language))
