"""HAPUS DATA SAYA: a person goes from everything; their reports stay as bare facts without a trace of them."""

import logging
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from sqlalchemy import ColumnElement, and_, delete, exists, func, select
from sqlalchemy.orm import Session

from channels import CHANNELS
from router.codes import is_code
from router.forgotten import Traces, forgotten_id, listed, note_forgotten, read_list, traces_of, traces_of_name
from router.held import lock, lock_all
from router.house import House
from router.joins import release
from router.one_time import give, hash_of, is_given, may_try, new_digits, note_wrong
from router.reach import NOBODY
from router.reports import BY_CITIZEN, BY_ROUTER
from router.status import Actor, add_line, change_status
from router.subscriptions import KIND_OF, end, lookups_of, lookups_of_address
from router.turn import Effect, Turn, answer, owner_by_link, settle_rows, tell_there
from router.ways import tell_programs
from store.bulk import write_now
from store.chain import REDACTED
from store.models import Address, Delivery, Report, Reporter, StatusUpdate
from store.near import lead_of
from store.search import rebuild, take_out
from store.subscriptions import drop, of_mailbox, since_forgotten
from store.traces import Removed, blank_messages, blank_notes, drop_answers, drop_photos
from store.work import UNFINISHED

log = logging.getLogger("lapor.forget")

DIGITS = 4
BY_OPERATOR = Actor(name="operator")
NOT_YET_WORK = {"received", "needs_info"}  # nobody can go on with such a report when its words are gone


def _forget(turn: Turn) -> None:
    """First a question with a one-time word, that says what goes and what stays; with the word it is done."""
    settle_rows(turn)
    reporter, code = turn.address.reporter, turn.decision.value
    if not code and (report := owner_by_link(turn)) is not None:
        code = new_digits(DIGITS)
        give(report.reporter, _hash(turn.house, report.reporter, code), turn.house)
        tell_there(turn, report, "forget_ask", code=code, days=str(turn.house.pack.journal_days))
    elif not code:
        code = new_digits(DIGITS)
        give(reporter, _hash(turn.house, reporter, code), turn.house)
        answer(turn, "forget_ask", code=code, days=str(turn.house.pack.journal_days))
    elif not may_try(turn):
        answer(turn, "too_many_tries")
    elif is_given(reporter, _hash(turn.house, reporter, code), turn.house):
        _carry_out(turn)
    else:
        note_wrong(turn)
        answer(turn, "forget_wrong")


def _hash(house: House, reporter: Reporter, code: str) -> str:
    return hash_of(house, f"forget {reporter.id}", code)


def _carry_out(turn: Turn) -> None:
    """All goes but this address, which stays until it was told so."""
    address, house = turn.address, turn.house
    erase(turn.session, address.reporter, house, by=BY_CITIZEN, keep=address)
    turn.session.refresh(address)
    address.forget_at = house.now()
    answer(turn, "forgotten", days=str(house.pack.journal_days))


def erase(
    session: Session, reporter: Reporter, house: House, *, by: Actor, keep: Address | None = None
) -> Removed:
    """Delete a person as take_away() does, for good: their hashes go on the list that a restore heeds, and the
    search index keeps no trace of their words. The areas whose news they follow go, too."""
    addresses = list(session.scalars(select(Address).where(Address.reporter_id == reporter.id)))
    note_forgotten(house, addresses)
    ended = sum(end(house, session, lookups_of_address(house, each)) for each in addresses)
    removed = take_away(session, reporter, house, by=by, keep=keep)
    if removed.reports:
        rebuild(session)
    return replace(removed, subscriptions=ended)


def take_away(
    session: Session,
    reporter: Reporter,
    house: House,
    *,
    by: Actor,
    keep: Address | None = None,
    blurred_stay: bool = False,
) -> Removed:
    """Delete a person: messages' words and raw bytes, photos, answers, addresses, questions, codes, what officials
    noted about their reports, and the words that these were found by.

    `keep` is an address that must still be told; let_go takes it away. Reports keep service, area, status and
    dates, with `blurred_stay` also the blurred copies of photos that the public sees. In the journal the raw
    bytes stay until its days are over (store/journal.py: blank). Doing it twice is doing it once: files go before
    the rows that name them are committed. Raises OSError when the media are away.
    """
    reports, addresses = _hold(session, reporter)
    mailboxes = [house.store.sealer.open(each.sealed) for each in addresses if each.channel == "email"]
    media = house.store.media
    ids = blank_messages(session, addresses, mailboxes, media, lambda key: forgotten_id(house, key))
    photos = drop_photos(session, ids, media, but_public=blurred_stay)
    blank_notes(session, [report.id for report in reports])
    take_out(session, [report.id for report in reports])
    for report in reports:
        _make_bare(session, report, _nobody(session, house), house, by)
    write_now(session)  # a report that stands alone again says so, to them as to others
    removed = Removed(
        addresses=len(addresses),
        reports=len(reports),
        messages=len(ids),
        photos=photos,
        answers=drop_answers(session, addresses),
    )
    reporter.question = reporter.question_until = reporter.link_code = reporter.link_until = None
    reporter.copy_token = reporter.copy_until = reporter.copies_left = None
    session.flush()
    _drop_addresses(session, [address for address in addresses if address is not keep])
    log.info("person %s is forgotten", reporter.id)
    return removed


def _hold(session: Session, reporter: Reporter) -> tuple[list[Report], list[Address]]:
    """A person's reports and addresses, the rows held: nobody writes one that names them until all is gone.

    Those that lead before those that are joined, and reports before addresses: the order of everybody else.
    """
    reports = list(session.scalars(select(Report).where(Report.reporter_id == reporter.id).order_by(Report.id)))
    lock_all(session, {lead_of(report) for report in reports})
    lock_all(session, reports)
    rows = select(Address).where(Address.reporter_id == reporter.id).order_by(Address.id).with_for_update()
    return reports, list(session.scalars(rows))


def _make_bare(session: Session, report: Report, nobody: Address, house: House, by: Actor) -> None:
    """What stays of a report: service, area, agency, status, dates, stars."""
    lock(session, report)
    if report.status in NOT_YET_WORK:
        release(session, report, by=BY_ROUTER, house=house)
        change_status(session, report, "closed", by=BY_CITIZEN, house=house, silent=True)
    area = house.pack.areas.get(report.area_code or "")
    report.lat, report.long = (area.lat, area.long) if area else (None, None)
    report.cell = None
    report.description = report.public_description = ""
    report.address_string = report.linked_to = None
    report.sources = {}
    report.asked_for = report.asked_at = report.reminded_at = report.said_at = report.quiet_until = None
    report.reporter, report.address = nobody.reporter, nobody
    tell_programs(session, report, house)  # their copies still have the words
    if _redact(session, report):
        add_line(session, report, REDACTED, by=by, house=house, now=house.now())
    session.flush()


def _redact(session: Session, report: Report) -> int:
    """Take the citizen's words from the history: text and salt; what remains of them is a hash nobody can try."""
    query = select(StatusUpdate).where(
        StatusUpdate.report_id == report.id,
        StatusUpdate.by == BY_CITIZEN.name,
        StatusUpdate.notes.is_not(None),
    )
    lines = list(session.scalars(query))
    for line in lines:
        line.notes = line.salt = None
    return len(lines)


def _nobody(session: Session, house: House) -> Address:
    """The address of all bare reports, which nothing is ever sent to."""
    channel, lookup = NOBODY
    found = session.scalar(select(Address).where(Address.channel == channel, Address.lookup == lookup))
    if found is not None:
        return found
    now = house.now()
    person = Reporter(language=house.pack.languages[0], opted_out=True, created_at=now)
    made = Address(channel=channel, lookup=lookup, sealed=b"", account="", created_at=now, reporter=person)
    made.stopped_at, made.unreachable = now, lookup
    session.add_all([person, made])
    session.flush()
    return made


def _drop_addresses(session: Session, addresses: Sequence[Address]) -> None:
    """Delete addresses, and persons who have none left."""
    people = {address.reporter_id for address in addresses}
    session.execute(delete(Address).where(Address.id.in_([address.id for address in addresses])))
    has_any = exists().where(Address.reporter_id == Reporter.id)
    session.execute(delete(Reporter).where(Reporter.id.in_(people), ~has_any))


# --- the address that was told last -------------------------------------------------------------------------


def let_go(house: House) -> int:
    """Delete the addresses whose last message is sent or failed; how many."""
    with house.store.write() as session:
        query = select(Address).join(Address.reporter).where(_is_told()).limit(200)
        told = list(session.scalars(query.with_for_update(skip_locked=True)))  # and their persons
        drop_answers(session, told)
        _drop_addresses(session, told)
    if told:
        house.store.scrub()
    return len(told)


def _is_told() -> ColumnElement[bool]:
    is_owed = exists().where(Delivery.address_id == Address.id, Delivery.state.in_(UNFINISHED))
    return and_(Address.forget_at.is_not(None), ~is_owed)


NEXT_TO_LET_GO = select(func.min(Address.forget_at)).where(_is_told())


# --- by an operator -----------------------------------------------------------------------------------------


def find_people(session: Session, person: str, house: House) -> list[Reporter]:
    """Who is meant by `sms:+62812…`, `email:a@b`, an address on any channel, or a report's code; rows held.

    Raises LookupError.
    """
    query = select(Address.reporter_id).where(Address.lookup != NOBODY[1])
    if is_code(person):
        query = query.join(Report, Report.reporter_id == Address.reporter_id).where(Report.code == person.upper())
    else:
        query = query.where(Address.lookup.in_(_lookups(person, house)))
    ids = set(session.scalars(query))
    if not ids:
        raise LookupError("nobody is known by this address or code")
    held = select(Reporter).where(Reporter.id.in_(ids)).order_by(Reporter.id).with_for_update()
    return list(session.scalars(held))


def _lookups(person: str, house: House) -> list[str]:
    channel, _, name = person.partition(":")
    pairs = [(channel, name)] if channel in CHANNELS else [(each, person) for each in CHANNELS]
    return [lookup for each, address in pairs for lookup in house.store.sealer.lookups(each, address)]


def traces(person: str, house: House) -> Traces:
    """By what the journal knows everybody who is meant. Raises LookupError where it could know nobody."""
    with house.store.read() as session:
        try:
            return traces_of(session, find_people(session, person, house), house)
        except LookupError:
            if (left := traces_of_name(person)).names:  # forgotten on another server, whose journal is not ours
                return left
            channel, name = _subscriber(person)
            if of_mailbox(session, lookups_of(house, name, channel)):
                return traces_of_name(f"{channel}:{name}")
            raise


def _subscriber(person: str) -> tuple[str, str]:
    """Channel and name of who may follow areas: a mailbox where no channel is said."""
    channel, _, name = person.partition(":")
    return (channel, name) if channel in KIND_OF else ("email", person)


def forget_all(person: str, house: House) -> Removed:
    """Delete everybody who is meant (find_people), at once and without a word to them, and what a
    subscriber follows who never reported; how much went, in all. Raises LookupError."""

    def forget(session: Session) -> list[Removed]:
        channel, name = _subscriber(person)
        ended = end(house, session, lookups_of(house, name, channel))
        try:
            people = find_people(session, person, house)
        except LookupError:
            if not ended:
                raise
            people = []
        return [Removed(subscriptions=ended), *(erase(session, one, house, by=BY_OPERATOR) for one in people)]

    gone = house.store.write_until_free(forget)
    house.store.scrub()
    return _sum(gone)


def forget_listed(list_of: Path, house: House) -> tuple[Removed, Traces]:
    """Delete everybody on a list of forgotten people once more, for a database that was restored; how much went,
    and by what a journal knows them. Raises OSError, ValueError."""
    forgotten = read_list(list_of)

    def forget(session: Session) -> tuple[list[Removed], Traces]:
        people = list(listed(session, forgotten))
        known = traces_of(session, people, house)
        ended = drop(session, since_forgotten(session, forgotten))
        all_of = [erase(session, one, house, by=BY_OPERATOR) for one in people]
        return [Removed(subscriptions=ended), *all_of], known

    gone, known = house.store.write_until_free(forget)
    house.store.scrub()
    return _sum(gone), known


def _sum(gone: Sequence[Removed]) -> Removed:
    return Removed(**{each.name: sum(getattr(one, each.name) for one in gone) for each in fields(Removed)})


FORGETTING: dict[str, Effect] = {"forget": _forget}
