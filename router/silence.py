"""What the clock does for a citizen who does not answer: ask once more, go on without, close."""

from sqlalchemy.orm import Session

from router.house import House
from router.owing import owe, reply_channel
from router.promise import waits_for_answer
from router.replies import fields_of, question_for, say
from router.reports import BY_CLOCK, buttons_for, let_clock_run
from router.status import OPEN, change_status
from store.models import Report


def remind(session: Session, report: Report, house: House) -> None:
    """Ask once more what is missing, and never again."""
    report.reminded_at = house.now()
    if report.status not in OPEN or report.status == "resolved":
        report.asked_for = None  # life went on without the answer
        return
    channel = reply_channel(session, report)
    question = question_for(report, house.pack, channel)
    fields = fields_of(report, house, report.language)
    text = say(house.pack, report.language, "reminder", channel, **fields, question=question)
    owe(session, report, text, house, house.now(), buttons=buttons_for(report, house.pack), can_wait=True)


def give_up(session: Session, report: Report, house: House) -> None:
    """Nobody answered: what waits for the answer is closed with words that say how to go on; what an agency has it
    gets as it is, and the clock runs."""
    waited = waits_for_answer(report)
    report.asked_at = None
    if report.status == "needs_info":
        change_status(session, report, "closed", by=BY_CLOCK, house=house, silent=True)
        _tell_can_wait(session, report, "gave_up", house)
    elif waited:
        let_clock_run(session, report, house, by=BY_CLOCK)
        _tell_can_wait(session, report, "went_on", house)


def _tell_can_wait(session: Session, report: Report, key: str, house: House) -> None:
    fields = fields_of(report, house, report.language)
    text = say(house.pack, report.language, key, reply_channel(session, report), **fields)
    owe(session, report, text, house, house.now(), can_wait=True)


def close_silent(session: Session, report: Report, house: House) -> None:
    """Nobody said whether it is fixed: it counts as done, and may be opened again for a while."""
    change_status(session, report, "closed", by=BY_CLOCK, house=house, silent=True)
    _tell_can_wait(session, report, "closed_silent", house)
