"""One person on many channels: linked by a code that one address gets and another sends, and taken apart again."""

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from router.house import House
from router.one_time import give, hash_of, may_try, new_digits, note_wrong
from router.owing import owe_to
from router.reach import is_public
from router.replies import say
from router.turn import Effect, Turn, answer, settle_rows
from store.models import Address, Message, Report, Reporter

DIGITS = 6


def maker_of(session: Session, code: str, house: House) -> Reporter | None:
    """Who was given this code, and may still have it used. No lock is taken."""
    if len(code) != DIGITS:
        return None
    query = select(Reporter).where(
        Reporter.link_code == hash_of(house, "link", code), Reporter.link_until > house.now()
    )
    return session.scalars(query.limit(1).execution_options(populate_existing=True)).first()


def _link(turn: Turn) -> None:
    """HUBUNGKAN gives a code, HUBUNGKAN and a code link this address's person to the one who was given it."""
    if is_public(turn.message):  # a code that others read is no secret
        answer(turn, "link_private")
        return
    settle_rows(turn)
    if turn.decision.value:
        _use_code(turn, turn.decision.value)
    else:
        _give_code(turn)


def _give_code(turn: Turn) -> None:
    code = new_digits(DIGITS)
    while maker_of(turn.session, code, turn.house) is not None:
        code = new_digits(DIGITS)
    give(turn.address.reporter, hash_of(turn.house, "link", code), turn.house)
    answer(turn, "link_code", code=code)


def _use_code(turn: Turn, code: str) -> None:
    """Link, tell both; a wrong or old code is said to be that, five times an hour."""
    session, house = turn.session, turn.house
    if not may_try(turn):
        answer(turn, "too_many_tries")
        return
    maker = maker_of(session, code, house)
    if maker is None:
        note_wrong(turn)
        answer(turn, "link_wrong")
        return
    if maker.id == turn.address.reporter_id:
        answer(turn, "link_already")
        return
    told = _address_of_code(session, maker)
    merge(session, maker, turn.address.reporter)
    session.refresh(turn.address)
    answer(turn, "linked", other=_name(house, maker, told.channel) if told else "")
    if told is not None:
        _tell(session, told, maker, turn.address.channel, house)


def _address_of_code(session: Session, maker: Reporter) -> Address | None:
    """The address that the code was given to."""
    query = select(Address).join(Message, Message.address_id == Address.id)
    query = query.where(Address.reporter_id == maker.id, Message.kind == "link")
    return session.scalars(query.order_by(Message.id.desc()).limit(1)).first()


def merge(session: Session, maker: Reporter, other: Reporter) -> None:
    """Make two persons one: all that `other` has moves to `maker`, whose language stays and whose code is used up.

    Both rows are held already, in the order of their ids (router/senders.py).
    """
    if maker.question is None:
        maker.question, maker.question_until = other.question, other.question_until
    maker.link_code, maker.link_until = (
        other.link_code,
        other.link_until,
    )  # each sent the other's at once: still good
    session.flush()
    for model in (Address, Report):
        session.execute(update(model).where(model.reporter_id == other.id).values(reporter_id=maker.id))
    session.expire_all()
    session.delete(other)
    session.flush()


def _tell(session: Session, told: Address, maker: Reporter, channel: str, house: House) -> None:
    """The other address hears of it, too: whoever did not do it can undo it."""
    if told.stopped_at is not None:
        return
    text = say(house.pack, maker.language, "linked_other", told.channel, other=_name(house, maker, channel))
    subject = say(house.pack, maker.language, "mail_subject_linked", "email")
    owe_to(session, told, told.channel, text, house.now(), subject=subject)
    house.wake(told.channel)


def _name(house: House, reporter: Reporter, channel: str) -> str:
    return say(house.pack, reporter.language, f"channel_{channel}", "email")


def _unlink(turn: Turn) -> None:
    """PUTUSKAN: this address is a person of its own again, with the reports that came from it."""
    settle_rows(turn)
    session, address = turn.session, turn.address
    if not _has_others(session, address):
        answer(turn, "unlink_none")
        return
    take_apart(session, address, turn.house)
    answer(turn, "unlinked")


def _has_others(session: Session, address: Address) -> bool:
    query = select(func.count()).where(Address.reporter_id == address.reporter_id)
    return (session.scalar(query) or 0) > 1


def take_apart(session: Session, address: Address, house: House) -> None:
    """A new person for this address; a question goes along where what waits for its answer was said here."""
    old = address.reporter
    alone = Reporter(language=old.language, opted_out=False, created_at=house.now())
    waits = select(Message.id).where(
        Message.address_id == address.id, Message.kind == "ask_which", Message.report_id.is_(None)
    )
    if session.scalar(waits.limit(1)) is not None:
        alone.question, alone.question_until = old.question, old.question_until
        old.question = old.question_until = None
    session.add(alone)
    session.flush()
    session.execute(update(Address).where(Address.id == address.id).values(reporter_id=alone.id))
    session.execute(update(Report).where(Report.address_id == address.id).values(reporter_id=alone.id))
    session.refresh(address)


LINKING: dict[str, Effect] = {"link": _link, "unlink": _unlink}
