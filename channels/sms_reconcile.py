"""Asks Twilio's own log for what no webhook brought: a message that was refused or missed is kept, once."""

import asyncio
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from channels.protocol import Accept, Cursor
from channels.sms_form import MAX_MEDIA, message_key, read_form
from config.settings import Settings
from normalizer.schema import PermanentFailure, TemporaryFailure

if TYPE_CHECKING:
    from channels.sms_api import Asker

log = logging.getLogger("lapor.sms")

EVERY = 300.0  # seconds between two passes
SOON = 3.0  # seconds from a refusal to the next look whether something can be kept again
# A message by WhatsApp without words is left to its webhook so long: it is a place, which the list does not tell.
# Twilio waits 15 seconds for an answer: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
YOUNG = timedelta(seconds=20)
CLOCKS_DIFFER = timedelta(minutes=1)
LONGEST_NAMED = 3600.0  # a Retry-After beyond this is no longer believed
FIRST_LOOK = timedelta(days=1)
# Twilio's list can be hours behind: https://github.com/twilio/twilio-node/issues/647
OVERLAP = timedelta(hours=6)
LONGEST_LOOK = timedelta(days=7)
PAGE_SIZE = 1000  # the most that Twilio gives at once
PAGES = 200
AT_ONCE = 20
THREADS = 4
KNOWN = 50_000  # SIDs of a generation: 6 MB


@dataclass(kw_only=True, slots=True)
class Watch:
    """What the webhook tells: which messages it has kept, and that it had to refuse something."""

    refused: asyncio.Event = field(default_factory=asyncio.Event)
    _known: set[str] = field(default_factory=set)
    _older: set[str] = field(default_factory=set)

    def knows(self, sid: str) -> bool:
        return sid in self._known or sid in self._older

    def remember(self, sid: str) -> None:
        """Two generations, the last 50,000 at least; who is forgotten is kept once more, which changes nothing."""
        if len(self._known) >= KNOWN:
            self._older, self._known = self._known, set()
        self._known.add(sid)


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """A message of Twilio's list; `form` lacks only the media's addresses."""

    sid: str
    account: str
    lane: str
    form: Mapping[str, str]
    media: int
    is_early: bool  # its webhook may still come and say more


@lru_cache(maxsize=8)
def watch_of(settings: Settings) -> Watch:
    return Watch()


def watched(settings: Settings, accept: Accept) -> Accept:
    """The same accept; what it keeps need not be asked for, and a refusal makes the next pass come soon."""
    watch = watch_of(settings)

    async def watching(*, external_id: str, lane: str, raw: bytes, meta: Mapping[str, str]) -> None:
        try:
            await accept(external_id=external_id, lane=lane, raw=raw, meta=meta)
        except TemporaryFailure:
            watch.refused.set()
            raise
        if meta.get("channel_kind") == "message":
            watch.remember(external_id)

    return watching


async def receive(
    settings: Settings, accept: Accept, cursor: Cursor, *, every: float = EVERY, soon: float = SOON
) -> None:
    """Compare Twilio's list of messages to us with what was kept, for ever, and keep what is missing.

    A pass at the start, then `every` seconds, and `soon` after something was refused and can be kept again: Twilio
    does not repeat a webhook that heard 503. The first pass looks a day back, a later one to OVERLAP before the
    last whole one (seven days at most). Returns at once where Twilio is off.
    """
    if not settings.has_twilio:
        return
    from channels.sms_api import Asker, open_client  # Twilio's library: readers do without

    watch = watch_of(settings)
    watch.refused = asyncio.Event()
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="twilio-list")
    asker = Asker(client=open_client(settings), pool=pool)
    failures = 0
    try:
        while True:
            await _until_it_keeps(cursor, soon)
            watch.refused.clear()
            try:
                is_whole = await _pass(asker, settings, watched(settings, accept), cursor, watch)
                failures = 0
                with suppress(TimeoutError):
                    await asyncio.wait_for(watch.refused.wait(), every if is_whole else YOUNG.total_seconds())
                    await asyncio.sleep(soon)
            except Exception as error:
                failures += 1
                said = error if isinstance(error, TemporaryFailure | PermanentFailure) else type(error).__name__
                log.warning("comparing with Twilio's list: %s, try %d", said, failures)
                await asyncio.sleep(_pause(error, failures, every, soon, is_ours=watch.refused.is_set()))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


async def _until_it_keeps(cursor: Cursor, soon: float) -> None:
    """Return once the journal takes something: asking Twilio is idle before."""
    while True:
        try:
            await cursor.put(await cursor.get() or "")
        except TemporaryFailure:
            await asyncio.sleep(soon)
        else:
            return


def _pause(error: Exception, failures: int, every: float, soon: float, *, is_ours: bool) -> float:
    """Seconds until the next pass: what Twilio names, a few when our disk refused, else doubling up to `every`."""
    if isinstance(error, TemporaryFailure) and error.retry_after is not None:
        return min(max(error.retry_after, soon), LONGEST_NAMED)
    if isinstance(error, PermanentFailure):
        return every
    return soon * min(failures, 10) if is_ours else min(soon * 2.0 ** min(failures, 20), every)


async def _pass(asker: "Asker", settings: Settings, accept: Accept, cursor: Cursor, watch: Watch) -> bool:
    """One comparison; the cursor moves behind it when it was whole.

    False where a message was left to its webhook.
    """
    is_whole, began = True, datetime.now(UTC)
    account = settings.twilio_account_sid or ""
    since = _since(await cursor.get(), account, began)
    failed: TemporaryFailure | PermanentFailure | None = None
    from channels.sms_api import api_of

    for number in _numbers(settings):
        missing: list[Missing] = []
        try:
            await _list(asker, number, since, watch, missing)
        except (TemporaryFailure, PermanentFailure) as failure:
            if isinstance(failure, TemporaryFailure) and failure.retry_after is not None:
                raise
            failed = failure  # what was listed before it is kept all the same
        grown = [each for each in missing if not each.is_early]
        is_whole = is_whole and len(grown) == len(missing)
        await _keep_all(asker, api_of(settings), grown, accept)
    if failed is not None:
        raise failed
    await cursor.put(f"{account} {began.isoformat()}")
    return is_whole


def _since(kept: str | None, account: str, now: datetime) -> datetime:
    owner, _, moment = (kept or "").partition(" ")
    try:
        last = datetime.fromisoformat(moment) if owner == account else None
        return max(last - OVERLAP, now - LONGEST_LOOK) if last else now - FIRST_LOOK
    except (ValueError, TypeError):
        return now - FIRST_LOOK


def _numbers(settings: Settings) -> Iterator[str]:
    """Our addresses as Twilio writes them; a sender that is a name hears nothing."""
    if _digits(settings.twilio_number):
        yield settings.twilio_number or ""
    if _digits(settings.twilio_whatsapp_number):
        yield f"whatsapp:{(settings.twilio_whatsapp_number or '').removeprefix('whatsapp:')}"


def _digits(address: str | None) -> str:
    return re.sub(r"\D", "", address or "")


async def _list(asker: "Asker", number: str, since: datetime, watch: Watch, missing: list[Missing]) -> None:
    """Put what is not known into `missing`, the newest first as Twilio lists it.

    https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources
    """
    asked = {"to": number, "date_sent_after": since, "page_size": PAGE_SIZE}
    page, rows = await asker.ask(lambda client: _rows(client.messages.page(**asked), number))
    seen: set[str] = set()
    for _ in range(PAGES):
        missing += [row for row in rows if not watch.knows(row.sid) and row.sid not in seen]
        seen |= {row.sid for row in rows}
        if page.next_page_url is None:
            return
        if page.next_page_url in seen:
            raise TemporaryFailure("Twilio's list goes round in a circle")
        seen.add(page.next_page_url)
        page, rows = await asker.ask(lambda _, page=page: _rows(page.next_page(), number))  # type: ignore[misc]
    log.error("Twilio's list is longer than %d messages: older ones were not compared", PAGES * PAGE_SIZE)


def _rows(page: Any, number: str) -> tuple[Any, list[Missing]]:
    """A page and what it lists for us; a thousand rows are not read on the loop."""
    return page, [_read(row) for row in page if _is_for(row, number)]


def _is_for(row: Any, number: str) -> bool:
    """Whether somebody sent it to us and it is all there: "receiving" is not yet, a later pass meets it."""
    to = str(row.to or "")
    is_to_us = to.startswith("whatsapp:") == number.startswith("whatsapp:") and _digits(to) == _digits(number)
    return bool(row.sid) and is_to_us and row.direction == "inbound" and row.status != "receiving"


def _read(row: Any) -> Missing:
    """What the webhook would have posted, as far as the list tells it.

    https://www.twilio.com/docs/messaging/guides/webhook-request. Not told by REST: a place sent by WhatsApp (its
    message comes empty and is answered with how to write one), a button's payload (its words come), and which
    message was answered to. A body that the account lets Twilio redact stays empty.
    """
    sender, text = str(row.from_ or ""), str(row.body or "")
    form = {
        "MessageSid": row.sid,
        "SmsSid": row.sid,
        "SmsMessageSid": row.sid,
        "AccountSid": str(row.account_sid or ""),
        "From": sender,
        "To": str(row.to),
        "Body": text,
        "NumMedia": str(row.num_media or 0),
        "NumSegments": str(row.num_segments or 1),
        "SmsStatus": "received",
        "ApiVersion": str(row.api_version or "2010-04-01"),
    }
    if sender.startswith("whatsapp:"):
        form |= {"WaId": _digits(sender)}
    number = str(row.num_media or "0")
    media = int(number) if number.isdecimal() else 0
    return Missing(
        sid=row.sid,
        account=form["AccountSid"],
        lane=sender or "unknown",
        form=form,
        media=media,
        is_early=sender.startswith("whatsapp:") and not text and not media and _is_young(row),
    )


def _is_young(row: Any) -> bool:
    """Of the last seconds, by clocks that may differ; one from far ahead says nothing."""
    made = row.date_created or row.date_sent
    return isinstance(made, datetime) and -CLOCKS_DIFFER < datetime.now(UTC) - made < YOUNG


async def _keep_all(asker: "Asker", api: str, missing: Sequence[Missing], accept: Accept) -> None:
    """Keep them oldest first: a sender's in order, senders side by side, so that they share an fsync."""
    oldest_first = missing[::-1]
    for start in range(0, len(missing), AT_ONCE):
        lanes: dict[str, list[Missing]] = {}
        for each in oldest_first[start : start + AT_ONCE]:
            lanes.setdefault(each.lane, []).append(each)
        try:
            async with asyncio.TaskGroup() as group:  # the first that fails ends the others: 429 is for all
                for lane in lanes.values():
                    group.create_task(_keep_lane(asker, api, lane, accept))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
    if missing:
        log.info("%d messages of Twilio's list were given to the journal", len(missing))


async def _keep_lane(asker: "Asker", api: str, lane: Sequence[Missing], accept: Accept) -> None:
    for each in lane:
        media = await _media(asker, api, each) if each.media else {}
        raw = urlencode({**each.form, **media}).encode()
        key = message_key(read_form(raw), raw)
        await accept(external_id=key, lane=each.lane, raw=raw, meta={"channel_kind": "message"})


async def _media(asker: "Asker", api: str, message: Missing) -> dict[str, str]:
    """MediaUrlN and MediaContentTypeN: https://www.twilio.com/docs/messaging/api/media-resource."""
    try:
        found = await asker.ask(lambda client: client.messages(message.sid).media.list(limit=MAX_MEDIA))
    except PermanentFailure as gone:  # deleted at Twilio: the words are worth keeping
        log.warning("the photos of a message are not at Twilio any more: %s", gone)
        return {}
    base = f"{api}/2010-04-01/Accounts/{message.account}/Messages/{message.sid}/Media"
    form = {}
    for number, each in enumerate(found):
        form[f"MediaUrl{number}"] = f"{base}/{each.sid}"
        form[f"MediaContentType{number}"] = str(each.content_type or "application/octet-stream")
    return form
