"""A photo comes from the provider's own hosts, in bounded size and time, and never takes credentials elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from channels import sms, telegram, x
from channels.fetch import LONGEST_NAMED, PhotoHosts, clean, fetch_photo, retry_after
from config.settings import read_settings
from normalizer.schema import OutboundMessage, PermanentFailure, TemporaryFailure
from tests.wire.loopback import answering, serving

PUBLIC = PhotoHosts(hosts=("api.twilio.com", ".twiliocdn.com"), max_bytes=1000)


@pytest.mark.parametrize(
    ("url", "is_allowed"),
    [
        ("https://api.twilio.com/media/1", True),
        ("https://API.TWILIO.COM:443/media/1", True),
        ("https://media.twiliocdn.com/1", True),
        ("http://api.twilio.com/1", False),
        ("https://api.twilio.com:8443/1", False),
        ("https://api.twilio.com.evil.example/1", False),
        ("https://eviltwiliocdn.com/1", False),
        ("https://twiliocdn.com/1", False),
        ("https://api.twilio.com@evil.example/1", False),
        ("https://user:pass@api.twilio.com/1", False),
        ("https://169.254.169.254/latest/meta-data", False),
        ("https://[::1]/1", False),
        ("https://2130706433/", False),
        ("https://localhost/1", False),
        ("ftp://api.twilio.com/1", False),
        ("file:///etc/passwd", False),
        ("api.twilio.com/1", False),
        ("", False),
    ],
)
def test_only_the_providers_own_https_hosts_are_allowed(url: str, is_allowed: bool) -> None:
    assert PUBLIC.allows(httpx.URL(url)) is is_allowed


def test_with_an_api_url_set_exactly_its_host_and_port_are_allowed() -> None:
    hosts = PhotoHosts(hosts=("api.twilio.com",), max_bytes=1, only="http://10.0.0.7:8100/twilio/")
    assert hosts.allows(httpx.URL("http://10.0.0.7:8100/media/1"))
    for url in (
        "http://10.0.0.7:8101/1",
        "http://10.0.0.8:8100/1",
        "https://10.0.0.7:8100/1",
        "https://api.twilio.com/",
    ):
        assert not hosts.allows(httpx.URL(url))


def test_credentials_are_for_the_api_alone() -> None:
    hosts = PhotoHosts(
        hosts=("api.twilio.com", ".twiliocdn.com"),
        max_bytes=1,
        auth=("AC1", "token"),
        auth_origin="https://api.twilio.com",
    )
    assert hosts.auth_for(httpx.URL("https://api.twilio.com/1")) == ("AC1", "token")
    assert hosts.auth_for(httpx.URL("https://media.twiliocdn.com/1")) is None


@pytest.mark.parametrize(
    "address", ["https://evil.example/1", "http://127.0.0.1:9/", "::::", "https://a b/", "\x00"]
)
async def test_a_host_that_is_not_allowed_is_never_asked(address: str) -> None:
    async def refuse(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    async with httpx.AsyncClient(transport=httpx.MockTransport(refuse)) as client:
        with pytest.raises(PermanentFailure):
            await fetch_photo(client, address, PUBLIC)


class Host:
    """A photo host that behaves as its path says."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def answer(self, request: Request) -> Response:
        path = request.url.path
        self.paths.append(path)
        if path.startswith("/hop/"):
            left = int(path.removeprefix("/hop/"))
            return Response(status_code=302, headers={"location": f"/hop/{left - 1}" if left else "/photo"})
        answers = {
            "/photo": Response(b"p" * 1000),
            "/big": Response(b"p" * 1001),
            "/endless": StreamingResponse(endless()),
            "/page": Response("<html>log in</html>", media_type="text/html"),
            "/empty": Response(b""),
            "/packed": Response(b"\x1f\x8b...", headers={"content-encoding": "gzip"}),
            "/busy": Response(status_code=429, headers={"retry-after": "17"}),
            "/away": Response(status_code=302, headers={"location": "http://127.0.0.1:9/secret"}),
            "/odd": Response(status_code=302, headers={"location": "http://[/"}),
        }
        return answers.get(path) or Response(status_code=int(path[1:]))


async def endless() -> AsyncIterator[bytes]:
    for _ in range(200):
        await asyncio.sleep(0.001)
        yield b"p" * 500


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("/big", PermanentFailure, "larger"),
        ("/endless", PermanentFailure, "larger"),
        ("/packed", PermanentFailure, "encoding"),
        ("/page", TemporaryFailure, "page"),
        ("/empty", TemporaryFailure, "nothing"),
        ("/404", PermanentFailure, "404"),
        ("/403", PermanentFailure, "403"),
        ("/500", TemporaryFailure, "500"),
        ("/busy", TemporaryFailure, "429"),
        ("/hop/4", PermanentFailure, "redirects"),
        ("/away", PermanentFailure, "allowed host"),
        ("/odd", PermanentFailure, "allowed host"),
    ],
)
async def test_a_host_that_misbehaves_gives_no_photo(path: str, kind: type[Exception], words: str) -> None:
    host = Host()
    async with serving(answering(host.answer)) as url, httpx.AsyncClient() as client:
        with pytest.raises(kind, match=words) as failed:
            await fetch_photo(client, url + path, PhotoHosts(hosts=(), only=url, max_bytes=1000))
    assert url not in str(failed.value)
    if path == "/busy":
        assert isinstance(failed.value, TemporaryFailure)
        assert failed.value.retry_after == 17


async def test_a_photo_of_the_largest_size_comes_through_two_redirects() -> None:
    host = Host()
    async with serving(answering(host.answer)) as url, httpx.AsyncClient() as client:
        hosts = PhotoHosts(hosts=(), only=url, max_bytes=1000)
        assert await fetch_photo(client, f"{url}/hop/1", hosts) == b"p" * 1000
    assert host.paths == ["/hop/1", "/hop/0", "/photo"]


@asynccontextmanager
async def speaking(words: bytes, *, then_hangs_up: bool) -> AsyncIterator[str]:
    """A server that says these bytes to everybody and then hangs up, or says nothing more for ever."""
    over = asyncio.Event()

    async def speak(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        if not then_hangs_up:
            await over.wait()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        over.set()


HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf a photo"


@pytest.mark.parametrize(("words", "hangs_up"), [(b"", True), (HALF, True), (b"", False), (HALF, False)])
async def test_a_host_that_breaks_off_or_falls_silent_gives_no_half_photo(words: bytes, hangs_up: bool) -> None:
    async with speaking(words, then_hangs_up=hangs_up) as url, httpx.AsyncClient(timeout=0.3) as client:
        with pytest.raises(TemporaryFailure):
            await fetch_photo(client, url, PhotoHosts(hosts=(), only=url, max_bytes=1000))


async def test_a_provider_that_never_answers_holds_nobody_for_more_than_its_timeout() -> None:
    async with speaking(b"", then_hangs_up=False) as url:
        given = read_settings(
            _env_file=None,
            telegram_token="1:a",
            telegram_api_url=url,
            twilio_account_sid="AC1",
            twilio_auth_token="t",
            twilio_number="+6221",
            twilio_api_url=url,
            x_api_key="k",
            x_api_secret="s",
            x_access_token="a",
            x_access_secret="b",
            x_api_url=url,
        )
        message = OutboundMessage(
            delivery_id=1, channel="sms", account="", to="+62811", text="halo", in_reply_to="1"
        )
        async with telegram.connect(given) as one, sms.connect(given) as two, x.connect(given) as three:
            async with asyncio.timeout(18):
                results = await asyncio.gather(
                    *(c.send(message) for c in (one, two, three)), return_exceptions=True
                )
    assert [type(result) for result in results] == [TemporaryFailure] * 3


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("17", 17.0),
        ("315360000", LONGEST_NAMED),
        ("0", None),
        ("-5", None),
        ("NaN", None),
        (None, None),
        ("", None),
        ("Wed, 21 Oct", None),
        ("9" * 50, None),
    ],
)
def test_retry_after_is_read_in_seconds_only(header: str | None, seconds: float | None) -> None:
    assert retry_after(header) == seconds


def test_text_that_no_database_takes_is_cleaned() -> None:
    assert clean("a\x00b\ud800c") == "ab\ufffdc"
    assert clean("\ud83d\ude00") == "😀"
    assert clean(None) == clean(3) == clean(["x"]) == ""
