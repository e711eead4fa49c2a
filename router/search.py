"""Brings the words of reports into the index that the desk searches, a moment behind what people say."""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.pack import Pack
from normalizer.search_words import agency_word, kept_words
from router.house import House
from store.models import Message, Report
from store.search import THE_INDEX, owed, renew, take, write_words

INDEX_SECONDS = 1.0  # between two looks: in a flood one write for the reports of a second, not for each
AT_ONCE = 200  # rows in one transaction
ROUNDS = 5  # transactions in a row: intake comes first


def index_words(house: House) -> int:
    """Write the words of reports that changed; how many reports it were. What is left waits for the next look."""
    count = 0
    for _ in range(ROUNDS):
        written = _write_some(house)
        count += len(written - {THE_INDEX})
        if THE_INDEX in written:
            renew(house.store)
        if not written:
            break
    return count


def _write_some(house: House) -> set[int]:
    """The words are read and cut outside of the transaction: whoever else writes need not wait for that."""
    with house.store.read() as session:
        first = owed(session, AT_ONCE)
        words = _words(session, set(first.reports.values()), house.pack) if first.reports else {}
    if not first.reports:
        return set()
    with house.store.write() as session:
        taken = take(session, first)
        write_words(session, {report_id: words[report_id] for report_id in taken & words.keys()})
    return taken


def _words(session: Session, ids: set[int], pack: Pack) -> dict[int, str]:
    columns = (Report.code, Report.description, Report.address_string, Report.area_code, Report.agency_id)
    texts: dict[int, list[str]] = {}
    query = select(Report.id, *columns).where(Report.id.in_(ids))
    for number, code, description, address, area, agency in session.execute(query):
        texts[number] = [code, agency_word(agency) if agency else "", description, address or ""]
        texts[number] += _names(pack, area)
    said = select(Message.report_id, Message.subject, Message.text).where(Message.report_id.in_(ids))
    for report_id, subject, words in session.execute(said.order_by(Message.id)):
        if report_id is not None:
            texts[report_id] += [subject, words]
    return {number: kept_words(each) for number, each in texts.items()}


def _names(pack: Pack, area_code: str | None) -> Iterator[str]:
    """What people call the area: its name, and those of what it lies in."""
    if area := pack.areas.get(area_code or ""):
        yield from filter(None, (area.name, area.kecamatan, area.kota, *area.aliases))
