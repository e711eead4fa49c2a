"""Webhook, out only: an agency's own system hears of its reports as signed JSON (standardwebhooks.com)."""

import asyncio
import base64
import hmac
import ipaddress
import secrets
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from channels.fetch import retry_after, tls
from channels.names import Names
from channels.protocol import Connection
from config.settings import Settings
from normalizer.schema import (
    Attachment,
    CannotTell,
    OutboundMessage,
    PermanentFailure,
    TemporaryFailure,
)

SECONDS = 15.0  # Standard Webhooks: 15 to 30 s
# A call waits for no other: with httpx's hundred in all those to a system that hangs would hold up the others'
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=20)
SECRET_BYTES = 32
PREFIX = "whsec_"
GONE = 410
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # whatever IPv4 address stands inside


def new_secret() -> str:
    """A secret in the form that Standard Webhooks' libraries take."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def check_address(address: str, *, private: bool) -> str:
    """The address as it will be called. Raises ValueError with the reason in one line."""
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, UnicodeError):
        raise ValueError("this is no URL") from None
    if not url.host or url.userinfo or url.fragment:
        raise ValueError("a webhook is https://host/path, without name, password or #")
    if url.scheme != "https" and not (private and url.scheme == "http"):
        raise ValueError("a webhook begins with https://")
    return str(url)


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[Connection]:
    """One client for all agencies; no proxy of the environment, no cookie, no redirect."""
    private = settings.webhook_private == "on"
    names = Names("agencies' names")  # theirs alone: no name server of an agency's holds up a provider
    try:
        how: dict[str, Any] = {"verify": tls(), "trust_env": False, "follow_redirects": False}
        async with httpx.AsyncClient(timeout=SECONDS, limits=LIMITS, **how) as client:
            yield Caller(client, private, names)
    finally:
        names.close()


class Caller:
    """Calls agencies' addresses: public ones only, unless WEBHOOK_PRIVATE is on."""

    def __init__(self, client: httpx.AsyncClient, private: bool, names: Names) -> None:
        self._client = client
        self._private = private
        self._names = names

    async def send(self, message: OutboundMessage) -> str:
        """Post the JSON; `webhook-id` is the same however often it is tried. Gives what was answered.

        Raises PermanentFailure (of_address) for 410 Gone, TemporaryFailure for all else that is not 2xx: never
        `uncertain`, for whoever hears it twice knows it by its id.
        """
        try:
            async with asyncio.timeout(SECONDS):
                url = httpx.URL(check_address(message.to, private=self._private))
                response = await self._post(url, message)
        except (TemporaryFailure, PermanentFailure):
            raise
        except ValueError as error:
            raise PermanentFailure(str(error)) from None
        except Exception as error:
            raise TemporaryFailure(f"no answer: {type(error).__name__}") from None
        return _heard(response)

    async def _post(self, url: httpx.URL, message: OutboundMessage) -> httpx.Response:
        """To the very address that was looked at: a name may lead elsewhere a moment later."""
        ip = await _address_of(url, self._names, private=self._private)
        body, now, name = message.text.encode(), int(time.time()), f"msg_{message.delivery_id}"
        headers = {
            "Host": url.netloc.decode("ascii"),
            "Content-Type": "application/json",
            "User-Agent": "lapor-webhook/1",
            "webhook-id": name,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(message.secret, name, now, body),
        }
        asked = url.copy_with(host=ip)
        extensions = {"sni_hostname": url.raw_host.decode("ascii")}
        request = self._client.build_request("POST", asked, content=body, headers=headers, extensions=extensions)
        response = await self._client.send(request, stream=True)
        await response.aclose()  # whatever it says besides is not read
        return response

    async def fetch(self, attachment: Attachment) -> bytes:
        """A webhook brings nothing in."""
        raise PermanentFailure("a webhook has no photos")

    async def find(self, message: OutboundMessage) -> str | CannotTell | None:
        """Nobody can be asked, and nobody need be: the same id is the same message."""
        return None


def _heard(response: httpx.Response) -> str:
    status = response.status_code
    if response.is_success:
        return f"HTTP {status}"
    if status == GONE:
        raise PermanentFailure(f"HTTP {GONE}: the address is gone", of_address=True)
    raise TemporaryFailure(f"HTTP {status}", retry_after=retry_after(response.headers.get("retry-after")))


async def _address_of(url: httpx.URL, names: Names, *, private: bool) -> str:
    """One address of the host, all of which must be public. Raises TemporaryFailure or PermanentFailure."""
    host, port = url.raw_host.decode("ascii").strip("[]"), url.port or (443 if url.scheme == "https" else 80)
    try:
        found = await names.look_up(host, port, 0, socket.SOCK_STREAM, 0, 0)
    except OSError:
        raise TemporaryFailure("the host's name leads nowhere") from None
    addresses = [str(each[4][0]) for each in found]
    if not addresses:
        raise TemporaryFailure("the host's name leads nowhere")
    if not private and not all_public(addresses):
        raise PermanentFailure("the host is not on the public internet (WEBHOOK_PRIVATE=on allows it)")
    return addresses[0]


def all_public(addresses: Sequence[str]) -> bool:
    """Whether every address is one of the public internet, whatever its form."""
    return all(_is_public(ipaddress.ip_address(each.partition("%")[0])) for each in addresses)


def _is_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None:
            return _is_public(inner)
        if ip in NAT64:
            return _is_public(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved
