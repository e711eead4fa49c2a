"""Everything that is held about a person, for them: a zip file, by command or by a link of their own.

SALINAN DATA SAYA on any channel, or the button on the reporter's own page, is answered with a link that is good
for three days and three downloads. The file is made when it is fetched; no copy lies anywhere.
"""

import json
import os
import secrets
import zipfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from router.forget import find_people
from router.house import House
from router.one_time import hash_of
from router.reach import is_public
from router.subscriptions import lookups_of_address
from router.turn import Effect, Turn, answer, owner_by_link, settle_rows, tell_there
from store.desk import Deed, Note
from store.models import Address, Base, Delivery, Message, Photo, Report, Reporter, StatusUpdate
from store.subscriptions import of_mailbox

GOOD_FOR = timedelta(hours=72)
TIMES = 3
README = """Semua yang kami simpan tentang Anda: data.json, folder photos, dan folder raw (pesan asli).

All that we hold about you: data.json (machine readable), photos, and raw (messages as they came in).
Times are UTC.
"""
ENDINGS = {"image/jpeg": ".jpg", "image/png": ".png", "image/heic": ".heic", "image/webp": ".webp"}


# --- asked for, in words ------------------------------------------------------------------------------------


def _copy(turn: Turn) -> None:
    """A link to all that is held about the sender; never where others read along."""
    if is_public(turn.message):
        answer(turn, "copy_private")
        return
    settle_rows(turn)
    token, house, report = secrets.token_urlsafe(24), turn.house, owner_by_link(turn)
    reporter = report.reporter if report is not None else turn.address.reporter
    reporter.copy_token, reporter.copies_left = _hash(house, token), TIMES
    reporter.copy_until = house.now() + GOOD_FOR
    link, times = f"{house.settings.base_url}/copy/{token}", str(TIMES)
    if report is not None:
        tell_there(turn, report, "copy_link", link=link, times=times)
    else:
        answer(turn, "copy_link", link=link, times=times)


def _hash(house: House, token: str) -> str:
    return hash_of(house, "copy", token)


def is_good(house: House, token: str) -> bool:
    """Whether a link may still be used; nothing is counted."""
    with house.store.read() as session:
        return _owner(session, house, token) is not None


def use(house: House, token: str, file: IO[bytes]) -> bool:
    """Write the owner's copy and count it; False where the link is no good (any more). Raises OSError."""
    with house.store.write() as session:
        owner = _owner(session, house, token)
        if owner is None:
            return False
        owner.copies_left = (owner.copies_left or 0) - 1
        owner_id = owner.id
    with house.store.read() as session:
        _write(session, [session.get_one(Reporter, owner_id)], house, file, with_notes=False)
    return True


def _owner(session: Session, house: House, token: str) -> Reporter | None:
    query = select(Reporter).where(
        Reporter.copy_token == _hash(house, token), Reporter.copy_until > house.now(), Reporter.copies_left > 0
    )
    return session.scalar(query.with_for_update())


# --- by an operator -----------------------------------------------------------------------------------------


def write_copy(person: str, file: Path, house: House) -> int:
    """Write what is held about everybody who is meant (find_people), mode 0600; how many they are.

    Raises LookupError, and OSError where the file is there already.
    """
    with house.store.read() as session:
        people = find_people(session, person, house)
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "w+b") as out:
            _write(session, people, house, out, with_notes=True)
    return len(people)


# --- the file -----------------------------------------------------------------------------------------------


def _write(
    session: Session, people: Sequence[Reporter], house: House, file: IO[bytes], *, with_notes: bool
) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        photos, raw = _files(session, people)
        told = {
            "city": house.pack.name,
            "made_at": house.now().isoformat(timespec="seconds"),
            "people": [_person(session, each, house, with_notes=with_notes) for each in people],
        }
        made.writestr("README.txt", README)
        made.writestr("data.json", json.dumps(told, ensure_ascii=False, indent=1, default=_plain))
        for name, key in {**photos, **raw}.items():
            _add(made, name, key, house)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _add(made: zipfile.ZipFile, name: str, key: str, house: House) -> None:
    try:
        made.writestr(name, house.store.media.get(key))
    except KeyError:
        made.writestr(f"{name}.gone.txt", "This file is not held any more.\n")


def _files(session: Session, people: Sequence[Reporter]) -> tuple[dict[str, str], dict[str, str]]:
    """Name in the zip -> key in the media."""
    photos = [photo for each in people for photo in _photos(session, each)]
    raw = [row for each in people for row in _messages(session, each) if row.raw_key is not None]
    kept = {_photo_name(photo): photo.media_key or photo.copy_key for photo in photos}
    return (
        {name: key for name, key in kept.items() if key is not None},
        {_raw_name(row): row.raw_key for row in raw if row.raw_key is not None},
    )


def _photo_name(photo: Photo) -> str:
    return f"photos/{photo.id}{ENDINGS.get(photo.content_type, '.bin')}"


def _raw_name(row: Message) -> str:
    return f"raw/{row.id}.txt"


def _addresses(session: Session, person: Reporter) -> list[Address]:
    return list(session.scalars(select(Address).where(Address.reporter_id == person.id).order_by(Address.id)))


def _messages(session: Session, person: Reporter) -> list[Message]:
    mine = Message.address_id.in_(select(Address.id).where(Address.reporter_id == person.id))
    return list(session.scalars(select(Message).where(mine).order_by(Message.id)))


def _photos(session: Session, person: Reporter) -> list[Photo]:
    said = select(Message.id).join(Address).where(Address.reporter_id == person.id)
    return list(session.scalars(select(Photo).where(Photo.message_id.in_(said)).order_by(Photo.id)))


def _person(session: Session, person: Reporter, house: House, *, with_notes: bool) -> dict[str, Any]:
    addresses, open_ = _addresses(session, person), house.store.sealer.open
    reports = list(session.scalars(select(Report).where(Report.reporter_id == person.id).order_by(Report.id)))
    codes = {report.id: report.code for report in reports}
    owed = select(Delivery).where(Delivery.address_id.in_([each.id for each in addresses])).order_by(Delivery.id)
    return {
        "language": person.language,
        "known_since": person.created_at,
        "addresses": [
            {"address": open_(each.sealed), **_some(each, "channel created_at stopped_at unreachable")}
            for each in addresses
        ],
        "subscriptions": [
            _some(each, "kind area_code created_at confirmed_at")
            for address in addresses
            for each in of_mailbox(session, lookups_of_address(house, address))
        ],
        "reports": [_report(session, each, house, with_notes=with_notes) for each in reports],
        "messages": [
            {"report": codes.get(each.report_id or 0), "raw": _raw_name(each) if each.raw_key else None}
            | _some(each, "channel kind external_id subject text sent_at received_at")
            for each in _messages(session, person)
        ],
        "answers": [
            {"report": codes.get(each.report_id or 0), **_some(each, "channel subject text state created_at")}
            for each in session.scalars(owed)
        ],
        "photos": [
            {"report": codes.get(each.report_id or 0), "file": _photo_name(each)}
            | _some(each, "name content_type state lat long taken_at software public_state created_at")
            for each in _photos(session, person)
        ],
    }


def _report(session: Session, report: Report, house: House, *, with_notes: bool) -> dict[str, Any]:
    lines = session.scalars(
        select(StatusUpdate).where(StatusUpdate.report_id == report.id).order_by(StatusUpdate.seq)
    )
    notes = list(session.scalars(select(Note).where(Note.report_id == report.id).order_by(Note.id)))
    looks = session.execute(select(Deed.what, Deed.at).where(Deed.report_id == report.id).order_by(Deed.id))
    area = house.pack.areas.get(report.area_code or "")
    return {
        **_some(report, "code status service_code description public_description lat long address_string"),
        **_some(report, "area_code agency_id urgent language channel stars sources requested_at updated_at"),
        "area": area.name if area else None,
        "history": [_some(line, "status notes agency_id at") for line in lines],
        "officials_looked": [{"what": what, "at": at} for what, at in looks],
        "internal_notes": [_some(note, "text at") for note in notes] if with_notes else len(notes),
    }


def _some(row: Base, names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names.split()}


COPIES: dict[str, Effect] = {"copy": _copy}
