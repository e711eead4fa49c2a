"""The ceilings, processes of their own: `python -m bench.bare http|smtp PORT` does as little as can be done."""

import asyncio
import sys
from typing import Any

import uvloop


async def http(port: int) -> None:
    """Starlette says ok under uvicorn, set up as run_bots.py sets it up; the body is not even read."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse, Response
    from starlette.routing import Route

    async def ok(request: Request) -> Response:
        return PlainTextResponse("ok")

    app = Starlette(routes=[Route("/hooks/twilio", ok, methods=["POST"]), Route("/{page:path}", ok)])
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
    )
    await uvicorn.Server(config).serve()


async def smtp(port: int) -> None:
    """aiosmtpd says 250 and throws the mail away."""
    from aiosmtpd.smtp import SMTP

    class Discard:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
            return "250 OK"

    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(Discard(), hostname="localhost", enable_SMTPUTF8=True), "127.0.0.1", port
    )
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run({"http": http, "smtp": smtp}[sys.argv[1]](int(sys.argv[2])))
