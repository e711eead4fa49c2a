"""What operators ask for: what is stuck, work it off again, is the history unbroken, who may log in."""

import contextlib
import http.client
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import exists, select
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from config.settings import Settings
from normalizer.seen import one_line
from router.forgotten import Traces, blank_journal
from router.heads import first_gone
from router.house import House
from router.in_time import InTime
from router.journal import replay
from router.metrics import scrape
from router.ready import not_ready
from store.chain import REDACTED, first_break
from store.journal import Journal
from store.models import Delivery, Message, Photo, Report, StatusUpdate

SHOWN = 50


def stuck(house: House, journal: Journal) -> list[dict[str, Any]]:
    """What waits, what failed and why, the oldest first: journal entries, deliveries, photos."""
    return [*_entries(journal), *_deliveries(house), *_photos(house)]


def _entries(journal: Journal) -> list[dict[str, Any]]:
    entries = [*journal.find("failed", SHOWN), *journal.find("waiting", SHOWN)]
    return [
        {
            "what": f"{entry.channel} message",
            "id": entry.key,
            "state": entry.state,
            "since": entry.received_at.isoformat(timespec="seconds"),
            "attempts": entry.attempts,
            "why": entry.error or "not worked off yet",
        }
        for entry in entries
    ]


def _deliveries(house: House) -> list[dict[str, Any]]:
    query = select(Delivery).where(Delivery.state.in_(("failed", "unknown", "waiting", "sending")))
    with house.store.read() as session:
        return [
            {
                "what": f"{row.channel} delivery",
                "id": f"delivery {row.id}",
                "state": row.state,
                "since": row.created_at.isoformat(timespec="seconds"),
                "attempts": row.attempts,
                "why": row.last_error or "not sent yet",
            }
            for row in session.scalars(query.order_by(Delivery.id).limit(SHOWN))
        ]


def _photos(house: House) -> list[dict[str, Any]]:
    query = select(Photo).where(Photo.state.in_(("owed", "lost"))).order_by(Photo.id).limit(SHOWN)
    with house.store.read() as session:
        return [
            {
                "what": f"{row.channel} photo",
                "id": f"photo {row.id}",
                "state": row.state,
                "since": row.created_at.isoformat(timespec="seconds"),
                "attempts": row.attempts,
                "why": row.note or "not fetched yet",
            }
            for row in session.scalars(query)
        ]


def replay_some(house: House, journal: Journal, ids: list[str], *, failed: bool) -> int:
    """Work entries off again; the number of those that had their effect. Raises LookupError."""
    known = {entry.key for entry in journal.find("failed", 100_000)} if failed else set(ids)
    for key in known:
        if not journal.has(key):
            raise LookupError(f"there is no kept message {key}")
    return replay(house, journal, sorted(known))


def first_edited_row(house: House, saved: dict[str, Any] | None = None) -> str | None:
    """The first line of a history that was edited, cut out, cut off or put in, or went with its whole report.

    `saved` is a published head that must be among ours. None when all histories are unbroken.
    """
    broken, cut = _first_break(house)
    return broken or first_gone(house, saved) or cut or _without_report(house)


def _first_break(house: House) -> tuple[str | None, str | None]:
    """The first line that does not fit its chain; and the first history that does not end as its report does."""
    keys, cut = house.keys.derive_all("history"), None
    with house.store.read() as session:
        reports = session.execute(select(Report.id, Report.code, Report.status).order_by(Report.id))
        for report_id, code, status in reports.yield_per(1000):
            query = select(StatusUpdate).where(StatusUpdate.report_id == report_id).order_by(StatusUpdate.seq)
            lines = list(session.scalars(query))
            broken = first_break(keys, code, lines)
            if broken is not None:
                return f"status_updates row {broken.id} (report {code}, line {broken.seq})", None
            moves = [line.status for line in lines if line.status != REDACTED]
            if not moves or moves[-1] != status:
                cut = cut or f"report {code} is {status}, but its history does not end so: lines were cut off"
    return None, cut


def _without_report(house: House) -> str | None:
    """The first line, message, delivery or photo whose report was deleted; for what no head has signed yet."""
    with house.store.read() as session:
        for model in (StatusUpdate, Message, Delivery, Photo):
            is_kept = exists().where(Report.id == model.report_id)
            query = select(model.id, model.report_id).where(model.report_id.is_not(None), ~is_kept)
            if found := session.execute(query.order_by(model.id).limit(1)).first():
                return (
                    f"reports row {found.report_id} is gone: {model.__tablename__} row {found.id} belonged to it"
                )
    return None


# --- the operators' port ----------------------------------------------------------------------------------


def routes(house: House, journal: Journal) -> list[BaseRoute]:
    """OPS_LISTEN's addresses; they are for this machine and its monitoring only."""

    of_ready, of_metrics = InTime(), InTime(5.0)

    async def ready(request: Request) -> Response:
        reasons = await run_in_threadpool(not_ready, house, journal, of_ready)
        return JSONResponse({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    async def metrics(request: Request) -> Response:
        told = await run_in_threadpool(scrape, house, journal, of_metrics)
        return Response(told, media_type=CONTENT_TYPE_LATEST)

    async def show(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(stuck, house, journal))

    async def again(request: Request) -> Response:
        asked = await _asked(request, ids=list, failed=bool)
        ids = [str(each) for each in asked["ids"]]
        try:
            done = await run_in_threadpool(lambda: replay_some(house, journal, ids, failed=asked["failed"]))
        except LookupError as error:
            return JSONResponse({"error": str(error)}, 404)
        return JSONResponse({"done": done})

    async def blank(request: Request) -> Response:
        asked = await _asked(request, names=list, ids=list)
        traces = Traces(**{name: frozenset(map(tuple, said)) for name, said in asked.items()})
        return JSONResponse({"blanked": await run_in_threadpool(blank_journal, journal, traces, house)})

    return [
        Route("/readyz", ready),
        Route("/metrics", metrics),
        Route("/stuck", show),
        Route("/replay", again, methods=["POST"]),
        Route("/forgotten", blank, methods=["POST"]),
    ]


async def _asked(request: Request, **kinds: type) -> dict[str, Any]:
    """A command's question: a JSON object with these fields. Raises HTTPException: 400."""
    with contextlib.suppress(ValueError, RecursionError):
        asked = await request.json()
        if isinstance(asked, dict) and all(isinstance(asked.get(name), kind) for name, kind in kinds.items()):
            return {name: asked[name] for name in kinds}
    raise HTTPException(400, f"the body must be a JSON object with {' and '.join(kinds)}")


# --- the same from the command line -----------------------------------------------------------------------


def with_journal(
    house: House, settings: Settings, here: Callable[[Journal], Any], path: str, asked: Any = None
) -> Any:
    """Do it here when no server holds the journal; otherwise ask the running server to."""
    try:
        journal = Journal(settings.data_dir / "journal")
    except OSError:
        return _ask(settings, path, asked)
    try:
        return here(journal)
    finally:
        journal.close()


def _ask(settings: Settings, path: str, asked: Any) -> Any:
    body = None if asked is None else json.dumps(asked).encode()
    request = urllib.request.Request(f"http://{settings.ops_listen}{path}", data=body)
    try:
        with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise LookupError(_reason(error)) from None
    except ValueError:
        raise OSError(f"what answers at OPS_LISTEN={settings.ops_listen} is not this server") from None
    except (urllib.error.URLError, http.client.HTTPException):
        raise OSError(f"the journal is in use, and OPS_LISTEN={settings.ops_listen} does not answer") from None


def _reason(error: urllib.error.HTTPError) -> str:
    """Why the running server refused: in its own words, or what its status means."""
    with contextlib.suppress(ValueError, LookupError, TypeError):
        return str(json.load(error)["error"])
    means = ": the database is away" if error.code == HTTPStatus.SERVICE_UNAVAILABLE else ""
    return f"the running server answered {error.code}{means}"


def blank_here(house: House, settings: Settings, traces: Traces) -> int:
    """Empty what this server's journal has of somebody, whether the server runs or not; how many entries."""
    asked = {"names": sorted(traces.names), "ids": sorted(traces.ids)}
    told = with_journal(
        house, settings, lambda journal: {"blanked": blank_journal(journal, traces, house)}, "/forgotten", asked
    )
    return int(told["blanked"])


def print_stuck(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        what = f"{row['since']}  {row['state']:8} {row['what']:18} {row['id']:22}"
        sys.stdout.write(f"{what} {row['attempts']} tries  {one_line(row['why'])}\n")
    if not rows:
        sys.stdout.write("nothing is stuck\n")
