"""What every page and address shares on the wire: bounded bodies, plain words, security headers."""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from channels.bodies import LARGEST_PHOTO, LARGEST_UPLOAD, MOST_PHOTOS, BadBody, read_fields, read_upload
from normalizer.seen import seen

__all__ = [
    "HEADERS",
    "LARGEST_PHOTO",
    "LARGEST_UPLOAD",
    "MOST_PHOTOS",
    "BadBody",
    "SecurityHeaders",
    "read_fields",
    "read_upload",
    "seen",
    "typed_code",
]


def typed_code(text: str) -> str:
    """A report's code as somebody typed it, in upper case; empty when it cannot be one."""
    code = text.strip().upper()
    return code if code.isascii() and code.isalnum() and len(code) <= 16 else ""


HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; "
        "worker-src 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class SecurityHeaders:
    """ASGI middleware: every answer carries HEADERS, where it does not say otherwise itself."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str] = HEADERS) -> None:
        self.app = app
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)
