"""A mail that an agency answers: its first word moves the report, what stands behind it is read by the citizen."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from normalizer.schema import InboundMessage
from normalizer.text import own_words
from router.after_photos import Brought, compare_after_photo, drop_brought
from router.agency_moves import MOVES, NOT_OURS, make_move, open_moves, refusal
from router.codes import agency_of_thread, codes_in
from router.held import lock
from router.house import PHOTOS, House
from router.intake import Heard, KeptPhoto, message_values
from router.replies import fields_of, owe_by_way, say, status_name
from store.models import Message, Report
from store.near import lead_of
from store.traces import AGENCY_MAIL
from store.ways import Way, count_since

log = logging.getLogger("lapor.intake")

THREAD = "agency thread"  # the purpose of the key behind a thread's token
ANSWER = "answer"
ANSWERS_AN_HOUR = 20  # RFC 3834: a program at the other end must not keep us talking
LEAST_SIDE = 200  # pixels: a logo under a signature is no photo
PHOTOS_AT_MOST = 4
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """Whose mail it is. `code`: what the thread's token speaks for; without one the From names the way, and
    `proven` says whether DMARC passed for it. `way` None: the token's way was closed."""

    way: Way | None
    code: str | None = None
    proven: bool = True


def take_agency_mail(house: House, heard: Heard) -> bool:
    """Give a mail of an agency its effect, once; False for all that is a citizen's.

    It counts with the token of its thread, or from a mailbox that we write to, with DMARC passed and a code of
    theirs in it. Whatever else comes from such a mailbox is read like anybody's mail. Without mail ways, which is
    the rule, nothing is asked.
    """
    sender = _sender(house, heard.message)
    if sender is None:
        return False
    answer = read_answer(heard.message.text)
    with house.store.read() as session:
        if _is_known(session, heard.message):
            return True
        report = _report(session, sender, heard.message)
    if sender.code is None and (report is None or answer is None):
        return False
    may_move = report is not None and sender.proven and heard.message.auto is None and answer is not None
    brought = _photos(house, report, heard.photos) if report is not None and may_move else []
    with house.store.write() as session:
        done = _take(session, house, heard, sender, report.id if report else None, answer, brought)
    if brought and not done:
        drop_brought(house, brought)
    house.wake("email", PHOTOS)
    return True


def _sender(house: House, message: InboundMessage) -> Sender | None:
    if message.channel != "email":
        return None
    ways = [way for way in house.ways.all(house.store.read) if way.kind == "mail"]
    if message.thread and (found := agency_of_thread(house.keys.derive(THREAD), message.thread)):
        code, number = found
        return Sender(way=next((way for way in ways if way.id == number), None), code=code)
    if not ways:
        return None
    lookups = house.store.sealer.lookups("email", message.sender)
    known = next((way for way in ways if way.lookup in lookups), None)
    return Sender(way=known, proven=message.proven) if known else None


def _is_known(session: Session, message: InboundMessage) -> bool:
    query = select(Message.id).where(
        Message.channel == message.channel,
        Message.account == message.account,
        Message.external_id == message.external_id,
    )
    return session.scalar(query) is not None


def _report(session: Session, sender: Sender, message: InboundMessage) -> Report | None:
    """The report that the mail speaks of: the thread's, or the one whose code it names while it is theirs."""
    codes = [sender.code] if sender.code else codes_in(f"{message.subject} {message.text}")[:5]
    query = select(Report).where(Report.code.in_(codes))
    if sender.code is None:
        query = query.where(Report.agency_id == (sender.way.agency_id if sender.way else ""))
    return session.scalars(query.limit(1)).first()


def _photos(house: House, report: Report, photos: Sequence[KeptPhoto]) -> list[Brought]:
    """Those that can be shown and are no logo, compared with what there is."""
    chosen = [
        photo
        for photo in photos
        if photo.copy_key and photo.facts and min(photo.facts.width, photo.facts.height) >= LEAST_SIDE
    ]
    return [compare_after_photo(house, report, photo) for photo in chosen[:PHOTOS_AT_MOST]]


def _take(
    session: Session,
    house: House,
    heard: Heard,
    sender: Sender,
    report_id: int | None,
    answer: tuple[str, str] | None,
    brought: Sequence[Brought],
) -> bool:
    """Keep the message, make the move, owe the mail that says how it went; whether a move was made."""
    report = session.get(Report, report_id) if report_id is not None else None
    session.add(Message(report_id=report.id if report else None, **message_values(heard, AGENCY_MAIL)))
    session.flush()
    if report is None or sender.way is None or heard.message.auto is not None:
        return False
    lead = lead_of(report)
    for each in sorted({report, lead}, key=lambda one: one.id):
        lock(session, each)
    lead = lead if lead.agency_id == sender.way.agency_id else report
    key = _problem(session, lead, sender, answer, house)
    if key is None and answer is not None:
        make_move(session, lead, *answer, brought, house)
        key = "agency_heard" if lead.agency_id == sender.way.agency_id else "agency_heard_passed"
        log.info("report %s: %s by mail of way %s", lead.code, answer[0], sender.way.id)
        _answer(session, house, heard.message, sender.way, lead, key)
        return True
    _answer(session, house, heard.message, sender.way, lead, key or "agency_no_word")
    return False


def _problem(
    session: Session, report: Report, sender: Sender, answer: tuple[str, str] | None, house: House
) -> str | None:
    """The text that says why nothing is changed; None where the move can be made."""
    if not sender.proven:
        return "agency_unproven"
    if sender.way is None or report.agency_id != sender.way.agency_id:
        return "agency_mail_gone"
    if answer is None:
        return "agency_no_word"
    problem = refusal(*answer, open_moves(session, report, house))
    return f"agency_{problem}" if problem else None


def _answer(session: Session, house: House, message: InboundMessage, way: Way, report: Report, key: str) -> None:
    """Owe the mailbox a short answer on the thread, within the limit of an hour."""
    now, language = house.now(), house.pack.languages[0]
    if count_since(session, way.id, now - timedelta(hours=1), ANSWER) >= ANSWERS_AN_HOUR:
        log.info("no answer to way %s: the hour's limit is reached", way.id)
        return
    was, is_now = house.pack.agencies.get(way.agency_id), house.pack.agencies.get(report.agency_id or "")
    fields = fields_of(report, house, language) | {
        "agency": was.name if was else way.agency_id,
        "now": is_now.name if is_now else "-",
        "status": status_name(house.pack, report, language),
        "how": say(house.pack, language, "agency_how", "desk"),
    }
    row = owe_by_way(session, report, way, ANSWER, now)
    row.text, row.in_reply_to = say(house.pack, language, key, "desk", **fields), message.reply_ref
