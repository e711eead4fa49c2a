"""What Twilio's list tells and no webhook brought: kept once, on a real wire, whatever the list does."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from channels import sms, sms_reconcile
from channels.sms_reconcile import KNOWN, Watch, watch_of
from config.settings import Settings
from normalizer.schema import InboundMessage, TemporaryFailure
from tests.wire.loopback import Kept, Place, answering, serving, until
from tests.wire.test_twilio import ACCOUNT, PUBLIC, RAW, at, refusal, sign

OURS, OUR_WHATSAPP = "+622150001234", "whatsapp:+622150009999"
LIST = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"


@dataclass
class TwilioLog:
    """Twilio's list of messages, newest first. `script` holds answers to give before; `asked` is what was asked."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    media: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    script: list[Response] = field(default_factory=list)
    media_script: list[Response] = field(default_factory=list)
    asked: list[tuple[float, str, Mapping[str, str]]] = field(default_factory=list)
    most: int = 1000
    repeats: int = 0  # rows of a page that stand on the next one again
    is_circle: bool = False
    hangs: int = 0

    def hear(self, sid: str, text: str = "halo", **more: Any) -> None:
        sender, to = more.pop("sender", "+6281211112222"), more.pop("to", OURS)
        now = format_datetime(datetime.now(UTC))
        row = {"sid": sid, "account_sid": ACCOUNT, "from": sender, "to": to, "body": text, "num_media": "0"}
        row |= {"direction": "inbound", "status": "received", "num_segments": "1", "api_version": "2010-04-01"}
        self.rows.insert(0, row | {"date_created": now, "date_updated": now, "date_sent": now} | more)

    async def answer(self, request: Request) -> Response:
        self.asked.append((time.monotonic(), request.url.path, request.query_params))
        if self.hangs:
            self.hangs -= 1
            await asyncio.sleep(60)
        script = self.script if request.url.path == LIST else self.media_script
        if script:
            return script.pop(0)
        if request.url.path == LIST:
            return JSONResponse(self.page(request.query_params))
        found = self.media.get(request.url.path.split("/")[-2])
        if found is None:
            return refusal(404, 20404)
        return JSONResponse({"media_list": [{"sid": sid, "content_type": kind} for sid, kind in found]})

    def page(self, asked: Mapping[str, str]) -> dict[str, Any]:
        number = int(asked.get("Page", 0))
        size = min(int(asked["PageSize"]), self.most)
        found = [row for row in self.rows if row["to"] == asked["To"]]
        start = number * (size - self.repeats)
        more = len(found) > start + size
        following = f"{LIST}?To={asked['To'].replace('+', '%2B')}&PageSize={size}&Page="
        following += str(0 if self.is_circle and number else number + 1)
        return {
            "messages": found[start : start + size],
            "next_page_uri": following if more else None,
            "page": number,
        }

    def lists(self) -> list[Mapping[str, str]]:
        return [asked for _, path, asked in self.asked if path == LIST]


@dataclass
class Journal(Kept):
    """Keeps, and remembers what it was offered."""

    offered: list[str] = field(default_factory=list)

    async def accept(self, *, external_id: str, lane: str, raw: bytes, meta: Mapping[str, str]) -> None:
        self.offered.append(external_id)
        await super().accept(external_id=external_id, lane=lane, raw=raw, meta=meta)

    def heard(self) -> list[InboundMessage]:
        return [one for row in self.rows for one in sms.parse(row[2], row[3]) if isinstance(one, InboundMessage)]


@dataclass
class Cursor(Place):
    is_full: bool = False
    probes: int = 0

    async def put(self, value: str) -> None:
        if self.is_full:
            self.probes += 1
            raise TemporaryFailure("disk full")
        await super().put(value)

    @property
    def passes(self) -> int:
        """Whole passes: each moved the cursor once, behind the probe at its beginning."""
        return len(dict.fromkeys(self.values)) - ("" in self.values)


@dataclass
class House:
    """Everything that a test looks at: Twilio, our journal, our cursor, and our webhook."""

    twilio: TwilioLog
    journal: Journal
    cursor: Cursor
    settings: Settings
    hook: httpx.AsyncClient
    task: "asyncio.Task[None]"

    async def post(self, body: bytes) -> int:
        answer = await self.hook.post("/hooks/twilio", content=body, headers=sign(f"{PUBLIC}/hooks/twilio", body))
        return answer.status_code

    async def passes(self, number: int = 1, seconds: float = 10) -> None:
        await until(lambda: self.cursor.passes >= number or self.task.done(), seconds)
        assert not self.task.done()


@asynccontextmanager
async def comparing(
    twilio: TwilioLog, tmp_path: Path, *, every: float = 3600, kept: str | None = None, **more: Any
) -> AsyncIterator[House]:
    """A house that compares: at its start, then `every` seconds; `kept` is its cursor."""
    journal = Journal()
    cursor = Cursor(values=[kept] if kept is not None else [])
    async with serving(answering(twilio.answer)) as url:
        settings = at(url, data_dir=tmp_path, **more)
        app = Starlette(routes=sms.routes(settings, journal.accept))
        async with serving(app) as ours, httpx.AsyncClient(base_url=ours) as hook:
            task = asyncio.create_task(sms.receive(settings, journal.accept, cursor, every=every, soon=0.02))
            try:
                yield House(twilio, journal, cursor, settings, hook, task)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def twilio() -> TwilioLog:
    return TwilioLog()


async def test_what_no_webhook_brought_reads_as_if_it_had(twilio: TwilioLog, tmp_path: Path) -> None:
    body = (RAW / "text.txt").read_bytes()
    form = dict(parse_qsl(body.decode()))
    twilio.hear(form["MessageSid"], form["Body"], sender=form["From"], to=form["To"])
    async with comparing(twilio, tmp_path) as house:
        await house.passes()
        await house.post(body)  # late
    assert house.journal.heard() == sms.parse(body, {"channel_kind": "message"})
    ((key, lane, _, meta),) = house.journal.rows
    assert (key, lane, meta) == (form["MessageSid"], form["From"], {"channel_kind": "message"})


async def test_photos_of_a_missed_message_can_be_fetched_as_the_webhooks(
    twilio: TwilioLog, tmp_path: Path
) -> None:
    body = (RAW / "mms_two_photos.txt").read_bytes()
    form = dict(parse_qsl(body.decode()))
    sid = form["MessageSid"]
    twilio.hear(sid, form["Body"], sender=form["From"], num_media="2")
    twilio.media[sid] = [("ME01", "image/jpeg"), ("ME02", "image/png")]
    async with comparing(twilio, tmp_path) as house:
        await house.passes()
        api = house.settings.twilio_api_url or ""
        told = body.decode().replace("https%3A%2F%2Fapi.twilio.com", api.replace(":", "%3A").replace("/", "%2F"))
        assert house.journal.heard() == sms.parse(told.encode(), {})


async def test_whatsapp_is_compared_under_its_own_number(twilio: TwilioLog, tmp_path: Path) -> None:
    twilio.hear("SM1", "banjir", sender="whatsapp:+6285733334444", to=OUR_WHATSAPP)
    async with comparing(twilio, tmp_path) as house:
        await house.passes()
    (heard,) = house.journal.heard()
    assert (heard.channel, heard.account, heard.sender) == ("whatsapp", "+622150009999", "+6285733334444")
    assert house.journal.rows[0][1] == "whatsapp:+6285733334444"
    assert [asked["To"] for asked in twilio.lists()] == [OURS, OUR_WHATSAPP]


async def test_a_place_is_left_to_its_webhook_which_may_be_on_its_way(
    twilio: TwilioLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list says nothing of a place: kept from there first, it would be lost when its webhook comes."""
    monkeypatch.setattr(sms_reconcile, "YOUNG", timedelta(seconds=2))
    long_ago = format_datetime(datetime.now(UTC) - timedelta(seconds=30))
    person = {"sender": "whatsapp:+6285733334444", "to": OUR_WHATSAPP}
    twilio.hear("SM1", "", **person, date_created=long_ago)
    twilio.hear("SM2", "", **person)
    twilio.hear("SM3", "banjir", **person)
    async with comparing(twilio, tmp_path) as house:
        await house.passes()
        assert house.journal.offered == ["SM1", "SM3"]
        await house.passes(2)  # soon, though the next one is due in an hour
        await until(lambda: house.journal.offered == ["SM1", "SM3", "SM2"])


async def test_only_what_came_to_us_and_is_all_there_is_taken(twilio: TwilioLog, tmp_path: Path) -> None:
    twilio.hear("SM1")
    twilio.hear("SM2", direction="outbound-api")
    twilio.hear("MM3", status="receiving", num_media="0")
    twilio.hear("SM4", to=OUR_WHATSAPP.removeprefix("whatsapp:"))
    async with comparing(twilio, tmp_path, every=0.02) as house:
        await house.passes(2)
        assert house.journal.ids == ["SM1"]
        twilio.rows[1]["status"] = "received"
        await until(lambda: house.journal.ids == ["SM1", "MM3"])


async def test_sixty_pages_are_kept_in_the_order_in_which_each_person_wrote(
    twilio: TwilioLog, tmp_path: Path
) -> None:
    twilio.most = 7
    for number in range(60 * 7):
        twilio.hear(f"SM{number:04}", sender=f"+62812{number % 11:04}")
    async with comparing(twilio, tmp_path, twilio_whatsapp_number=None) as house:
        await house.passes()
    assert len(twilio.lists()) == 60
    for sender in {row[1] for row in house.journal.rows}:
        mine = [key for key, lane, _, _ in house.journal.rows if lane == sender]
        assert mine == sorted(mine)
    assert len(house.journal.rows) == len(house.journal.offered) == 420


async def test_rows_that_stand_on_two_pages_are_kept_once(twilio: TwilioLog, tmp_path: Path) -> None:
    twilio.most, twilio.repeats = 5, 2
    for number in range(23):
        twilio.hear(f"SM{number:02}")
    async with comparing(twilio, tmp_path) as house:
        await house.passes()
    assert house.journal.offered == [f"SM{number:02}" for number in range(23)]


async def test_a_list_that_goes_round_in_a_circle_is_left_and_tried_again(
    twilio: TwilioLog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    twilio.most, twilio.is_circle = 2, True
    for number in range(9):
        twilio.hear(f"SM{number}")
    async with comparing(twilio, tmp_path) as house:
        await until(lambda: "circle" in caplog.text)
        assert house.cursor.passes == 0
        await until(lambda: house.journal.ids == ["SM5", "SM6", "SM7", "SM8"])
        twilio.is_circle = False
        await house.passes()
    assert len(house.journal.ids) == 9


async def test_what_the_webhook_kept_is_not_asked_for_again(twilio: TwilioLog, tmp_path: Path) -> None:
    body = (RAW / "mms_two_photos.txt").read_bytes()
    sid = dict(parse_qsl(body.decode()))["MessageSid"]
    async with comparing(twilio, tmp_path, every=0.02) as house:
        assert await house.post(body) == 200
        twilio.hear(sid, num_media="2")
        await house.passes(house.cursor.passes + 2)
    assert house.journal.offered == [sid]
    assert {path for _, path, _ in twilio.asked} == {LIST}


async def test_what_heard_503_is_kept_soon_after_there_is_room_again(twilio: TwilioLog, tmp_path: Path) -> None:
    body = b"MessageSid=SM1&From=%2B6281211112222&To=%2B622150001234&Body=halo&NumMedia=0"
    async with comparing(twilio, tmp_path) as house:
        await house.passes()
        house.journal.is_full = house.cursor.is_full = True
        assert await house.post(body) == 503
        twilio.hear("SM1")
        before = len(twilio.asked)
        await until(lambda: house.cursor.probes > 5)
        assert len(twilio.asked) == before  # a full disk is no reason to ask Twilio
        house.journal.is_full = house.cursor.is_full = False
        await until(lambda: house.journal.ids == ["SM1"])


async def test_a_disk_with_room_for_a_cursor_only_loses_nothing(twilio: TwilioLog, tmp_path: Path) -> None:
    twilio.hear("SM1")
    async with comparing(twilio, tmp_path) as house:
        await house.passes()
        house.journal.is_full = True
        twilio.hear("SM2")
        watch_of(house.settings).refused.set()
        await until(lambda: house.journal.refused > 2)
        house.journal.is_full = False
        await until(lambda: house.journal.ids == ["SM1", "SM2"])


def since(twilio: TwilioLog) -> timedelta:
    return datetime.now(UTC) - datetime.fromisoformat(twilio.lists()[0]["DateSent>"])


def ago(account: str = ACCOUNT, **more: float) -> str:
    return f"{account} {(datetime.now(UTC) - timedelta(**more)).isoformat()}"


@pytest.mark.parametrize(
    ("kept", "hours"),
    [
        (None, 24),
        ("", 24),
        ("rubbish", 24),
        (f"{ACCOUNT} rubbish", 24),
        (f"{ACCOUNT} 2026-01-01T00:00:00", 24),  # no zone
        (ago("AC-another", minutes=5), 24),
        (ago(hours=1), 7),
        (ago(hours=50), 56),
        (ago(days=30), 7 * 24),
    ],
    ids=["nothing", "empty", "rubbish", "no time", "no zone", "another account", "1 hour", "50 hours", "30 days"],
)
async def test_a_pass_looks_back_to_six_hours_before_the_last_whole_one(
    twilio: TwilioLog, tmp_path: Path, kept: str | None, hours: int
) -> None:
    async with comparing(twilio, tmp_path, kept=kept):
        await until(lambda: len(twilio.lists()) == 2)
    assert hours <= since(twilio) / timedelta(hours=1) < hours + 1  # its cases were put together a while ago


async def test_a_wrong_token_is_a_warning_that_names_the_setting(
    twilio: TwilioLog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    twilio.script = [refusal(401, 20003)]
    async with comparing(twilio, tmp_path) as house:
        await until(lambda: "TWILIO_AUTH_TOKEN" in caplog.text)
        assert not house.task.done()
    assert len(twilio.asked) == 1  # the next one in five minutes


async def test_a_wrong_account_is_a_warning_that_names_the_setting(
    twilio: TwilioLog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    twilio.script = [refusal(404, 20404), refusal(404, 20404)]
    async with comparing(twilio, tmp_path) as house:
        await until(lambda: "TWILIO_ACCOUNT_SID" in caplog.text)
        assert not house.task.done()
    assert len(twilio.asked) == 2


async def test_twilio_is_left_alone_as_long_as_its_429_asks_for(twilio: TwilioLog, tmp_path: Path) -> None:
    busy = refusal(429, 20429)
    busy.headers["Retry-After"] = "1"
    twilio.script = [busy]
    twilio.hear("SM1")
    async with comparing(twilio, tmp_path) as house:
        await house.passes()
    assert twilio.asked[1][0] - twilio.asked[0][0] >= 1
    assert house.journal.ids == ["SM1"]


async def test_a_429_in_the_middle_of_the_photos_ends_the_pass(twilio: TwilioLog, tmp_path: Path) -> None:
    for number in range(15):
        twilio.hear(f"MM{number:02}", sender=f"+62812{number:04}", num_media="1")
        twilio.media[f"MM{number:02}"] = [("ME1", "image/jpeg")]
    busy = refusal(429, 20429)
    busy.headers["Retry-After"] = "1"
    twilio.media_script = [busy]
    async with comparing(twilio, tmp_path) as house:
        await house.passes()
    paused = [late - soon for (soon, _, _), (late, _, _) in zip(twilio.asked, twilio.asked[1:], strict=False)]
    assert max(paused) > 0.9  # what was under way at that moment is not called back
    assert sorted(house.journal.ids) == [f"MM{number:02}" for number in range(15)]


@pytest.mark.parametrize(
    "answer",
    [
        PlainTextResponse("<html>502</html>", status_code=502),
        refusal(503, 20503),
        PlainTextResponse("no JSON"),
        JSONResponse({"messages": "none"}),
        JSONResponse([]),
        Response(status_code=307, headers={"location": "http://127.0.0.1:9/"}),
    ],
)
async def test_a_list_that_is_none_is_asked_for_again(twilio: TwilioLog, tmp_path: Path, answer: Response) -> None:
    twilio.script = [answer]
    twilio.hear("SM1")
    async with comparing(twilio, tmp_path, every=0.05) as house:
        await house.passes()
        assert house.journal.ids == ["SM1"]


async def test_a_page_that_fails_holds_up_neither_the_pages_before_nor_the_other_number(
    twilio: TwilioLog, tmp_path: Path
) -> None:
    twilio.most = 2
    for number in range(4):
        twilio.hear(f"SM{number}")
    twilio.hear("SM9", sender="whatsapp:+6285733334444", to=OUR_WHATSAPP)
    fine = JSONResponse(twilio.page({"To": OURS, "PageSize": "2"}))
    twilio.script = [fine, PlainTextResponse("", status_code=500)]
    async with comparing(twilio, tmp_path) as house:
        await until(lambda: house.journal.ids[:3] == ["SM2", "SM3", "SM9"])
        await house.passes()
    assert sorted(house.journal.ids) == ["SM0", "SM1", "SM2", "SM3", "SM9"]


async def test_a_list_that_hangs_is_left_after_ten_seconds(twilio: TwilioLog, tmp_path: Path) -> None:
    twilio.hangs = 1
    twilio.hear("SM1")
    async with comparing(twilio, tmp_path) as house:
        await house.passes(seconds=25)
        assert house.journal.ids == ["SM1"]


async def test_photos_that_twilio_no_longer_has_cost_the_words_nothing(twilio: TwilioLog, tmp_path: Path) -> None:
    twilio.hear("MM1", "pohon tumbang", num_media="1")
    async with comparing(twilio, tmp_path) as house:
        await house.passes()
    (heard,) = house.journal.heard()
    assert (heard.text, heard.attachments) == ("pohon tumbang", ())


async def test_the_log_holds_neither_numbers_nor_words(
    twilio: TwilioLog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    twilio.hear("MM1", "pohon tumbang di Tebet", num_media="1")
    twilio.script = [refusal(400, 21211), PlainTextResponse("+6281211112222 Tebet", status_code=500)]
    async with comparing(twilio, tmp_path, every=0.02) as house:
        await house.passes()
        assert house.journal.ids == ["MM1"]
    written = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("lapor"))
    assert "were given to the journal" in written
    assert "81211112222" not in caplog.text
    assert "Tebet" not in caplog.text


def test_what_is_remembered_is_bounded_and_the_newest_is_in_it() -> None:
    watch = Watch()
    sids = [f"SM{number:032}" for number in range(3 * KNOWN + 7)]
    for sid in sids:
        watch.remember(sid)
    known = [watch.knows(sid) for sid in sids]
    assert all(known[-KNOWN:])
    assert sum(known) <= 2 * KNOWN
