"""What the HTTP channels share: bodies with a limit, clean text, photos from a provider's own hosts only."""

import asyncio
import ssl
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
from starlette.exceptions import HTTPException
from starlette.requests import Request

from normalizer.schema import (
    Attachment,
    CannotTell,
    OutboundMessage,
    PermanentFailure,
    TemporaryFailure,
)

MAX_BODY = 1_000_000
BODY_SECONDS = 15.0
PHOTO_SECONDS = 60.0
MAX_REDIRECTS = 3
LARGEST_ANSWER = 10_000_000  # bytes
LONGEST_NAMED = 7200.0  # seconds: one whose clock or program is wrong names years, and nobody would ask it again


@cache
def tls() -> ssl.SSLContext:
    """Whom our clients trust, read once a process: the list of authorities takes 17 ms and 0.9 MB each time.

    The list is certifi's, or that of SSL_CERT_FILE or SSL_CERT_DIR."""
    return httpx.create_ssl_context()


def proxy_for(address: str) -> str | None:
    """The proxy that the environment names for an address (HTTPS_PROXY, NO_PROXY), `host:port` too: httpx looks
    for none where a client has a transport of its own."""
    parts, named = urlsplit(address), getproxies()
    proxy = named.get(parts.scheme, named.get("all"))
    if proxy is None or proxy_bypass(parts.hostname or ""):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoHosts:
    """Where a channel's photos may come from, how big they may be, and where its credentials may go.

    `hosts` are https hosts on the usual port (".example.com": any host below it). `only`, a provider's
    `*_API_URL`, takes their place: exactly that scheme, host and port, plain http and private addresses
    included. `missing_is_temporary`: a 404 means "not there yet".
    """

    hosts: tuple[str, ...]
    max_bytes: int
    only: str | None = None
    auth: tuple[str, str] | None = None
    auth_origin: str = ""
    missing_is_temporary: bool = False

    def allows(self, url: httpx.URL) -> bool:
        if url.userinfo:
            return False
        if self.only:
            return _origin(url) == _origin(httpx.URL(self.only))
        scheme, host, port = _origin(url)
        return (scheme, port) == ("https", 443) and any(_matches(host, name) for name in self.hosts)

    def auth_for(self, url: httpx.URL) -> tuple[str, str] | None:
        """The credentials, for the provider's own API and nobody else."""
        return self.auth if self.auth and _origin(url) == _origin(httpx.URL(self.auth_origin)) else None


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    host = url.raw_host.decode("ascii").lower()
    return url.scheme, host, url.port or (443 if url.scheme == "https" else 80)


def _matches(host: str, name: str) -> bool:
    return host.endswith(name) if name.startswith(".") else host == name


async def fetch_photo(client: httpx.AsyncClient, address: str, hosts: PhotoHosts) -> bytes:
    """Get a photo's bytes. Every step of a redirect must be an allowed host; credentials stay at home.

    Raises TemporaryFailure (slow, broken, 429, 5xx) or PermanentFailure (gone, too big, a host that is not
    allowed), whose words never hold the address.
    """
    try:
        async with asyncio.timeout(PHOTO_SECONDS):
            return await _follow(client, httpx.URL(address), hosts)
    except (TemporaryFailure, PermanentFailure):
        raise
    except (httpx.InvalidURL, UnicodeError):
        raise PermanentFailure("the photo's address is no URL") from None
    except Exception as error:
        raise TemporaryFailure(f"the photo's host: {type(error).__name__}") from None


async def _follow(client: httpx.AsyncClient, url: httpx.URL, hosts: PhotoHosts) -> bytes:
    for _ in range(MAX_REDIRECTS + 1):
        if not hosts.allows(url):
            raise PermanentFailure("the photo is not on an allowed host")
        answer = await _get(client, url, hosts)
        if isinstance(answer, bytes):
            return answer
        url = answer
    raise PermanentFailure(f"the photo's host redirects more than {MAX_REDIRECTS} times")


async def _get(client: httpx.AsyncClient, url: httpx.URL, hosts: PhotoHosts) -> bytes | httpx.URL:
    # identity: a few compressed bytes must not unpack to gigabytes
    headers = {"Accept-Encoding": "identity"}
    auth = hosts.auth_for(url)
    async with client.stream("GET", url, headers=headers, auth=auth, follow_redirects=False) as response:
        if response.has_redirect_location:
            return url.join(response.headers["location"])
        _check(response, hosts, with_credentials=auth is not None)
        return await _capped(response, hosts.max_bytes)


def _check(response: httpx.Response, hosts: PhotoHosts, *, with_credentials: bool) -> None:
    status = response.status_code
    if status in {408, 425, 429} or status >= 500 or (status == 404 and hosts.missing_is_temporary):
        wait = retry_after(response.headers.get("retry-after"))
        raise TemporaryFailure(f"the photo's host said {status}", retry_after=wait)
    if status == 401 and with_credentials:  # the operator's token is wrong or new, the photo is still there
        raise TemporaryFailure("the photo's host refuses our credentials")
    if status != 200:
        raise PermanentFailure(f"the photo's host said {status}")
    if response.headers.get("content-type", "").lower().startswith("text/html"):  # who stands between us and it
        raise TemporaryFailure("the photo's host gave a page")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise PermanentFailure("the photo came in an encoding that was not asked for")


async def _capped(response: httpx.Response, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit:
            raise PermanentFailure(f"the photo is larger than {limit // 1_000_000} MB")
    if not body:
        raise TemporaryFailure("the photo's host gave nothing")
    return bytes(body)


class Bounded(httpx.AsyncBaseTransport):
    """Answers of at most LARGEST_ANSWER bytes as they come over the wire: few may unpack to gigabytes."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.headers["Accept-Encoding"] = "identity"
        answer = await self._inner.handle_async_request(request)
        body = bytearray()
        try:
            async for chunk in answer.stream:  # type: ignore[union-attr]
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    raise httpx.DecodingError("the answer is too large", request=request)
        finally:
            await answer.aclose()
        headers = [pair for pair in answer.headers.raw if pair[0].lower() != b"content-encoding"]
        return httpx.Response(answer.status_code, headers=headers, content=bytes(body), request=request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def retry_after(value: str | None) -> float | None:
    """Read a Retry-After header in seconds (RFC 9110, 10.2.3); None where it is missing, a date or nonsense."""
    return named_wait(int(value)) if value and value.isdecimal() and len(value) < 12 else None


def named_wait(seconds: object) -> float | None:
    """The wait that a provider names, LONGEST_NAMED at most; None for what is no wait, and for none at all: then
    our own pauses, which grow, count."""
    if not isinstance(seconds, int | float) or not seconds > 0:  # nor is NaN
        return None
    return float(min(seconds, LONGEST_NAMED))


async def read_body(request: Request) -> bytes:
    """Read a webhook's body of up to MAX_BODY bytes, whatever its Content-Length says.

    Raises HTTPException: 413 too big, 408 too slow, 400 hung up. For the first of it the server waits no longer
    than for a head (desk/server.py): most bodies come whole, and a clock for each would be a twentieth of its way.
    """
    first, has_more = await _part_of_body(request)
    body = await _whole_body(request, first) if has_more else first
    if len(body) > MAX_BODY:
        raise HTTPException(413)
    return body


async def _whole_body(request: Request, first: bytes) -> bytes:
    """What begins so, to its end or some bytes beyond MAX_BODY."""
    body, has_more = bytearray(first), True
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while has_more and len(body) <= MAX_BODY:
                more, has_more = await _part_of_body(request)
                body += more
    except TimeoutError:
        raise HTTPException(408) from None
    return bytes(body)


async def _part_of_body(request: Request) -> tuple[bytes, bool]:
    """What came of it, and whether there is more."""
    part = await request.receive()
    if part["type"] != "http.request":
        raise HTTPException(400)
    return part.get("body", b""), part.get("more_body", False)


def clean(text: object) -> str:
    """Text that any database takes: no NUL, no lone surrogates; "" for what is no text."""
    if not isinstance(text, str):
        return ""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class Off:
    """The connection of a channel that has no credentials: everything fails and names what is missing."""

    def __init__(self, missing: str) -> None:
        self.missing = missing

    async def send(self, message: OutboundMessage) -> str:
        raise PermanentFailure(f"{self.missing} is missing: the channel is off")

    async def fetch(self, attachment: Attachment) -> bytes:
        raise PermanentFailure(f"{self.missing} is missing: the channel is off")

    async def find(self, message: OutboundMessage) -> str | CannotTell | None:
        return CannotTell.CANNOT_TELL
