"""Speaks to X's API: tweepy's client with a timeout, another host where one is set, and refusals in our words."""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import requests
import tweepy

from channels.fetch import named_wait
from channels.impatient import ask_in_thread, be_impatient
from config.settings import Settings
from normalizer.schema import PermanentFailure, TemporaryFailure

API_HOSTS = ("https://api.twitter.com", "https://api.x.com")
HTTP_SECONDS = 10.0
CALL_SECONDS = 20.0

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asker:
    """tweepy's client, which knows neither timeouts nor the loop, made safe to ask."""

    client: tweepy.Client
    pool: ThreadPoolExecutor

    async def ask(self, call: Callable[[tweepy.Client], T]) -> T:
        """Raises TemporaryFailure or PermanentFailure, with codes and no words of people."""
        with _failures():
            return await ask_in_thread(self.pool, CALL_SECONDS, lambda: call(self.client))


def open_client(settings: Settings) -> tweepy.Client:
    # these write tokens and texts into the log
    for name in ("tweepy", "urllib3", "requests_oauthlib", "oauthlib", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    client = tweepy.Client(
        bearer_token=settings.x_bearer_token,
        consumer_key=settings.x_api_key,
        consumer_secret=settings.x_api_secret,
        access_token=settings.x_access_token,
        access_token_secret=settings.x_access_secret,
        return_type=dict,
        wait_on_rate_limit=False,
    )
    client.session = _Session(settings.x_api_url)
    return client


class _Session(requests.Session):
    """tweepy writes X's host into each call and waits for ever: this one puts X_API_URL and a timeout in."""

    def __init__(self, api: str | None) -> None:
        super().__init__()
        self.api = api
        be_impatient(self)

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("timeout", HTTP_SECONDS)
        kwargs.setdefault("allow_redirects", False)
        for host in API_HOSTS:
            if self.api and str(url).startswith(host):
                url = self.api.rstrip("/") + str(url).removeprefix(host)
        response = super().request(method, url, *args, **kwargs)
        if not response.headers.get("x-rate-limit-reset", "").isdecimal():  # tweepy would fall over it
            response.headers.pop("x-rate-limit-reset", None)
        return response


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except (TemporaryFailure, PermanentFailure):
        raise
    except tweepy.HTTPException as error:
        _raise_for(error.response)
    except Exception as error:
        raise TemporaryFailure(f"X: {type(error).__name__}", uncertain=True) from None


def _raise_for(response: Any) -> None:
    """https://docs.x.com/x-api/fundamentals/response-codes-and-errors"""
    status = int(response.status_code)
    if status == 429:
        raise TemporaryFailure("X said 429", retry_after=_until_reset(response.headers)) from None
    if status in {401, 402}:
        raise TemporaryFailure(f"X said {status}: are the X_ keys and the plan right?", retry_after=300) from None
    if status >= 500 or status in {408, 409}:
        raise TemporaryFailure(f"X said {status}", uncertain=True) from None
    if not _is_of_x(response.content):
        raise TemporaryFailure(f"X said {status}, in words that are not X's") from None
    is_repeat = "duplicate" in str(response.text)  # of this message; any other 403: they blocked us, or are gone
    raise PermanentFailure(f"X said {status}", of_address=status == 403 and not is_repeat) from None


def _is_of_x(body: bytes) -> bool:
    """Whether X says so itself, or somebody who stands between us and it (a page of a proxy's, a redirect)."""
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def _until_reset(headers: Mapping[str, str]) -> float | None:
    """X names no Retry-After, only the moment (Unix seconds) when it counts anew."""
    reset = headers.get("x-rate-limit-reset", "")
    return named_wait(max(1.0, float(reset) - time.time() + 1)) if reset.isdecimal() else None
