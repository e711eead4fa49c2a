"""Numbered questions: asked once, answered by a number, a button or in words, decided by the clock otherwise."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from router.conversation import NEW
from router.house import House
from router.replies import place_name, say, service_name
from store.models import Address, Message, Report, Reporter

ANSWER_WITHIN = timedelta(hours=24)


def wait_for_answer(reporter: Reporter, kind: str, options: Sequence[str], house: House) -> bool:
    """Remember a question; False where one waits already: nobody is asked two things at once."""
    if reporter.question is not None and reporter.question_until and reporter.question_until > house.now():
        return False
    reporter.question = {"kind": kind, "options": list(options), "asked_at": house.now().isoformat()}
    reporter.question_until = house.now() + ANSWER_WITHIN
    return True


def settle_question(reporter: Reporter) -> None:
    """The question is answered."""
    reporter.question = reporter.question_until = None


def held_messages(session: Session, reporter: Reporter) -> list[Message]:
    """What a person said that waits for the answer to "which report?", the oldest first."""
    query = (
        select(Message)
        .join(Address, Message.address_id == Address.id)
        .where(Address.reporter_id == reporter.id, Message.kind == "ask_which", Message.report_id.is_(None))
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
