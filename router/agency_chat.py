"""An agency's group on Telegram: linked by a code, its answers to our messages move reports, all other talk is not
heard. A group is no citizen (decision 0034)."""

import logging
import re
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from channels.telegram_updates import LINK_COMMAND
from normalizer.schema import ChatChanged, InboundMessage
from router.agency_answers import (
    ANSWER,
    HINT,
    hold_lead,
    is_known,
    key_of_done,
    owe_answer,
    problem_of,
    read_answer,
)
from router.agency_moves import make_move
from router.chat_codes import is_code_of
from router.house import House
from router.intake import Heard, KeptPhoto, message_values, photo_values
from router.owing import owe_by_way
from router.reach import is_group
from router.replies import say
from router.ways import follow_chat, pause_way
from store.desk import Deed
from store.models import AgencyWay, Delivery, Message, Photo, Report
from store.traces import AGENCY_MAIL
from store.ways import Way, ways_there

log = logging.getLogger("lapor.intake")

CHAT = "telegram"
MOVED = "chat_moved"  # what stands in the log of deeds: who of the group did it
PHOTOS_AT_MOST = 4
SHOW_WHAT_WAS_DONE = frozenset({"in_progress", "resolved"})
GONE = "the bot is no longer in the group: add it again"
PUBLIC = "the code was written in a group that is open to everybody: only a closed one counts"
_OUR_NAME = re.compile(r"^\s*@\w+[\s,:]+")


def is_talk(house: House, message: InboundMessage) -> bool:
    """Whether a message was said in a group and is nothing to be kept: it is no agency's group, or the message has
    had its effect just now, which was to link it to one."""
    return is_group(message) and (_link(house, message) or _way_of(house, message.sender) is None)


def _way_of(house: House, chat: str) -> Way | None:
    ways = [way for way in house.ways.all(house.store.read) if way.kind == CHAT]
    lookups = house.store.sealer.lookups(CHAT, chat) if ways else []
    return next((way for way in ways if way.lookup in lookups), None)


# --- an answer ----------------------------------------------------------------------------------------------


def take_agency_chat(house: House, heard: Heard) -> bool:
    """Give what somebody of an agency's group answers to one of our messages its effect, once; False for all that
    was said elsewhere than in a group."""
    message = heard.message
    if not is_group(message):
        return False
    way = _way_of(house, message.sender)
    with house.store.read() as session:
        if way is None or is_known(session, message):
            return True
    with house.store.write() as session:
        if (report := _report(session, message, way)) is not None:
            _take(session, house, heard, way, report)
    house.wake()
    return True


def _report(session: Session, message: InboundMessage, way: Way) -> Report | None:
    """The report of our message that is answered; of a message that went to this very group."""
    query = select(Report).join(Delivery, Delivery.report_id == Report.id)
    query = query.where(Delivery.channel == CHAT, Delivery.provider_id.in_(message.in_reply_to))
    return session.scalars(query.where(Delivery.way_id == way.id).limit(1)).first()


def _take(session: Session, house: House, heard: Heard, way: Way, report: Report) -> None:
    message = heard.message
    answer = read_answer(_OUR_NAME.sub("", message.text))
    session.add(Message(report_id=report.id, **message_values(heard, AGENCY_MAIL)))
    session.flush()
    lead = hold_lead(session, report, way)
    key = problem_of(session, lead, way, answer, house, proven=message.proven)
    if answer is None:
        _without_a_word(session, house, heard, way, lead, key or "agency_no_word")
    elif key is None:
        _move(session, house, heard, way, lead, answer)
    elif message.edit_of is None:
        owe_answer(session, house, message, way, lead, key)


def _move(session: Session, house: House, heard: Heard, way: Way, report: Report, answer: tuple[str, str]) -> None:
    if answer[0] in SHOW_WHAT_WAS_DONE:
        _own_photos(session, report, heard.photos, house)
    make_move(session, report, *answer, (), house)
    _note_who(session, house, way, report, heard.message.author, answer[0])
    log.info("report %s: %s in the group of way %s", report.code, answer[0], way.id)
    owe_answer(session, house, heard.message, way, report, key_of_done(report, way))


def _without_a_word(session: Session, house: House, heard: Heard, way: Way, report: Report, key: str) -> None:
    """Pictures alone belong to what was done (the rest of an album); words alone are talk, answered at times."""
    message, is_theirs = heard.message, report.agency_id == way.agency_id
    if heard.photos and not message.text.strip() and report.status == "resolved" and is_theirs and message.proven:
        _own_photos(session, report, heard.photos, house)
    elif message.edit_of is None:
        owe_answer(session, house, message, way, report, key, kind=HINT)


def _note_who(session: Session, house: House, way: Way, report: Report, author: str, move: str) -> None:
    """Membership is the right; who it was stands in the log of deeds, by the name that they show there."""
    by = f"agency:{way.agency_id} {author}".strip()[:80]
    session.add(Deed(report_id=report.id, by=by, what=MOVED, about=move, at=house.now()))


def _own_photos(session: Session, report: Report, photos: Sequence[KeptPhoto], house: House) -> None:
    """Photos of what was done, still to be fetched; they are compared when they come (router/photos.py)."""
    since = house.now() - timedelta(hours=1)
    query = select(func.count()).where(Photo.report_id == report.id, Photo.is_after, Photo.channel == CHAT)
    room = PHOTOS_AT_MOST - (session.scalar(query.where(Photo.created_at > since)) or 0)
    now = house.now()
    for photo in [each for each in photos if _is_picture(each)][: max(room, 0)]:
        said = photo_values(photo, now) | {"channel": CHAT, "ref": photo.attachment.ref, "next_attempt_at": now}
        session.add(Photo(report_id=report.id, is_after=True, public_state="hidden", **said))
    session.flush()


def _is_picture(photo: KeptPhoto) -> bool:
    attachment = photo.attachment
    return attachment.ref is not None and attachment.note is None


# --- the link between a group and an agency -----------------------------------------------------------------


def _link(house: House, message: InboundMessage) -> bool:
    """Whether a message is /dinas; with the code of a way it links this group to the agency. A wrong code is not
    answered: nobody shall make us talk in a group that is none of ours."""
    found = LINK_COMMAND.match(message.text)
    if found is None:
        return False
    with house.store.read() as session:  # anybody may write it anywhere: no reason to ask for the writer's place
        ways = [each for each in ways_there(session) if each.kind == CHAT]
        number = next((each.id for each in ways if is_code_of(each, found[2], house)), None)
    if number is None:
        log.info("a group brings a code that is none")
        return True
    with house.store.write() as session:
        way = session.get_one(AgencyWay, number, with_for_update=True)
        if not is_code_of(way, found[2], house):  # another group was quicker
            return True
        if not message.proven:
            way.last_error, way.failed_at = PUBLIC, house.now()
        else:
            _settle_link(session, way, message, house)
    house.wake(CHAT)
    return True


def _settle_link(session: Session, way: AgencyWay, message: InboundMessage, house: House) -> None:
    lookups = house.store.sealer.lookups(CHAT, message.sender)
    others = (each for each in ways_there(session) if each.id != way.id)
    other = next((each for each in others if each.lookup in lookups), None)
    if other is not None:  # its answers could not be told apart
        way.last_error, way.failed_at = f"this group is linked already: way {other.id}", house.now()
        return
    follow_chat(way, message.sender, house)
    way.secret = way.paused_at = way.last_error = way.failed_at = None
    house.ways.forget()
    log.info("way %s has its group", way.id)
    agency, language = house.pack.agencies.get(way.agency_id), house.pack.languages[0]
    fields = {
        "agency": agency.name if agency else way.agency_id,
        "how": say(house.pack, language, "agency_how", CHAT),
    }
    row = owe_by_way(session, None, Way(id=way.id, agency_id=way.agency_id, kind=CHAT), ANSWER, house.now())
    row.text, row.in_reply_to = say(house.pack, language, "agency_linked", CHAT, **fields), message.reply_ref


def take_chat_change(house: House, change: ChatChanged) -> None:
    """Follow a group that has another id; stop at one that put us out, and go on when we are in again."""
    lookups = house.store.sealer.lookups(CHAT, change.chat)
    with house.store.write() as session:
        for way in [each for each in ways_there(session) if each.kind == CHAT and each.lookup in lookups]:
            if change.moved_to is not None:
                follow_chat(way, change.moved_to, house)
            if change.is_gone:
                pause_way(session, way, house)
                way.last_error, way.failed_at = GONE, house.now()
            elif way.paused_at is not None:
                way.paused_at = way.last_error = way.failed_at = None
                log.info("way %s: the bot is in its group again", way.id)
    house.ways.forget()
