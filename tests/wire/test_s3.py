"""Photos on S3: a real S3 server over HTTP, its absence, and a whole installation that keeps its photos there."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from town import API_KEY, PLACE, TEXT, Town, code_in, eventually, free_port, jpeg, new_citizen, report

from config.settings import SettingsError, read_settings
from desk.photos import AT_ONCE, apart
from normalizer.schema import Attachment, OutboundMessage
from router.claims import Owed, with_photos
from store.media import Folder, Media, open_media
from store.models import Delivery
from store.s3 import Bucket
from tests.unit.houses import new_town
from tests.wire.loopback import serving, until

ACCESS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test-secret",
    "AWS_DEFAULT_REGION": "ap-southeast-3",
}


class S3:
    """An S3 server that can be stopped and started again; what it keeps stays."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {**ACCESS, "AWS_ENDPOINT_URL": self.url}
        self._server: ThreadedMotoServer | None = None

    def start(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def keys(self, bucket: str) -> list[str]:
        return sorted(each["Key"] for each in _owner(self).list_objects_v2(Bucket=bucket).get("Contents", []))


def _owner(s3: S3):
    names = {"aws_access_key_id": "test", "aws_secret_access_key": "test-secret"}
    return boto3.client("s3", endpoint_url=s3.url, region_name=ACCESS["AWS_DEFAULT_REGION"], **names)


@pytest.fixture
def s3() -> Iterator[S3]:
    each = S3()
    each.start()
    where = {"LocationConstraint": ACCESS["AWS_DEFAULT_REGION"]}
    _owner(each).create_bucket(Bucket="photos", CreateBucketConfiguration=where)
    yield each
    each.start() if each._server is None else None
    eventually(lambda: _is_deleted(each), what="the bucket is empty")
    each.stop()


def _is_deleted(each: "S3") -> bool:
    """False when a server that is just ending has put something in once more."""
    bucket = _owner(each)
    for key in each.keys("photos"):
        bucket.delete_object(Bucket="photos", Key=key)
    try:
        bucket.delete_bucket(Bucket="photos")
    except ClientError:
        return False
    return True


@pytest.fixture
def bucket(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Media:
    for name, value in s3.env.items():
        monkeypatch.setenv(name, value)
    return open_media(read_settings(media_url="s3://photos/jakarta/2026"))


def test_what_was_put_comes_back_under_the_key_that_a_folder_gives(bucket: Media, s3: S3, tmp_path: Path) -> None:
    folder, photo = Folder(tmp_path), jpeg()
    key = bucket.put(photo)

    assert key == folder.put(photo)
    assert bucket.get(key) == photo
    assert s3.keys("photos") == [f"jakarta/2026/{key[:2]}/{key[2:4]}/{key}"]
    assert (tmp_path / key[:2] / key[2:4] / key).is_file()


def test_the_same_photo_again_is_not_sent_again(bucket: Media, s3: S3) -> None:
    key = bucket.put(b"the same")
    name = s3.keys("photos")[0]
    _owner(s3).put_object(Bucket="photos", Key=name, Body=b"mark it!")

    assert bucket.put(b"the same") == key
    assert bucket.get(key) == b"mark it!"


def test_what_lies_there_broken_off_is_put_anew(bucket: Media, s3: S3) -> None:
    key = bucket.put(b"whole")
    _owner(s3).put_object(Bucket="photos", Key=s3.keys("photos")[0], Body=b"who")

    assert bucket.put(b"whole") == key
    assert bucket.get(key) == b"whole"


def test_many_small_things_are_one_object_and_each_has_its_key(bucket: Media, s3: S3, tmp_path: Path) -> None:
    many = [b"satu", b"", b"dua", b"t" * 70_000, b""]
    keys = bucket.put_many(many)

    assert [bucket.get(key) for key in keys] == many
    assert len(s3.keys("photos")) == 1
    assert keys == Folder(tmp_path).put_many(many)


def test_nothing_to_keep_asks_nobody(bucket: Media, s3: S3) -> None:
    s3.stop()

    assert bucket.put_many([]) == []


@pytest.mark.parametrize("key", ["0" * 64, f"{'0' * 64}-0-5", "", "../../keys.json", "0" * 64 + "-x-1", "a-1"])
def test_what_is_not_there_is_a_key_error_in_both_places(bucket: Media, tmp_path: Path, key: str) -> None:
    for media in (bucket, Folder(tmp_path)):
        with pytest.raises(KeyError):
            media.get(key)


def test_what_was_deleted_is_gone_and_may_be_deleted_again(bucket: Media) -> None:
    key = bucket.put(b"to be forgotten")
    bucket.delete(key)
    bucket.delete(key)

    with pytest.raises(KeyError):
        bucket.get(key)


def test_a_part_is_blanked_alike_in_both_places_and_its_neighbours_stay(bucket: Media, tmp_path: Path) -> None:
    for media in (bucket, Folder(tmp_path)):
        first, second, third = media.put_many([b"one", b"secret", b"three"])
        for _ in range(2):
            media.blank(second)
        assert [media.get(key) for key in (first, second, third)] == [b"one", bytes(6), b"three"]
        both = media.put_many([b"four", b"five", b"six"])[1:]
        media.blank(*both, *both, "no key of ours")
        assert [media.get(key) for key in both] == [bytes(4), bytes(3)]
        whole = media.put_many([b"seven", b"eight"])
        media.blank(*whole)
        for key in whole:
            with pytest.raises(KeyError):
                media.get(key)
        (alone,) = media.put_many([b"secret alone"])
        for _ in range(2):
            media.blank(alone)
        with pytest.raises(KeyError):
            media.get(alone)


def test_a_server_that_is_away_is_an_os_error_not_a_loss(bucket: Media, s3: S3) -> None:
    key = bucket.put(b"kept before")
    s3.stop()
    for ask in (lambda: bucket.put(b"new"), lambda: bucket.get(key), lambda: bucket.delete(key)):
        with pytest.raises(OSError, match="S3"):
            ask()
    s3.start()

    assert bucket.get(key) == b"kept before"


def test_a_bucket_that_is_not_there_is_an_os_error(bucket: Bucket, s3: S3) -> None:
    lost = Bucket(client=bucket.client, name="nowhere", prefix="")
    with pytest.raises(OSError, match="NoSuchBucket"):
        lost.put(b"photo")
    with pytest.raises(OSError, match="NoSuchBucket"):
        lost.get("0" * 64)


@pytest.mark.parametrize("url", ["s3://", "s3:///prefix", "ftp://photos"])
def test_a_wrong_media_url_is_named(url: str) -> None:
    with pytest.raises(SettingsError, match="MEDIA_URL"):
        open_media(read_settings(media_url=url))


# --- a whole installation -----------------------------------------------------------------------------------


def photo_of(town: Town, code: str) -> bytes | None:
    """The photo as an agency's own system fetches it; None while there is none."""
    url = report(town, code)["media_url"]
    if url is None:
        return None
    answer = town.client.get(urlsplit(url).path, headers={"Authorization": f"Bearer {API_KEY}"})
    return answer.content if answer.status_code == 200 else None


def waiting(town: Town) -> int:
    lines = town.client.get(f"http://127.0.0.1:{town.ops}/metrics").text.splitlines()
    return sum(int(float(line.split()[-1])) for line in lines if 'entries{state="waiting"}' in line)


def test_a_photo_by_sms_lies_on_s3_and_its_agency_sees_it(new_town: Callable[..., Town], s3: S3) -> None:
    town = new_town(MEDIA_URL="s3://photos/town", **s3.env).start()
    citizen = new_citizen("sms")
    town.say("sms", citizen, TEXT, photos=(jpeg("red"),), **PLACE)

    code = code_in(town.answer("sms", citizen))
    photo = eventually(lambda: photo_of(town, code), what="the photo is there")
    assert photo.startswith(b"\xff\xd8\xff")
    assert not (town.folder / "data" / "media").exists()
    assert all(key.startswith("town/") for key in s3.keys("photos"))
    checked = town.run("check").stdout
    assert "ok    media      s3://photos/town" in checked


def test_while_s3_is_away_intake_goes_on_and_afterwards_all_is_there_once(
    new_town: Callable[..., Town], s3: S3
) -> None:
    town = new_town(MEDIA_URL="s3://photos/town", **s3.env).start()
    senders = [("email", new_citizen("email")) for _ in range(3)] + [("sms", new_citizen("sms")) for _ in range(3)]
    s3.stop()
    for channel, citizen in senders:
        photos = (jpeg("green"),) if channel == "email" else ()
        town.say(channel, citizen, TEXT, photos=photos, **PLACE)
    eventually(lambda: waiting(town) == len(senders), what="everything is kept")
    assert town.requests() == []
    assert "WRONG  media" in town.run("check").stdout

    s3.start()
    codes = {citizen: code_in(town.answer(channel, citizen, within=60)) for channel, citizen in senders}
    assert len({each["service_request_id"] for each in town.requests()}) == len(senders)
    assert photo_of(town, codes[senders[0][1]])
    for channel, citizen in senders:
        assert len(town.answers(channel, citizen)) == 1


async def test_photos_whose_place_hangs_hold_up_no_other_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desk.photos.WAITING", 40)
    over, hanging = threading.Event(), list[Request]()

    def hang(request: Request) -> Response:
        hanging.append(request)
        over.wait(20)
        return Response()

    def page(request: Request) -> Response:
        return Response()

    app = Starlette(routes=[Route("/photo", apart(hang)), Route("/page", page)])
    many = httpx.Limits(max_connections=None)
    async with serving(app) as url, httpx.AsyncClient(timeout=20, limits=many) as client:
        asked = [asyncio.create_task(client.get(f"{url}/photo")) for _ in range(AT_ONCE + 45)]
        await until(lambda: len(hanging) == AT_ONCE)
        assert (await client.get(f"{url}/page", timeout=5)).status_code == 200
        assert (await client.get(f"{url}/photo", timeout=5)).status_code == 503
        over.set()
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}


def test_mails_leave_without_photos_whose_place_is_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is asked once, not for each of them."""
    town = new_town(tmp_path)
    ref = "0" * 64
    (Path(town.house.settings.media) / "00" / "00" / ref).mkdir(parents=True)  # an OSError for whoever reads it
    photo = Attachment(ref=ref, content_type="image/jpeg", name="foto.jpg")
    message = OutboundMessage(delivery_id=1, channel="email", account="", to="a@b.id", text="", photos=(photo,))
    owed = [Owed(row=Delivery(id=each), message=message) for each in range(3)]
    found = with_photos(town.house, owed)

    assert [(each.row.id, each.message.photos) for each in found] == [(0, ()), (1, ()), (2, ())]
    assert len([each for each in caplog.messages if "photos" in each]) == 1
