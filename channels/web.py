"""The web as a channel: apps and kiosks through Open311's POST requests, people through the form at /report."""

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from urllib.parse import urlsplit

import httpx
from anyio import CapacityLimiter
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from channels import web_answers as answers
from channels.bodies import BadBody, kind_of, read_fields, receive_form, unpack
from channels.fetch import PhotoHosts, fetch_photo, tls
from channels.protocol import Accept, Connection, Cursor
from channels.web_fields import own_id_of, own_page_of, read_form, read_request, sender_named, writer_of
from channels.web_limits import Budget, Places, client_of
from channels.web_said import LONGEST_URL, Said, Wrong, kept_form, parse, read_words
from channels.web_token import Recent, new_token, random_bytes, sender_of
from config.keys import Keys, read_keys
from config.pack import Pack, load_pack
from config.settings import ApiKey, Settings
from normalizer.schema import Attachment, CannotTell, OutboundMessage, PermanentFailure, TemporaryFailure

__all__ = ["connect", "parse", "receive", "routes"]

MULTIPART = "multipart/form-data"
UPLOADS_AT_ONCE = 4  # forms with photos that are held in memory, until they are kept
COMING_AT_ONCE, COMING_OF_ONE = 32, 8  # such forms on their way, which lie on disk: slow ones hold up nobody
BODY_SECONDS, UPLOAD_SECONDS = 30.0, 300.0  # four photos over a bad connection take minutes
MAX_MEDIA = 15_000_000
HTTP_SECONDS = 20.0
KEY_IN_URL = "an api_key does not belong into an address: send it as `Authorization: Bearer …` or in the body"
NO_KEY = "an api_key is needed: in the body or as `Authorization: Bearer …`; the operator gives one"
NO_KEYS_HERE = "this installation takes no reports through the API: OPEN311_API_KEYS is not set"
WRONG_KEY = "this api_key may not create requests: the operator gives one (OPEN311_API_KEYS)"
KEY_USED = "this Idempotency-Key was used for another report: a new report needs a new one"
BAD_BODY = {413: "too_large", 503: "not_now"}  # HTTP status: what the form says
NOT_FETCHED = "media_url is not on a host that photos are taken from; the report is made without it"


@dataclass(kw_only=True, slots=True)
class _Door:
    """What both ways in share: who may, how much, how many at once."""

    settings: Settings
    accept: Accept
    keys: Keys
    pack: Pack
    coming: Places = field(default_factory=lambda: Places(most=COMING_AT_ONCE, of_one=COMING_OF_ONE))
    uploads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(UPLOADS_AT_ONCE))
    recent: Recent = field(default_factory=Recent)
    programs: Budget = field(default_factory=lambda: Budget(each=0.05, burst=200))
    people: Budget = field(default_factory=lambda: Budget(each=10.0, burst=30))


def routes(settings: Settings, accept: Accept) -> Sequence[BaseRoute]:
    """POST requests of Open311, and the form's POST."""
    keys, pack = read_keys(settings), load_pack(settings.city)
    door = _Door(settings=settings, accept=accept, keys=keys, pack=pack)
    return [
        Route("/open311/v2/requests.{format}", partial(_create, door), methods=["POST"]),
        Route("/report", partial(_form, door), methods=["POST"]),
    ]


async def receive(settings: Settings, accept: Accept, cursor: Cursor) -> None:
    """Everything comes over HTTP."""


# --- an app -------------------------------------------------------------------------------------------------


async def _create(door: _Door, request: Request) -> Response:
    """POST requests: 200 with the token once it is kept; the standard's errors otherwise."""
    format_ = request.path_params["format"]
    if format_ not in {"json", "xml"}:
        return answers.refused("json", 404, "the formats are json and xml")
    try:
        return await _created(door, request, format_)
    except (Wrong, BadBody) as error:
        return answers.refused(format_, error.status, str(error))
    except ClientDisconnect:
        return answers.refused(format_, 400, "the body broke off")
    except TimeoutError:
        return answers.refused(format_, 408, "the body took too long")
    except TemporaryFailure:
        return answers.refused(format_, 503, "it cannot be kept now: try again", retry_after=10)


async def _created(door: _Door, request: Request, format_: str) -> Response:
    if "api_key" in request.query_params:
        raise Wrong(400, KEY_IN_URL)
    key = _key_of_header(door.settings, request)
    if wait := door.programs.take(f"key {key.name}" if key else client_of(request)):
        return answers.refused(format_, 429, "too many reports at once: try again later", retry_after=wait)
    if not door.settings.api_keys and not door.settings.sandbox_in_effect:
        raise Wrong(403, NO_KEYS_HERE)
    wrong = _wrong_header(door.settings, request, key)
    if wrong:
        raise Wrong(403, wrong)
    async with _body(door, request, "" if key else client_of(request), takes_json=True) as (fields, photos):
        key = key or _known_key(door.settings, fields.get("api_key", ""))
        if key is None and door.settings.api_keys:
            raise Wrong(403, WRONG_KEY if fields.get("api_key") else NO_KEY)
        said = replace(read_request(fields, door.pack), photos=photos)
        notice = None
        if url := read_words(fields, "media_url", LONGEST_URL):
            fetched = _media(url, door.settings)
            notice = fetched.note and NOT_FETCHED
            said = replace(said, photos=[*photos, fetched])
        name = key.name if key else ""
        token = await _keep(door, said, sender_named(door.keys, name, fields), name, own_id_of(request, fields))
    return answers.taken(format_, token, notice)


def _key_of_header(settings: Settings, request: Request) -> ApiKey | None:
    return _known_key(settings, _bearer(request))


def _bearer(request: Request) -> str:
    kind, _, bearer = request.headers.get("authorization", "").partition(" ")
    return bearer.strip() if kind.lower() == "bearer" else ""


def _wrong_header(settings: Settings, request: Request, key: ApiKey | None) -> str | None:
    """A key that nobody gave is refused before a body is read."""
    return WRONG_KEY if settings.api_keys and key is None and _bearer(request) else None


def _known_key(settings: Settings, said: str) -> ApiKey | None:
    """The key, compared in constant time with each; None for an unknown one."""
    found = None
    for known in settings.api_keys:
        if hmac.compare_digest(known.key.encode(), said.encode(errors="replace")):
            found = known
    return found


# --- a person -----------------------------------------------------------------------------------------------


async def _form(door: _Door, request: Request) -> Response:
    """POST /report: leads on to the report's own page, or back to the form, which says what is wrong."""
    if not is_from_here(request, door.settings):
        return Response("403", status_code=403)
    back = "/report"
    try:
        client = client_of(request)
        if (door.people if client else door.programs).take(client):
            return _go("/report?wrong=too_many", close=True)
        async with _body(door, request, client, takes_json=False) as (fields, photos):
            back = own_page_of(fields) or back
            said = replace(read_form(fields, door.pack), photos=photos)
            if not (said.words or said.photos or said.position):
                raise Wrong(400, "nothing was said", "empty")
            token = await _keep(door, said, writer_of(door.keys, fields, said.thread), "form", said.nonce)
    except Wrong as error:
        return _go(f"{back}?wrong={error.key}")
    except BadBody as error:
        return _go("/report?wrong=" + BAD_BODY.get(error.status, "unreadable"), close=True)
    except (ClientDisconnect, TimeoutError):
        return _go("/report?wrong=unreadable", close=True)
    except TemporaryFailure:
        return _go("/report?wrong=not_now", close=True)
    return _go(f"/report/{token}")


def _go(address: str, *, close: bool = False) -> Response:
    return RedirectResponse(address, status_code=303, headers={"Connection": "close"} if close else None)


def is_from_here(request: Request, settings: Settings) -> bool:
    """Whether a browser posts this from a page of ours; a program that says neither is no stranger's page."""
    if site := request.headers.get("sec-fetch-site"):
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    ours = urlsplit(settings.base_url)
    return origin is None or origin.lower() == f"{ours.scheme}://{ours.netloc}".lower()


# --- both ---------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _body(
    door: _Door, request: Request, client: str, *, takes_json: bool
) -> AsyncIterator[tuple[Mapping[str, str], Sequence[Attachment]]]:
    """The fields, and the photos that came with them: on disk while they come, in memory until they are kept.

    Raises BadBody, TimeoutError, ClientDisconnect, TemporaryFailure (too many at once).
    """
    if kind_of(request) != MULTIPART:
        async with asyncio.timeout(BODY_SECONDS):
            fields = await read_fields(request, takes_json=takes_json, nested=takes_json)
        yield fields, ()
        return
    with door.coming.one(client):
        async with asyncio.timeout(UPLOAD_SECONDS):
            form = await receive_form(request)
        async with door.uploads:
            yield await unpack(form)


def _packed(said: Said) -> tuple[bytes, bytes]:
    """What is kept, and its hash."""
    raw = kept_form(said)
    return raw, sha256(raw).digest()


async def _keep(door: _Door, said: Said, sender: str | None, who: str, own_id: str) -> str:
    """Put it into the journal and return its token, which is also the message's external_id.

    A repeat has the same one: of the same sender with the same id for ever, of the same words for ten minutes.
    Another report under an id that was used is refused (422), as far back as this server remembers: the first one
    counts. A sender without a name of their own is named after the token, so that a repeat is not somebody else.
    """
    raw, digest = await run_in_threadpool(_packed, said) if said.photos else _packed(said)
    if who == "form":
        token = new_token(door.keys, b"form", digest if own_id else random_bytes())
    elif own_id:
        token = new_token(door.keys, b"own id", f"{who}\0{sender or ''}".encode(), own_id.encode(errors="replace"))
    else:
        token = door.recent.token(door.keys, f"{who}\0{sender or ''}", digest, time.time())
    if door.recent.is_another(token, digest):
        raise Wrong(422, KEY_USED)
    sender = sender or sender_of(door.keys, "nobody", token)
    await door.accept(external_id=token, lane=sender, raw=raw, meta={"sender": sender})
    door.recent.keep(token, digest)
    return token


def _media(url: str, settings: Settings) -> Attachment:
    """A photo that is to be fetched later; one that may not be is noted down as such."""
    if _hosts_for(url, settings) is None:
        return Attachment(note="media_url: the host is not one that photos are taken from")
    return Attachment(ref=url)


def _hosts_for(url: str, settings: Settings) -> PhotoHosts | None:
    """The entry of OPEN311_MEDIA_HOSTS that allows an address."""
    try:
        asked = httpx.URL(url)
        for host in settings.media_hosts:
            only = host if "://" in host else None
            hosts = PhotoHosts(hosts=() if only else (host,), max_bytes=MAX_MEDIA, only=only)
            if hosts.allows(asked):
                return hosts
    except (httpx.InvalidURL, UnicodeError, ValueError):
        pass
    return None


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[Connection]:
    """Answers stand on the report's own page; only a media_url is fetched."""
    async with httpx.AsyncClient(timeout=HTTP_SECONDS, verify=tls()) as http:
        yield _Connection(settings=settings, http=http)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Connection:
    settings: Settings
    http: httpx.AsyncClient

    async def send(self, message: OutboundMessage) -> str:
        """Nothing goes over a wire: the answer stands on the reporter's own page with the row that owes it."""
        return f"web:{message.delivery_id}"

    async def fetch(self, attachment: Attachment) -> bytes:
        """Get a media_url, from a host of OPEN311_MEDIA_HOSTS only."""
        hosts = _hosts_for(attachment.ref or "", self.settings)
        if hosts is None:
            raise PermanentFailure("the photo is not on an allowed host")
        return await fetch_photo(self.http, attachment.ref or "", hosts)

    async def find(self, message: OutboundMessage) -> str | CannotTell | None:
        return f"web:{message.delivery_id}"
