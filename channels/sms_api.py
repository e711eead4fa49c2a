"""Speaks to Twilio's API: its client with a timeout and bounded threads, and its refusals in our words."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp import ClientConnectorError, ClientResponse, ClientTimeout, encode_basic_auth
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http import HttpClient
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from yarl import URL

from channels.fetch import LARGEST_ANSWER, proxy_for, retry_after
from channels.impatient import ask_in_thread, be_impatient
from channels.sms_form import GONE
from config.settings import Settings
from normalizer.schema import PermanentFailure, TemporaryFailure

API = "https://api.twilio.com"
HTTP_SECONDS = 10.0
CALL_SECONDS = 20.0
TIMEOUT = ClientTimeout(total=HTTP_SECONDS)
AT_ONCE = 16  # requests: Twilio bounds an account's concurrency (error 20429), to about a hundred

# try again: rate limits, full queues, and a WhatsApp sender's own rate
TEMPORARY_CODES = {20429, 14107, 21611, 30001, 63018}
# the account is not right: the operator mends it while citizens' answers wait
ACCOUNT_CODES = {20003, 20005, 20008}

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asker:
    """Twilio's client, which knows no loop, made safe to ask."""

    client: Client
    pool: ThreadPoolExecutor

    async def ask(self, call: Callable[[Client], T]) -> T:
        """Raises TemporaryFailure or PermanentFailure, with codes and no words of people."""
        with _failures():
            return await ask_in_thread(self.pool, CALL_SECONDS, lambda: call(self.client))


@dataclass(frozen=True, kw_only=True, slots=True)
class Teller:
    """Twilio's client on the event loop: a quarter of a thread's cost for each message that leaves."""

    client: Client
    turns: asyncio.Semaphore

    async def ask(self, call: Callable[[Client], Awaitable[T]]) -> T:
        """Raises TemporaryFailure or PermanentFailure, with codes and no words of people."""
        with _failures():
            async with self.turns:
                return await call(self.client)

    async def send(self, form: Mapping[str, str]) -> str:
        """Create a message and give its SID: https://www.twilio.com/docs/messaging/api/message-resource.

        Raises as `ask`. The library's create_async makes an object of the answer, which is a sixth of a send's
        time; the SID is all that we read.
        """
        return await self.ask(lambda client: _created(client, form))


async def _created(client: Client, form: Mapping[str, str]) -> str:
    messages = f"{client.api.base_url}/2010-04-01/Accounts/{client.account_sid}/Messages.json"
    response = await client.request_async("POST", messages, data=form)
    if not 200 <= response.status_code < 300:
        _raise_for(response.status_code, _code_in(response.text))
    if not (sid := json.loads(response.text)["sid"]) or not isinstance(sid, str):
        raise TemporaryFailure("Twilio answered without a SID", uncertain=True)
    return sid


@asynccontextmanager
async def open_teller(settings: Settings) -> AsyncIterator[Teller]:
    """A client on this loop, with AT_ONCE requests under way at most."""
    async with _Http(proxy_url=proxy_for(api_of(settings))) as http:
        yield Teller(client=_client(settings, http), turns=asyncio.Semaphore(AT_ONCE))


class _Http(AsyncTwilioHttpClient):  # type: ignore[misc]
    """Asks what Twilio's own asks, with the form as bytes: aiohttp takes long to make one of a dict, and
    urllib four times as long as aiohttp's own yarl."""

    async def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        **_: Any,
    ) -> Response:
        said = {**(headers or {}), "Accept-Encoding": "identity"}  # a few bytes must not unpack to gigabytes
        said |= {"Authorization": encode_basic_auth(*auth)} if auth else {}
        body = URL.build(query=data).raw_query_string.encode() if data else None
        how = {"headers": said, "allow_redirects": False, "timeout": TIMEOUT, "proxy": self.proxy_url}
        async with self.session.request(method, url, params=params, data=body, **how) as answer:
            response = Response(answer.status, (await _whole(answer)).decode(errors="replace"), answer.headers)
        _heed_429(response)
        return response


async def _whole(answer: ClientResponse) -> bytes:
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise ValueError("an encoding that was not asked for")
    body = await answer.content.read(LARGEST_ANSWER)  # mostly all that there is
    while not answer.content.at_eof():
        body += await answer.content.read(LARGEST_ANSWER)
        if len(body) > LARGEST_ANSWER:
            raise ValueError("the answer is too large")
    return body


def api_of(settings: Settings) -> str:
    return (settings.twilio_api_url or API).rstrip("/")


def open_client(settings: Settings) -> Client:
    http = TwilioHttpClient(timeout=HTTP_SECONDS, request_hooks={"response": [_heed_429]})
    be_impatient(http.session)
    return _client(settings, http)


def _client(settings: Settings, http: HttpClient) -> Client:
    # these write numbers and texts into the log
    for name in ("twilio", "urllib3", "httpx", "httpcore", "aiohttp"):
        logging.getLogger(name).setLevel(logging.WARNING)
    client = Client(settings.twilio_account_sid, settings.twilio_auth_token, http_client=http)
    client.api.base_url = api_of(settings)
    return client


def _heed_429(response: Any, **_: object) -> None:
    """Twilio's exceptions do not carry Retry-After: what it asks for is read before they are made."""
    if response.status_code == 429:
        wait = retry_after(response.headers.get("retry-after"))
        raise TemporaryFailure(f"Twilio said {_code_in(response.text) or 429}", retry_after=wait)


def _code_in(text: str) -> int | None:
    """https://www.twilio.com/docs/usage/twilios-response#response-formats-exceptions"""
    try:
        code = json.loads(text).get("code")
    except (ValueError, AttributeError, RecursionError):
        return None
    return code if isinstance(code, int) else None


@contextmanager
def _failures() -> Iterator[None]:
    """Turn whatever goes wrong into TemporaryFailure or PermanentFailure; codes only, no number, no text.

    The codes: https://www.twilio.com/docs/api/errors.
    """
    try:
        yield
    except (TemporaryFailure, PermanentFailure):
        raise
    except (TwilioRestException, TwilioServiceException) as error:
        _raise_for(int(error.status), error.code)
    except TwilioException as error:  # a page of a list that was refused: (words, the response)
        response = next((part for part in error.args if hasattr(part, "status_code")), None)
        if response is None or response.status_code < 300:
            raise TemporaryFailure("Twilio answered with something else than a list", uncertain=True) from None
        _raise_for(int(response.status_code), _code_in(response.text))
    except ClientConnectorError as error:  # nobody was there to take anything
        raise TemporaryFailure(f"Twilio: {type(error).__name__}") from None
    except Exception as error:
        # a timeout is no "no": the message may have gone out, `find` tells
        raise TemporaryFailure(f"Twilio: {type(error).__name__}", uncertain=True) from None


def _raise_for(status: int, code: int | None) -> None:
    said = f"Twilio said {code or status}"
    if code in ACCOUNT_CODES or status == 401:
        raise TemporaryFailure(f"{said}: is TWILIO_AUTH_TOKEN right?", retry_after=300) from None
    if status == 429 or status >= 500 or status == 408 or code in TEMPORARY_CODES:
        raise TemporaryFailure(said, uncertain=status >= 500 or status == 408) from None
    if code is None:  # whoever stands between us and Twilio: its own no has a number
        raise TemporaryFailure(f"{said}, in words that are not Twilio's") from None
    reason = f"{said}: is TWILIO_ACCOUNT_SID right?" if status == 404 else said
    raise PermanentFailure(reason, of_address=str(code) in GONE) from None
