"""Local stand-ins for Telegram, Twilio, X and a mail provider, and the page with five phones to try them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.routing import BaseRoute, Mount

from config.settings import Settings, SettingsError
from sandbox import mail, telegram, telegram_api, twilio_rest, x_api
from sandbox.identity import identity
from sandbox.page import page
from sandbox.script import api
from sandbox.stage import Stage, close, log, stage_of, wire_url, work_errands

__all__ = ["prepare", "routes", "run"]

_ROUND_SECONDS = 0.5
_TWILIO = ("twilio_account_sid", "twilio_auth_token", "twilio_number", "twilio_whatsapp_number")
_X = ("x_api_key", "x_api_secret", "x_access_token", "x_access_secret", "x_bearer_token")


def prepare(settings: Settings) -> Settings:
    """Fill in the stand-ins' addresses and credentials for every channel that has none of its own.

    Every process with the same DATA_DIR gets the same ones. Raises SettingsError where SANDBOX is not in effect.
    """
    if not settings.sandbox_in_effect:
        raise SettingsError("SANDBOX is not in effect: set SANDBOX=on, with loopback addresses only")
    who = identity(settings.data_dir)
    filled: dict[str, Any] = {"sandbox": "on"}
    if not settings.telegram_token:
        filled |= {"telegram_token": who.telegram_token, "telegram_api_url": wire_url(settings, "telegram")}
    if not settings.has_twilio:
        filled |= {name: getattr(who, name) for name in _TWILIO}
        filled |= {"twilio_api_url": wire_url(settings, "twilio"), "twilio_content_sids": twilio_rest.TEMPLATE}
    if not settings.has_x:
        filled |= {name: getattr(who, name) for name in _X}
        filled |= {"x_api_url": wire_url(settings, "x"), "x_poll_seconds": 1.0}
    if not settings.smtp_relay:
        filled |= {"smtp_relay": who.smtp_relay}
    return settings.model_copy(update=filled)


def routes(settings: Settings) -> list[BaseRoute]:
    """The page, the script API and the providers' wire, for settings that `prepare` gave."""
    stage = stage_of(settings)
    return [
        Mount("/sandbox/wire/telegram", routes=telegram_api.wire(stage)),
        Mount("/sandbox/wire/twilio", routes=twilio_rest.wire(stage)),
        Mount("/sandbox/wire/x", routes=x_api.wire(stage)),
        Mount("/sandbox/api", routes=api(stage)),
        *page(),
    ]


@asynccontextmanager
async def run(settings: Settings) -> AsyncIterator[None]:
    """Receive the bot's mail, and hand over in the background what was not taken at once.

    Raises OSError where the kept mail port was taken after `prepare`.
    """
    stage = stage_of(settings)
    stage.db.execute("update errands set due=0")  # what the last run left in the middle of a try
    sink = await mail.open_sink(stage)
    background = asyncio.create_task(_work(stage), name="sandbox errands")
    try:
        yield
    finally:
        background.cancel()
        with suppress(asyncio.CancelledError):
            await background
        sink.close()
        stage.turn += 1  # ends a getUpdates that still waits
        stage.bell.ring()
        await close(settings)


async def _work(stage: Stage) -> None:
    while True:
        try:
            await work_errands(stage)
            await telegram.push(stage)
        except Exception:  # one bad errand must not end all others
            log.exception("sandbox: a round of errands failed")
        await stage.bell.wait(_ROUND_SECONDS)
