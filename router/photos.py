"""Photos that a channel only named: fetched after the acknowledgement, joined to their report when they come."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

from channels import CHANNELS
from channels.links import follow_link
from channels.protocol import Connection
from normalizer.schema import Attachment, PermanentFailure, TemporaryFailure
from router.after_photos import Brought, compare_after_photo, take_fetched
from router.completing import take_photo_facts, take_point, tell_of_lost_photo
from router.house import LINK, House
from router.intake import KeptPhoto, keep_photo, state_of_photo
from router.joins import look_for_joins
from router.ways import tell_programs
from store.models import Photo, Report
from store.traces import drop_unnamed
from store.work import claim_photos, is_any_photo_due, wait_after

log = logging.getLogger("lapor.photos")

AT_ONCE = 8
# of all channels together, in threads of their own: while the photos' place hangs the others' work goes on
KEEPERS = ThreadPoolExecutor(AT_ONCE, "photos")
LINK_TRIES = 5
TRIES = 12  # about two hours: Twilio's media may come late, Telegram's file ids stay


def photo_channels() -> list[tuple[str, ...]]:
    """Channels whose photos come from the same hosts; the short links' is one of its own."""
    names: dict[int, tuple[str, ...]] = {}
    for name, module in CHANNELS.items():
        names[id(module)] = (*names.get(id(module), ()), name)
    return [*names.values(), (LINK,)]


async def fetch_owed(
    house: House, connections: Mapping[str, Connection], channels: Collection[str] | None = None
) -> int:
    """Fetch owed photos (of these channels) once around; the number of photos that were tried."""
    photos = await asyncio.to_thread(_claim, house, channels)
    await asyncio.gather(*(_fetch(house, connections, photo) for photo in photos))
    return len(photos)


def _claim(house: House, channels: Collection[str] | None) -> list[Photo]:
    with house.store.read() as session:  # mostly nothing is due: no reason to ask for the writer's place
        if not is_any_photo_due(session, house.now(), channels):
            return []
    with house.store.write() as session:
        return claim_photos(session, house.now(), AT_ONCE, channels)


async def _follow(house: House, photo: Photo) -> None:
    """Follow a map's short link; what cannot be followed is given up without a word: its words are there."""
    address = ""
    try:
        address = await follow_link(photo.ref or "", house.settings.maps_link_url)
    except TemporaryFailure as failure:
        if photo.attempts < LINK_TRIES:
            await asyncio.to_thread(_later, house, photo, failure)
            return
    except PermanentFailure:
        log.info("link %s leads nowhere", photo.id)
    await asyncio.to_thread(_arrive, house, photo, address)


def _arrive(house: House, photo: Photo, address: str) -> None:
    with house.store.write() as session:
        row = session.get(Photo, photo.id)
        if row is None:  # its person was forgotten meanwhile
            return
        report = row.message.report if row.message else None
        session.delete(row)
        if report is not None and address:
            take_point(session, report, address, house)


async def _fetch(house: House, connections: Mapping[str, Connection], photo: Photo) -> None:
    if photo.channel == LINK:
        await _follow(house, photo)
        house.wake()
        return
    attachment = Attachment(ref=photo.ref, content_type=photo.content_type, name=photo.name)
    try:
        if photo.channel not in connections:
            raise TemporaryFailure("this channel is off")
        content = await connections[photo.channel].fetch(attachment)
    except TemporaryFailure as failure:
        await asyncio.to_thread(_later, house, photo, failure)
    except PermanentFailure as failure:
        await asyncio.to_thread(_lost, house, photo, str(failure))
    except Exception as error:
        log.error("photo %s broke: %s", photo.id, type(error).__name__)  # noqa: TRY400  (may hold a token)
        ours = TemporaryFailure(f"our mistake: {type(error).__name__}")
        await asyncio.to_thread(_later, house, photo, ours)
    else:
        await _keep_or_wait(house, photo, content)
    house.wake()


async def _keep_or_wait(house: House, photo: Photo, content: bytes) -> None:
    """A place for photos that is away costs no try: the photo is there to be fetched again."""
    try:
        await asyncio.get_running_loop().run_in_executor(KEEPERS, _keep, house, photo, content)
    except ValueError as error:  # no reader could look at it: what it is stays unknown
        await asyncio.to_thread(_lost, house, photo, str(error))
    except OSError as error:
        away = TemporaryFailure(f"our own photos' place: {type(error).__name__}")
        await asyncio.to_thread(_later, house, photo, away, counts=False)


def _keep(house: House, photo: Photo, content: bytes) -> None:
    look = house.readers.look_at(content, photo.content_type)
    facts = look.facts
    kept = keep_photo(house, Attachment(content=content, content_type=photo.content_type), look)
    brought = _compared(house, photo, kept) if photo.is_after and kept.copy_key else None
    with house.store.write() as session:
        row = session.get(Photo, photo.id)
        if row is None:  # its person was forgotten meanwhile
            drop_unnamed(session, filter(None, (kept.media_key, kept.copy_key, kept.thumb_key)), house.store.media)
            return
        row.state = state_of_photo(kept)
        row.note = facts.note
        row.media_key, row.copy_key, row.thumb_key = kept.media_key, kept.copy_key, kept.thumb_key
        row.public_state = "owed" if kept.copy_key else "hidden"
        row.phash, row.direction = facts.phash, facts.direction
        row.content_type = facts.content_type[:100]
        row.width, row.height = facts.width, facts.height
        row.taken_at, row.software = facts.taken_at, facts.software
        row.lease_until = None
        if facts.position is not None:
            row.lat, row.long = facts.position.lat, facts.position.long
        if brought is not None:
            take_fetched(session, row, brought, house)
        elif not row.is_after:
            take_photo_facts(session, row, facts, house)
            if row.report is not None:
                look_for_joins(row.report, house)
        tell_programs(session, row.report, house)


def _compared(house: House, photo: Photo, kept: KeptPhoto) -> Brought | None:
    """An agency's photo of what was done, laid beside what it may be one of again; outside of any transaction."""
    with house.store.read() as session:
        report = session.get(Report, photo.report_id) if photo.report_id else None
    return compare_after_photo(house, report, kept) if report is not None else None


def _later(house: House, photo: Photo, failure: TemporaryFailure, *, counts: bool = True) -> None:
    if counts and photo.attempts >= TRIES:
        _lost(house, photo, str(failure))
        return
    with house.store.write() as session:
        row = session.get(Photo, photo.id)
        if row is None:
            return
        row.note = str(failure)[:300]
        row.lease_until = None
        row.attempts -= not counts
        row.next_attempt_at = house.now() + wait_after(photo.attempts, failure.retry_after)


def _lost(house: House, photo: Photo, reason: str) -> None:
    log.warning("photo %s cannot be had", photo.id)
    with house.store.write() as session:
        row = session.get(Photo, photo.id)
        if row is not None:
            row.state, row.note, row.lease_until = "lost", reason[:300], None
            tell_of_lost_photo(session, row, house)
