"""Makes the public copies of photos, behind everything else: in them faces and number plates are hidden."""

import asyncio
import logging

from router.doubts import is_doubted
from router.house import House
from store.models import Photo
from store.work import claim_public_copy, is_any_public_copy_due

log = logging.getLogger("lapor.photos")


async def make_public_copies(house: House) -> int:
    """Make one public copy that is owed; 0 when there was none. One at a time: citizens' messages go before."""
    return await asyncio.to_thread(_make_one, house)


def _make_one(house: House) -> int:
    with house.store.read() as session:  # mostly nothing is owed: no reason to ask for the writer's place
        if not is_any_public_copy_due(session, house.now()):
            return 0
    with house.store.write() as session:
        photo = claim_public_copy(session, house.now())
    if photo is None:
        return 0
    try:
        key, note = house.store.media.put(house.readers.blur(house.store.media.get(photo.copy_key or ""))), None
    except (ValueError, KeyError) as error:  # no reader could, or cannot here: an official decides
        key, note = None, f"no public copy: {error}"
        log.warning("photo %s has no public copy", photo.id)
    except OSError:  # the photos' place is away: the lease's end brings it again
        log.warning("photo %s waits for its public copy: the photos' place is away", photo.id)
        return 0
    _write_down(house, photo, key, note)
    return 1


def _write_down(house: House, photo: Photo, key: str | None, note: str | None) -> None:
    with house.store.write() as session:
        row = session.get_one(Photo, photo.id)
        row.lease_until = None
        if row.public_state != "owed":  # an official was quicker
            return
        row.public_key = key
        is_free = house.pack.shows_blurred_photos and not is_doubted(session, row)
        row.public_state = "shown" if key and is_free else "hidden"
        row.note = row.note or (note or "")[:300] or None
