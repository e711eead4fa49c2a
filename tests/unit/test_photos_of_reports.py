"""What photos do to reports: hashes that are found again, a question for a JPEG, public copies made and not made."""

import asyncio
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from normalizer.schema import Attachment
from router.photos import fetch_owed
from router.public_photos import make_public_copies
from router.readers import Here
from store.models import Photo
from store.queries import photos_like
from tests.unit.houses import WHOLE, Town
from tests.unit.test_pictures import saved, scene

HEIC = struct.pack(">I", 24) + b"ftypheic" + bytes(40)


@dataclass(frozen=True)
class Blotting(Here):
    """Readers that "blur" in no time, and note what they were given."""

    given: list[bytes] = field(default_factory=list)

    def blur(self, photo: bytes) -> bytes:
        self.given.append(photo)
        return b"blurred " + photo


@dataclass
class Provider:
    """A provider that has one photo."""

    content: bytes

    async def fetch(self, attachment: Attachment) -> bytes:
        return self.content


@pytest.fixture
def no_heic(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without pillow_heif."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)


def photo_of(seed: int, **save: object) -> Attachment:
    return Attachment(content=saved(scene(seed), **save), content_type="image/jpeg")  # type: ignore[arg-type]


def fetch_all(town: Town, content: bytes) -> None:
    provider: Mapping[str, object] = {"sms": Provider(content)}
    asyncio.run(fetch_owed(town.house, provider))  # type: ignore[arg-type]


def test_a_photo_is_kept_with_its_copies_its_hash_and_its_direction(town: Town) -> None:
    town.tell(WHOLE, attachments=(photo_of(1),))
    (photo,) = town.rows(Photo)
    assert (photo.state, photo.public_state, photo.public_key) == ("kept", "owed", None)
    assert len({photo.media_key, photo.copy_key, photo.thumb_key}) == 3
    assert len(photo.phash) == 16


def test_the_same_picture_is_found_by_its_hash_and_others_are_not(town: Town) -> None:
    for seed in range(30):
        town.tell(WHOLE, sender=f"+62811{seed:04}", attachments=(photo_of(seed),))
    town.tell(WHOLE, sender="+62812", attachments=(photo_of(7, quality=25),))
    again = town.rows(Photo)[-1]
    with town.house.store.read() as session:
        since = town.house.now().replace(year=2020)
        found = [photo.id for photo in photos_like(session, again.phash, since=since)]
        later = photos_like(session, again.phash, since=town.house.now().replace(year=2030))
    assert found == [again.id, 8]
    assert later == []


@pytest.mark.usefixtures("no_heic")
def test_the_sender_of_a_heic_that_cannot_be_read_is_asked_for_a_jpeg_once(town: Town) -> None:
    heic = Attachment(content=HEIC, content_type="image/heic")
    town.tell(WHOLE, channel="email", sender="warga@example.org", attachments=(heic, heic))
    report = town.report()
    asked = [answer for answer in town.answers() if "JPEG" in answer]
    assert len(asked) == 1
    assert report.code in asked[0]
    assert {photo.state for photo in town.rows(Photo)} == {"unreadable"}
    assert town.house.store.media.get(town.rows(Photo)[0].media_key) == HEIC


@pytest.mark.usefixtures("no_heic")
def test_for_heics_that_were_fetched_it_is_asked_once_too(town: Town) -> None:
    town.tell(WHOLE, attachments=(Attachment(ref="p1"), Attachment(ref="p2")))
    fetch_all(town, HEIC)
    assert len([answer for answer in town.answers() if "JPEG" in answer]) == 1


def test_public_copies_are_made_of_the_working_copy_one_at_a_time(town: Town) -> None:
    readers = Blotting(town.house.settings.city)
    house = replace(town.house, readers=readers)
    town.tell(WHOLE, attachments=(photo_of(1), photo_of(2)))
    assert [asyncio.run(make_public_copies(house)) for _ in range(3)] == [1, 1, 0]
    media = house.store.media
    for photo, given in zip(town.rows(Photo), readers.given, strict=True):
        assert (photo.public_state, photo.lease_until) == ("shown", None)
        assert given == media.get(photo.copy_key)
        assert media.get(photo.public_key) == b"blurred " + given


def test_a_public_copy_that_another_server_is_at_is_left_alone_until_its_lease_ends(town: Town) -> None:
    house = replace(town.house, readers=Blotting(town.house.settings.city))
    town.tell(WHOLE, attachments=(photo_of(1),))
    with house.store.write() as session:
        session.get_one(Photo, 1).lease_until = town.clock.at.replace(hour=6)
    assert asyncio.run(make_public_copies(house)) == 0
    town.clock.on(hours=2)
    assert asyncio.run(make_public_copies(house)) == 1


def test_files_and_unreadable_photos_have_no_public_copy(town: Town) -> None:
    town.tell(WHOLE, attachments=(Attachment(content=b"%PDF-1.7"), Attachment(content=b"\xff\xd8\xff broken")))
    assert asyncio.run(make_public_copies(town.house)) == 0
    assert {photo.public_state for photo in town.rows(Photo)} == {"hidden"}
