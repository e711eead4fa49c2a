"""Numbered questions: asked once, answered by a number, a button or in words, decided by the clock otherwise."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from normalizer.schema import Position
from router.house import House
from router.known import NEW
from router.replies import place_name, say, service_name
from store.models import Address, Message, Report, Reporter

ANSWER_WITHIN = timedelta(hours=24)
HELD = ("ask_which", "ask_reopen")  # the kinds of messages that wait


def wait_for_answer(
    reporter: Reporter, kind: str, options: Sequence[str], house: House, *, pin: Position | None, later: bool
) -> bool:
    """Remember a question; False where one waits already: nobody is asked two things at once.

    One that is asked `later` waits for the end of the quiet time, and gives way to a clearer one. `pin` is where
    the message says it is: it waits with the question.
    """
    had = reporter.question or {}
    spot = [pin.lat, pin.long] if pin else had.get("pin")
    if is_waiting(reporter, house) and (later or not is_to_come(reporter)):
        reporter.question = {**had, "pin": spot}
        if is_to_come(reporter):  # they are still telling
            reporter.question_until = house.now() + timedelta(seconds=house.settings.quiet_seconds)
        return False
    wait = timedelta(seconds=house.settings.quiet_seconds) if later else ANSWER_WITHIN
    reporter.question = {
        "kind": kind,
        "options": list(options),
        "asked_at": None if later else house.now().isoformat(),
        "pin": spot,
    }
    reporter.question_until = house.now() + wait
    return True


def is_waiting(reporter: Reporter, house: House) -> bool:
    return bool(reporter.question and reporter.question_until and reporter.question_until > house.now())


def is_to_come(reporter: Reporter) -> bool:
    """Whether the question was not asked yet: what comes now may answer it."""
    return reporter.question is not None and reporter.question.get("asked_at") is None


def pin_of(reporter: Reporter) -> Position | None:
    """The pin that waits with the question."""
    spot = (reporter.question or {}).get("pin")
    return Position(lat=spot[0], long=spot[1]) if spot else None


def settle_question(reporter: Reporter) -> None:
    """The question is answered."""
    reporter.question = reporter.question_until = None


def held_messages(session: Session, reporter: Reporter) -> list[Message]:
    """What a person said that waits for the answer to a numbered question, the oldest first."""
    query = (
        select(Message)
        .join(Address, Message.address_id == Address.id)
        .where(Address.reporter_id == reporter.id, Message.kind.in_(HELD), Message.report_id.is_(None))
        .order_by(Message.id)
    )
    return list(session.scalars(query))


def question_text(
    key: str, options: Sequence[str], reports: dict[str, Report], language: str, channel: str, house: House
) -> str:
    """The question with its numbered options: "1 Lampu jalan, Kemang. 2 Sampah, Cipete. 3 Laporan baru"."""
    lines = [f"{number} {_label(option, reports, language, house)}" for number, option in enumerate(options, 1)]
    separator = ", " if channel == "sms" else "\n"
    return say(house.pack, language, key, channel, options=separator.join(lines))


def buttons_for(
    options: Sequence[str], reports: dict[str, Report], language: str, house: House
) -> list[list[str]]:
    """A button for each option: what is read, and the number that comes back."""
    return [[_label(option, reports, language, house), str(number)] for number, option in enumerate(options, 1)]


def _label(option: str, reports: dict[str, Report], language: str, house: House) -> str:
    texts = house.pack.texts[language]
    if option == NEW:
        return texts["option_new"]
    if (report := reports.get(option)) is None:
        return service_name(house.pack, option, language) or option
    service = service_name(house.pack, report.service_code, language) or texts["no_service"]
    short = service.split(" / ")[0].split(" (")[0]
    place = (place_name(house.pack, report) or "").split(", ")[0]
    return f"{short}, {place}" if place else f"{short} ({report.code})"
