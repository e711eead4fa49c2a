"""A mail that an agency answers: its first word moves the report, what stands behind it is read by the citizen."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from normalizer.schema import InboundMessage
from router.after_photos import Brought, compare_after_photo, drop_brought
from router.agency_answers import hold_lead, is_known, key_of_done, owe_answer, problem_of, read_answer
from router.agency_moves import make_move
from router.codes import agency_of_thread, codes_in
from router.house import PHOTOS, House
from router.intake import Heard, KeptPhoto, message_values
from store.models import Message, Report
from store.traces import AGENCY_MAIL
from store.ways import Way

log = logging.getLogger("lapor.intake")

THREAD = "agency thread"  # the purpose of the key behind a thread's token
LEAST_SIDE = 200  # pixels: a logo under a signature is no photo
PHOTOS_AT_MOST = 4


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
        if is_known(session, heard.message):
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
    lead = hold_lead(session, report, sender.way)
    key = problem_of(session, lead, sender.way, answer, house, proven=sender.proven)
    if key is not None or answer is None:
        owe_answer(session, house, heard.message, sender.way, lead, key or "agency_no_word")
        return False
    make_move(session, lead, *answer, brought, house)
    log.info("report %s: %s by mail of way %s", lead.code, answer[0], sender.way.id)
    owe_answer(session, house, heard.message, sender.way, lead, key_of_done(lead, sender.way))
    return True
