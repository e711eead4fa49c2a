"""Short links of maps: where they lead to, asked once of their own hosts and of nobody else."""

import asyncio
import re

import httpx

from channels.fetch import PhotoHosts, tls
from normalizer.schema import PermanentFailure, TemporaryFailure

HOSTS = ("maps.app.goo.gl", "goo.gl")
SECONDS = 10.0
STEPS = 3
_SHORT = re.compile(r"https?://((?:maps\.app\.goo\.gl|goo\.gl/maps)/[A-Za-z0-9_-]{4,60})")


def short_link_in(text: str) -> str | None:
    """Give the first short link of Google Maps in a text, as https."""
    found = _SHORT.search(text)
    return f"https://{found[1]}" if found else None


async def follow_link(address: str, only: str | None = None) -> str:
    """Give the address that a short link leads to, without visiting it.

    Only HOSTS are asked, over https; `only` takes their place as scheme, host and port (MAPS_LINK_URL). Of the
    answers nothing but the Location header is read; a body is never. Raises TemporaryFailure (slow, broken,
    429, 5xx) or PermanentFailure (no redirect, too many), whose words never hold the address.
    """
    try:
        client = httpx.AsyncClient(timeout=SECONDS, verify=tls(), trust_env=False)
        async with asyncio.timeout(SECONDS), client:
            return await _follow(client, httpx.URL(address), only)
    except (TemporaryFailure, PermanentFailure):
        raise
    except (httpx.InvalidURL, UnicodeError):
        raise PermanentFailure("the short link is no URL") from None
    except Exception as error:
        raise TemporaryFailure(f"the short link's host: {type(error).__name__}") from None


async def _follow(client: httpx.AsyncClient, url: httpx.URL, only: str | None) -> str:
    hosts = PhotoHosts(hosts=HOSTS, max_bytes=0)
    for _ in range(STEPS):
        if not hosts.allows(url):
            return str(url)
        url = await _next(client, url, only)
    raise PermanentFailure(f"the short link redirects more than {STEPS} times")


async def _next(client: httpx.AsyncClient, url: httpx.URL, only: str | None) -> httpx.URL:
    asked = httpx.URL(only).copy_with(raw_path=url.raw_path) if only else url
    async with client.stream("GET", asked, follow_redirects=False) as response:
        if response.status_code == 429 or response.status_code >= 500:
            raise TemporaryFailure(f"the short link's host said {response.status_code}")
        if not response.has_redirect_location:
            raise PermanentFailure(f"the short link's host said {response.status_code}")
        return url.join(response.headers["location"])
