"""An agency's answer by mail or in its group: the first word moves the report, the reporter reads the rest."""

import logging
import re
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from normalizer.schema import InboundMessage
from normalizer.text import own_words
from router.agency_moves import MOVES, NOT_OURS, open_moves, refusal
from router.held import lock
from router.house import House
from router.owing import owe_by_way
from router.replies import fields_of, say, status_name
from store.models import Message, Report
from store.near import lead_of
from store.ways import Way, count_since

log = logging.getLogger("lapor.intake")

ANSWER, HINT = "answer", "hint"
# RFC 3834: no program at the other end must keep us talking. In a group officials talk below our messages: what
# has none of the words is mostly no mistake, so the words are said once in a while
AN_HOUR = {("mail", ANSWER): 20, ("telegram", ANSWER): 200, ("telegram", HINT): 1}
GREETINGS_AT_MOST = 4

_WORDS = {
    "accepted": r"terima(?!\s+kasih)|diterima|accept(?:ed)?",
    "in_progress": r"proses|diproses|dikerjakan|working|in progress",
    "resolved": r"selesai|done",
    NOT_OURS: r"bukan(?:\s+(?:wewenang|kewenangan|tugas|urusan|bagian|ranah)(?:\s+kami)?)?|not ours",
    "rejected": r"tolak|ditolak|reject(?:ed)?",
}
_ANSWER = {
    move: re.compile(rf"[^\w>]*(?:sudah\s+|telah\s+)?(?:{words})\b[\s,.:;!\-\u2013\u2014]*(.*)", re.I | re.S)
    for move, words in _WORDS.items()
}
# How officials' mails begin and end. "Yth. Tim Lapor," stands before the first word that counts, and what follows
# "Hormat kami," is no note to the citizen: names and numbers.
_GREETING = re.compile(
    r"(?:(?:kepada )?yth\b\.?|kepada|di tempat|dear|selamat (?:pagi|siang|sore|malam)|ass?alam\w*|halo|hai|hi"
    r"|hello|dengan hormat|salam sejahtera|good (?:morning|afternoon|evening)|bapak|ibu|pak|bu)"
    r"(?!\w)[^\n,.!:;]{0,60}(?:[,.!:;]+|\n|$)",
    re.I,
)
_CLOSING = re.compile(
    r"^[^\w\n]{0,9}(?:salam(?: hormat)?|hormat (?:kami|saya)|wassalam\w*|terima ?kasih(?: banyak)?"
    r"|demikian\b.{0,80}|(?:best |kind |warm )?regards|thanks|thank you|sincerely)[^\w\n]{0,9}$",
    re.I | re.M,
)


def read_answer(text: str) -> tuple[str, str] | None:
    """The move that the first word of an answer names, and the words behind it; None where it names none."""
    words = own_words(text).strip()
    for _ in range(GREETINGS_AT_MOST):
        greeting = _GREETING.match(words)
        words = words[greeting.end() :].lstrip() if greeting else words
    for move in MOVES:
        if found := _ANSWER[move].match(words):
            return move, _CLOSING.split(found[1], maxsplit=1)[0].strip()
    return None


def is_known(session: Session, message: InboundMessage) -> bool:
    """Whether it had its effect already."""
    query = select(Message.id).where(
        Message.channel == message.channel,
        Message.account == message.account,
        Message.external_id == message.external_id,
    )
    return session.scalar(query) is not None


def hold_lead(session: Session, report: Report, way: Way) -> Report:
    """Hold the report that an answer moves: the one that this was joined to, where the agency has that too."""
    lead = lead_of(report)
    for each in sorted({report, lead}, key=lambda one: one.id):
        lock(session, each)
    return lead if lead.agency_id == way.agency_id else report


def problem_of(
    session: Session, report: Report, way: Way, answer: tuple[str, str] | None, house: House, *, proven: bool
) -> str | None:
    """The text that says why nothing is changed; None where the move can be made."""
    if not proven:
        return "agency_unproven"
    if report.agency_id != way.agency_id:
        return "agency_mail_gone"
    if answer is None:
        return "agency_no_word"
    problem = refusal(*answer, open_moves(session, report, house))
    return f"agency_{problem}" if problem else None


def key_of_done(report: Report, way: Way) -> str:
    """The text that says what was noted."""
    return "agency_heard" if report.agency_id == way.agency_id else "agency_heard_passed"


def owe_answer(
    session: Session,
    house: House,
    message: InboundMessage,
    way: Way,
    report: Report,
    key: str,
    *,
    kind: str = ANSWER,
) -> None:
    """Owe whoever answered a short answer on the thread, within the limit of an hour for this kind of them."""
    now, language = house.now(), house.pack.languages[0]
    if count_since(session, way.id, now - timedelta(hours=1), kind) >= AN_HOUR[way.kind, kind]:
        log.info("no answer to way %s: the hour's limit is reached", way.id)
        return
    form = form_of(way.kind)
    was, is_now = house.pack.agencies.get(way.agency_id), house.pack.agencies.get(report.agency_id or "")
    fields = fields_of(report, house, language) | {
        "agency": was.name if was else way.agency_id,
        "now": is_now.name if is_now else "-",
        "status": status_name(house.pack, report, language),
        "how": say(house.pack, language, "agency_how", form),
    }
    row = owe_by_way(session, report, way, kind, now)
    row.text = say(house.pack, language, key, form, **fields)
    row.in_reply_to = message.reply_ref or next(iter(message.in_reply_to), None)


def form_of(kind: str) -> str:
    """Whose form of the agencies' texts a way's people read (router/replies.py: say)."""
    return "telegram" if kind == "telegram" else "desk"
