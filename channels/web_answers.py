"""What POST requests answers: GeoReport v2's list of one, as JSON or XML."""

import json
from collections.abc import Mapping
from xml.etree import ElementTree

from starlette.responses import Response

HEADERS = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"}


def taken(format_: str, token: str, notice: str | None) -> Response:
    """The report is kept: its token, and what was not taken of it."""
    item = {"token": token, "service_notice": notice, "account_id": None}
    return _answer(format_, 200, "service_requests", "request", item, {})


def refused(format_: str, status: int, reason: str, retry_after: float | None = None) -> Response:
    """The standard's list of errors. What was not read of a body ends with the connection."""
    more = {"Retry-After": str(int(retry_after) + 1)} if retry_after is not None else {}
    more |= {"Connection": "close"} if status in {403, 408, 413, 415, 429, 503} else {}
    return _answer(format_, status, "errors", "error", {"code": status, "description": reason}, more)


def _answer(
    format_: str, status: int, root: str, each: str, item: Mapping[str, object], more: Mapping[str, str]
) -> Response:
    if format_ == "xml":
        element = ElementTree.Element(root)
        inner = ElementTree.SubElement(element, each)
        for name, value in item.items():
            ElementTree.SubElement(inner, name).text = None if value is None else str(value)
        text, kind = ElementTree.tostring(element, encoding="unicode"), "text/xml"
        text = f'<?xml version="1.0" encoding="utf-8"?>\n{text}'
    else:
        text, kind = json.dumps([item], ensure_ascii=False), "application/json"
    headers = {**HEADERS, **more}
    return Response(text, status_code=status, media_type=f"{kind}; charset=utf-8", headers=headers)
