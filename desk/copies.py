"""A person fetches what is held about them: a page behind their own link, and the file a press there makes."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import BoundedSemaphore

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from desk.pages import render
from router.copies import is_good, use
from router.house import House

LONGEST_TOKEN = 64
_at_once = BoundedSemaphore(2)  # of all photos of two people, not more, is read at one time


def page(house: House, request: Request) -> Response:
    """GET /copy/TOKEN: says what it is, and has a button; a program that looks at links uses nothing up."""
    if not is_good(house, _token(request)):
        return _gone(house, request)
    return _private(render(house, request, "copy.html"))


def download(house: House, request: Request) -> Response:
    """POST /copy/TOKEN: the zip file; the token is all that is needed, and is known to no other page."""
    if not _at_once.acquire(blocking=False):
        busy = render(house, request, "copy.html", status=503)
        busy.headers["Retry-After"] = "10"
        return _private(busy)
    try:
        with NamedTemporaryFile(prefix="lapor-", suffix=".zip", delete=False) as file:  # mode 0600
            made = use(house, _token(request), file)
    except BaseException:
        os.unlink(file.name)
        raise
    finally:
        _at_once.release()
    if not made:
        os.unlink(file.name)
        return _gone(house, request)
    return _private(
        FileResponse(
            file.name,
            media_type="application/zip",
            filename="data.zip",
            background=BackgroundTask(Path(file.name).unlink, missing_ok=True),
            headers={"Cache-Control": "no-store"},
        )
    )


def _token(request: Request) -> str:
    token: str = request.path_params["token"]
    return token if len(token) <= LONGEST_TOKEN else ""


def _gone(house: House, request: Request) -> Response:
    return _private(render(house, request, "copy_gone.html", status=404))


def _private(answer: Response) -> Response:
    answer.headers["X-Robots-Tag"] = "noindex"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer
