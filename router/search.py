"""Brings the words of reports into the index that the desk searches, a moment behind what people say."""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.pack import Pack
from normalizer.search_words import agency_word, kept_words
from router.house import House
from store.models import Message, Report
from store.search import THE_INDEX, is_any_owed, renew, take_owed, write_words

INDEX_SECONDS = 1.0  # between two looks: in a flood one write for the reports of a second, not for each
AT_ONCE = 200  # rows in one transaction: some 20 ms of SQLite's one writer
ROUNDS = 5  # transactions in a row: intake comes first


def index_words(house: House) -> int:
    """Write the words of reports that changed; how many reports it were. What is left waits for the next look."""
    count = 0
    for _ in range(ROUNDS):
        owed = _write_some(house)
        count += len(owed - {THE_INDEX})
        if THE_INDEX in owed:
            renew(house.store)
        if not owed:
            break
    return count


def _write_some(house: House) -> set[int]:
    with house.store.read() as session:
        if not is_any_owed(session):
            return set()
    with house.store.write() as session:
        owed = take_owed(session, AT_ONCE)
        write_words(session, _words(session, owed, house.pack))
        return owed


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
