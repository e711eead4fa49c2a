"""An official answers the citizen without changing the status: how it reads, what it costs, and what is owed."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from channels.x_posts import MAX_WEIGHT, weight
from config.canned import Canned
from router.held import lock
from router.house import House
from router.owing import owe
from router.reach import reply_address
from router.replies import fields_of
from router.status import Actor
from router.undo import settle
from router.words import Segments, sms_plain, sms_segments, tidy
from store.desk import Deed
from store.models import Delivery, Report

LONGEST = 1000  # letters; Twilio takes 1600 with what stands around them
ANSWERED = "answered"


class CannotAnswer(Exception):  # noqa: N818
    """Why nothing is owed: `nobody` is reached any more, the text is `empty`, `too_long`, or too long for X."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How an answer arrives: on which channel, its whole text, and as SMS in how many segments."""

    channel: str
    text: str
    segments: Segments | None


def reading(session: Session, report: Report, words: str, house: House) -> Reading:
    """What the citizen would read. Raises CannotAnswer."""
    address = reply_address(session, report)
    if address is None:
        raise CannotAnswer("nobody")
    words = words.strip()
    if not words:
        raise CannotAnswer("empty")
    if len(words) > LONGEST:
        raise CannotAnswer("too_long")
    text = _text(report, words, house, address.channel)
    if address.channel == "x" and weight(text) > MAX_WEIGHT:
        raise CannotAnswer("too_long_x")
    segments = sms_segments(text) if address.channel == "sms" else None
    return Reading(channel=address.channel, text=text, segments=segments)


def _text(report: Report, words: str, house: House, channel: str) -> str:
    """The official's own words are never cut; an SMS has look-alikes instead of letters that double its cost."""
    pack = house.pack
    texts = pack.texts.get(report.language) or pack.texts[pack.languages[0]]
    before, _, behind = texts["answer_sms" if channel == "sms" else "answer"].partition("{notes}")
    fields = fields_of(report, house, report.language)
    text = f"{before.format(**fields)}{words}{behind.format(**fields)}"
    return sms_plain(" ".join(text.split())) if channel == "sms" else tidy(text)


def answer_citizen(session: Session, report: Report, words: str, *, by: Actor, house: House) -> Delivery | None:
    """Owe the reporter these words, now and at any hour: a move that waited to be undone goes ahead of them, and
    can be undone no more. Raises CannotAnswer."""
    lock(session, report)
    said, now = reading(session, report, words, house), house.now()
    settle(session, report, now)
    report.unread, report.updated_at = False, now
    session.add(Deed(report_id=report.id, by=by.name, what=ANSWERED, at=now))
    return owe(session, report, said.text, house, now)


def canned_for(report: Report, house: House) -> Sequence[str]:
    """Answers that fit the report, in its reporter's language."""
    return _fitting(house.pack.canned, report, house)


def done_words_for(report: Report, house: House) -> Sequence[str]:
    """What may have been done about a report like this, in its reporter's language."""
    return _fitting(house.pack.canned_done, report, house)


def _fitting(sentences: Sequence[Canned], report: Report, house: House) -> Sequence[str]:
    language = report.language if report.language in house.pack.languages else house.pack.languages[0]
    fields = fields_of(report, house, language)
    fitting = [each for each in sentences if each.fits(report.service_code, report.status)]
    return [tidy(each.texts[language].format(**fields)) for each in fitting]
