"""Photos that officials bring to show what was done: read, compared, doubted where there is reason, and kept."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from normalizer.after_photo import Doubt, Scene, Shot, doubts
from normalizer.same_picture import Match
from normalizer.schema import Attachment, Position
from router.doubts import Flag, add_flags, flag_of, line_of
from router.held import lock
from router.holding import current
from router.house import House
from router.intake import KeptPhoto, keep_photo, photo_values
from router.reading import Look
from router.status import ROUTER, Actor, add_line
from store import queries
from store.media import key_of
from store.models import Holding, Photo, Report, StatusUpdate
from store.traces import drop_unnamed

log = logging.getLogger("lapor.photos")

DESK = "desk"  # the channel of these photos
SAME_WITHIN = timedelta(days=90)  # so far back the same picture is looked for on other reports
COMPARED = 12  # pictures at most that one photo is laid beside


class NotAPhoto(ValueError):  # noqa: N818
    """A file that people cannot be shown as a photo."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Brought:
    """An after-photo that is kept in media and compared, and has no row yet."""

    kept: KeptPhoto
    doubts: Sequence[Doubt]


def read_after_photos(house: House, report: Report, files: Sequence[Attachment]) -> list[Brought]:
    """Look at files that an official brings, outside of any transaction; one that comes twice is one.

    Raises NotAPhoto for a file that cannot be shown, OSError while the photos' place is away or nobody can look.
    """
    once = {key_of(file.content or b""): file for file in files}
    looks = [(file, _look(house, file)) for file in once.values()]  # all of them before any is kept
    return [compare_after_photo(house, report, keep_photo(house, file, look)) for file, look in looks]


def _look(house: House, file: Attachment) -> Look:
    try:
        look = house.readers.look_at(file.content or b"", file.content_type)
    except ValueError:
        raise NotAPhoto(file.name) from None
    if not look.facts.readable or look.copies is None:
        raise NotAPhoto(file.name)
    return look


def compare_after_photo(house: House, report: Report, kept: KeptPhoto) -> Brought:
    """Lay a photo that is in media already beside what it may be one of again; outside of any transaction."""
    with house.store.read() as session:
        others = _others(session, house, report, kept)
    matches = _matches(house, kept, others)
    compared = [(_shot(other), matches.get(other.id)) for other in others]
    facts = kept.facts
    after = Shot(
        media_key=kept.media_key,
        position=facts.position if facts else None,
        taken_at=facts.taken_at if facts else None,
        software=facts.software if facts else None,
    )
    return Brought(kept=kept, doubts=doubts(after, compared, scene_of(report), house.pack))


def scene_of(report: Report) -> Scene:
    """Where and when a report was made, as after-photos are measured by it."""
    has_point = report.lat is not None and report.long is not None
    return Scene(
        position=Position(lat=report.lat or 0.0, long=report.long or 0.0) if has_point else None,
        area_code=report.area_code,
        source=str((report.sources or {}).get("place", {}).get("source", "text")),
        requested_at=report.requested_at,
    )


def _others(session: Session, house: House, report: Report, kept: KeptPhoto) -> list[Photo]:
    """The photos that it may be one of again: this report's first, then what is alike on others."""
    own = select(Photo).where(Photo.report_id == report.id, Photo.state == "kept").order_by(Photo.id.desc())
    found = list(session.scalars(own.limit(COMPARED)))
    found += queries.photos_of_file(session, kept.media_key or "")
    if kept.facts is not None and kept.facts.phash:
        found += queries.photos_like(session, kept.facts.phash, since=house.now() - SAME_WITHIN)
    once = {photo.id: photo for photo in found if photo.report_id is not None}
    return [photo for photo in once.values() if not _is_joined(photo, report)]


def _is_joined(photo: Photo, report: Report) -> bool:
    """Whether it shows what was done for a report that is joined with this one: one photo serves them all."""
    other = photo.report
    if not photo.is_after or other is None or other.id == report.id:
        return False
    return (other.parent_id or other.id) == (report.parent_id or report.id)


def _matches(house: House, kept: KeptPhoto, others: Sequence[Photo]) -> Mapping[int, Match | None]:
    """How the pictures match, by photo; those of which no copy is at hand, or in time, are left out."""
    copies = {photo.id: copy for photo in others[:COMPARED] if (copy := _copy(house, photo.copy_key))}
    mine = _copy(house, kept.copy_key)
    if mine is None or not copies:
        return {}
    try:
        return dict(zip(copies, house.readers.match(mine, list(copies.values())), strict=True))
    except (ValueError, OSError) as error:
        log.warning("an after-photo is not compared: %s", type(error).__name__)
        return {}


def _copy(house: House, key: str | None) -> bytes | None:
    try:
        return house.store.media.get(key) if key else None
    except KeyError:
        return None


def _shot(photo: Photo) -> Shot:
    return Shot(id=photo.id, code=photo.report.code if photo.report else None, media_key=photo.media_key)


# --- in the transaction -------------------------------------------------------------------------------------


def take_after_photos(
    session: Session, report: Report, holding: Holding | None, brought: Sequence[Brought], house: House
) -> None:
    """Keep what came with a move, and put doubts down: on the holding that moved, and as a line of history.

    Call it behind the move, in its transaction; `holding` is the one from before it. A move to `resolved` without
    a photo is doubted where the service asks for one.
    """
    seen = {"report_id": report.id, "channel": DESK, "public_state": "owed", "is_after": True}
    rows = [(each, Photo(**seen, **photo_values(each.kept, house.now()))) for each in brought]
    session.add_all(row for _, row in rows)
    session.flush()
    flags = [flag_of(doubt, row.id) for each, row in rows for doubt in each.doubts]
    if _lacks_photo(session, report, house) and not rows:
        flags.append(flag_of(Doubt(kind="none"), None))
    _doubt(session, report, holding, flags, [row for _, row in rows], house)


def take_fetched(session: Session, photo: Photo, brought: Brought, house: House) -> None:
    """The same for an after-photo that a move only named, and that was fetched now; its row is written already."""
    if (report := photo.report) is None:
        return
    lock(session, report)
    flags = [flag_of(doubt, photo.id) for doubt in brought.doubts]
    _doubt(session, report, current(session, report), flags, [photo], house)


def _doubt(
    session: Session,
    report: Report,
    holding: Holding | None,
    flags: Sequence[Flag],
    photos: Sequence[Photo],
    house: House,
) -> None:
    if holding is None:  # no agency has it: nobody to answer for the photo, so somebody looks at it first
        for photo in photos:
            photo.public_state = "hidden"
        return
    add_flags(holding, flags, has_photo=bool(photos))
    if flags:
        line, now = line_of(flags, report.code, house.pack), house.now()
        add_line(session, report, report.status, by=Actor(name=ROUTER), house=house, now=now, notes=line)


def _lacks_photo(session: Session, report: Report, house: House) -> bool:
    service = house.pack.services.get(report.service_code or "")
    if report.status != "resolved" or service is None or not service.after_photo:
        return False
    since = select(func.max(StatusUpdate.at)).where(
        StatusUpdate.report_id == report.id, StatusUpdate.status == "reopened"
    )
    query = select(Photo.id).where(Photo.report_id == report.id, Photo.is_after)
    if (reopened_at := session.scalar(since)) is not None:
        query = query.where(Photo.created_at >= reopened_at)
    return session.scalar(query.limit(1)) is None


def drop_brought(house: House, brought: Sequence[Brought]) -> None:
    """Take the files of a move that did not happen out of media again, where nobody else has them."""
    keys = [key for each in brought for key in _keys(each.kept)]
    with (
        house.store.write() as session,
        suppress(OSError),
    ):  # the photos' place is away: they stay, named by nobody
        drop_unnamed(session, keys, house.store.media)


def _keys(kept: KeptPhoto) -> Iterator[str]:
    yield from filter(None, (kept.media_key, kept.copy_key, kept.thumb_key))
