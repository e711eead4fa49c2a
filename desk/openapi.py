"""GET /openapi.json and /api: every address that anybody may ask, as OpenAPI 3.1 (spec.openapis.org/oas/v3.1.1).

One table each for the addresses and what their parameters and answers look like; tests/wire/test_openapi.py holds
them against the routes and against what a running house answers.
"""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from config.pack import Pack
from desk.asked import STATUSES
from desk.map import A_DAY, LAST_ZOOM, keepable
from desk.openapi_shapes import (
    AT,
    FORM,
    NEW_REQUESTS,
    NEW_UPDATES,
    OPEN311_BODY,
    SHAPES,
    SUBSCRIPTION,
    SUBSCRIPTIONS,
    new_ones,
)
from desk.pages import LANGUAGES, render
from router.house import House
from store.public import SPANS

VERSION = "2.2.0"  # what is taken away or changes its meaning: the first number; what is added: the second
HTML, ATOM, CSV, GEOJSON, CAP, JPEG = (
    "text/html",
    "application/atom+xml",
    "text/csv",
    "application/geo+json",
    "application/cap+xml",
    "image/jpeg",
)
A_DATE = r"(19[7-9]\d|20\d\d)-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])"  # that every month has
A_TIME = r"T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(Z|[+-](0\d|1[0-3]):[0-5]\d)"
A_MOMENT = rf"^({A_DATE}({A_TIME})?)?$"

Document = dict[str, Any]


def _words(most: int = 0, **more: Any) -> Document:
    return {"type": "string", **({"maxLength": most} if most else {}), **more}


# name: (where it stands, what it looks like, what it means)
PARAMETERS: Mapping[str, tuple[str, Document, str]] = {
    "service": ("query", _words(), "a service's code; one that is unknown is ignored"),
    "status": ("query", _words(examples=list(STATUSES)), "open, or a group; one that is unknown is ignored"),
    "area": ("query", _words(), "Kemendagri's code of an area; one that is unknown is ignored"),
    "since": ("query", _words(examples=[str(days) for days in SPANS]), "so many days; others are ignored"),
    "after": ("query", _words(), "where the page before ended, as its link has it"),
    "lang": ("query", _words(examples=list(LANGUAGES)), "id or en"),
    "bbox": ("query", _words(examples=["106.8,-6.3,106.9,-6.2"]), "west,south,east,north in degrees"),
    "zoom": ("query", {"type": "integer", "minimum": 0, "maximum": LAST_ZOOM}, "how near the map is"),
    "month": ("query", _words(), "YYYY-MM; this month where none is named"),
    "by": ("query", _words(examples=["area", "service"]), "add the agencies up"),
    "number": (
        "query",
        {"type": "integer", "minimum": 0, "maximum": 10**15 - 1},
        "a head's number; the newest where none is named",
    ),
    "find": ("query", _words(), "a report's code, as somebody types it"),
    "code": ("path", _words(examples=["K7Q2MX"]), "a report's code"),
    "area_code": ("path", _words(examples=["31.74.01.1003"]), "Kemendagri's code of an area"),
    "photo": ("path", _words(), "which photo of the report, from 1"),
    "id": ("path", _words(), "a number"),
    "agency": ("path", _words(examples=["dbm"]), "an agency's id"),
    "kind": ("path", _words(examples=["late"]), "which reports"),
    "file": (
        "path",
        _words(examples=["index.json", "reports-2026-11.csv.gz", "reports-2026-11.geojson.gz"]),
        "a file's name",
    ),
    "format": ("path", _words(enum=["json", "xml"]), "json or xml"),
    "token": ("path", _words(), "what POST requests answered"),
    "service_code_path": ("path", _words(examples=["jalan_rusak"]), "a service's code"),
    "locale": ("query", _words(), "en: English names"),
    "service_request_id": ("query", _words(), "codes, with commas"),
    "service_code": ("query", _words(), "codes of services, with commas"),
    "state": ("query", _words(pattern=r"^(open|closed)?$"), "open or closed (or our own words)"),
    "agency_responsible": ("query", _words(), "ids, names or aliases, with commas"),
    "start_date": ("query", _words(pattern=A_MOMENT), "reported (updates: told) from then on"),
    "end_date": ("query", _words(pattern=A_MOMENT), "and up to then"),
    "updated_after": ("query", _words(pattern=A_MOMENT), "changed since"),
    "updated_before": ("query", _words(pattern=A_MOMENT), "and before"),
    "page": ("query", {"type": "integer", "minimum": 1, "maximum": 1_000_000}, "from 1"),
    "page_size": ("query", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50}, "requests a page"),
    "idempotency_key": ("header", _words(200), "the same one is one report for ever"),
}
SAID_AS = {  # where the name on the wire is another one
    "find": "code",
    "file": "name",
    "area_code": "code",
    "photo": "number",
    "service_code_path": "service_code",
    "state": "status",
    "idempotency_key": "Idempotency-Key",
}
FILTERS = "service status area since after"
REQUEST_FILTERS = (
    "format service_request_id service_code state agency_responsible start_date end_date updated_after "
    "updated_before page page_size"
)
UPDATE_FILTERS = "format service_request_id start_date end_date page page_size"

# address: (group, what it is, parameters, media type of its answer, its shape, further statuses)
READS: Mapping[str, tuple[str, str, str, str, str, tuple[int, ...]]] = {
    "/": ("pages", "The map and the list of reports", f"{FILTERS} lang", HTML, "", ()),
    "/r": ("pages", "From a typed code to its report", "find", "", "", ()),
    "/r/{code}": ("pages", "One report", "code lang", HTML, "", (404,)),
    "/r/{code}/photos/{number}": ("pages", "A photo's public copy", "code photo", JPEG, "", (404,)),
    "/area/{code}": ("pages", "An area: how much, how fast", "area_code service status since lang", HTML, "", (404,)),
    "/embed": ("pages", "The map alone, to be framed", f"{FILTERS} lang", HTML, "", ()),
    "/report": ("pages", "The form", "lang", HTML, "", (400,)),
    "/rapor": ("pages", "The report card of all agencies", "month by lang", HTML, "", (404,)),
    "/rapor/{agency}": ("pages", "An agency's report card", "agency month lang", HTML, "", (404,)),
    "/rapor/{agency}/{kind}": ("pages", "The reports behind a figure", "agency kind month lang", HTML, "", (404,)),
    "/api": ("pages", "This, for people", "lang", HTML, "", ()),
    "/openapi.json": ("open data", "This, for programs", "", "application/json", "Document", ()),
    "/map.json": ("open data", "What the map shows", "bbox! zoom! service status area since lang", "application/json", "Spots", (400,)),
    "/map/areas.json": ("open data", "The kelurahan's outlines", "", "application/json", "Outlines", ()),
    "/feed.atom": ("open data", "The newest reports, as Atom", f"{FILTERS} lang", ATOM, "", ()),
    "/area/{code}/feed.atom": ("open data", "Those of an area", "area_code service status since after lang", ATOM, "", (404,)),
    "/reports.geojson": ("open data", "Reports, 1000 a page, as GeoJSON", f"{FILTERS} lang", GEOJSON, "Features", ()),
    "/reports.csv": ("open data", "The same as a table", f"{FILTERS} lang", CSV, "", ()),
    "/data/{name}": ("open data", "A month of reports (CSV, GeoJSON), made each night; index.json lists them", "file", "data", "", (404,)),
    "/rapor.csv": ("open data", "The report card as a table", "month by", CSV, "", (404,)),
    "/history-head.json": ("open data", "The signed head of all histories", "number", "application/json", "Head", (400, 404)),
    "/cap.atom": ("open data", "Floods of reports, as alerts", "", ATOM, "", ()),
    "/cap/{id}.xml": ("open data", "One of them (CAP 1.2)", "id", CAP, "", (404,)),
    f"{AT}/discovery.{{format}}": ("open311", "Where, which formats", "format", "either", "Discovery", (404,)),
    f"{AT}/services.{{format}}": ("open311", "The kinds of problems", "format locale", "either", "Services", (404,)),
    f"{AT}/services/{{service_code}}.{{format}}": ("open311", "One of them", "service_code_path format locale", "either", "Definition", (404,)),
    f"{AT}/requests.{{format}}": ("open311", "Reports, the newest first", REQUEST_FILTERS, "either", "Requests", (400, 403, 404)),
    f"{AT}/requests/{{code}}.{{format}}": ("open311", "One report", "code format", "either", "Requests", (400, 403, 404)),
    f"{AT}/tokens/{{token}}.{{format}}": ("open311", "The report that a posted request became", "token format", "either", "Tokens", (404,)),
    f"{AT}/servicerequestupdates.{{format}}": ("open311", "History lines, the oldest first", UPDATE_FILTERS, "either", "Updates", (400, 403, 404)),
    SUBSCRIPTIONS: ("open311", "The key's own subscriptions by webhook", "format", "either", "Subscriptions", (400, 403, 404)),
    f"{AT}/photos/{{id}}": ("open311", "A photo, with a key", "id", JPEG, "", (400, 403, 404)),
}  # fmt: skip
WRITES = {
    NEW_REQUESTS: ("Create a report", "format idempotency_key", "Taken", (400, 403, 404, 408, 413, 415, 422, 429, 503)),
    NEW_UPDATES: ("Change a report's status", "format", "Updates", (400, 403, 404, 408, 413, 415)),
    SUBSCRIPTIONS: ("Subscribe: each change of public reports is called to an url", "format", "Subscriptions", (400, 403, 404, 408, 413, 415)),
    SUBSCRIPTION: ("Open a subscription with the code that its url was sent", "id format", "Subscriptions", (400, 403, 404, 408, 413, 415)),
}  # fmt: skip
ONLY_WITH_A_KEY = (f"{AT}/photos", f"{AT}/subscriptions")
WITH_A_KEY = (f"{AT}/requests", f"{AT}/servicerequestupdates", *ONLY_WITH_A_KEY)
SAYS = {
    400: "It cannot be read; it says why",
    403: "No key, or one that may not",
    404: "There is no such thing",
    408: "The body took too long",
    413: "The body is too large",
    415: "The body is of another kind",
    422: "The Idempotency-Key was used for another report",
    429: "Too many: Retry-After",
    503: "It cannot be kept now: Retry-After",
}


def document(pack: Pack, base_url: str) -> Document:
    """The whole API of this installation."""
    paths: dict[str, Document] = {address: {"get": _read(address)} for address in READS}
    bodies = new_ones(list(pack.services))
    for address in WRITES:
        paths.setdefault(address, {})["post"] = _write(address, bodies[address])
    paths[SUBSCRIPTION]["delete"] = _end()
    paths["/report"]["post"] = _form()
    return {
        "openapi": "3.1.1",
        "info": {
            "title": f"{pack.name}: lapor",
            "version": VERSION,
            "summary": "Reports of a city's problems: read them, follow them, make them",
        },
        "servers": [{"url": base_url}],
        "tags": [{"name": "open data"}, {"name": "open311"}, {"name": "pages"}],
        "paths": paths,
        "components": {"schemas": SHAPES, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


def _read(address: str) -> Document:
    tag, summary, parameters, kind, shape, others = READS[address]
    status, said = ("200", _content(kind, shape)) if kind else ("303", {"description": "The report's own page"})
    operation: Document = {
        "tags": [tag],
        "summary": summary,
        "operationId": f"get {address}",
        "parameters": [_parameter(name) for name in parameters.split()],
        "responses": {status: said, **_errors(kind, tag, others)},
    }
    if address in {"/map.json", "/map/areas.json", "/openapi.json", "/data/{name}"}:
        operation["responses"]["304"] = {"description": "You have it already (If-None-Match)"}
    if address.startswith(WITH_A_KEY):
        operation["security"] = [{"key": []}] if address.startswith(ONLY_WITH_A_KEY) else [{}, {"key": []}]
    return operation


def _form() -> Document:
    """What the form at /report posts: it leads on to the report, or back to itself."""
    return {
        "tags": ["pages"],
        "summary": "Send the form",
        "operationId": "post /report",
        "parameters": [],
        "requestBody": {"content": FORM},
        "responses": {"303": {"description": "On to /report/TOKEN, or back"}, "403": {"description": SAYS[403]}},
    }


def _write(address: str, body: Document) -> Document:
    summary, parameters, shape, others = WRITES[address]
    return {
        "tags": ["open311"],
        "summary": summary,
        "operationId": f"post {address}",
        "parameters": [_parameter(name) for name in parameters.split()],
        "requestBody": {"required": True, "content": body},
        "responses": {"200": _content("either", shape), **_errors("either", "open311", others)},
        "security": [{"key": []}],
    }


def _end() -> Document:
    return {
        "tags": ["open311"],
        "summary": "End a subscription",
        "operationId": f"delete {SUBSCRIPTION}",
        "parameters": [_parameter(name) for name in ("id", "format")],
        "responses": {
            "200": _content("either", "Subscriptions"),
            **_errors("either", "open311", (400, 403, 404)),
        },
        "security": [{"key": []}],
    }


def _parameter(said: str) -> Document:
    name = said.rstrip("!")
    where, shape, meaning = PARAMETERS[name]
    needed = where == "path" or said.endswith("!")
    return {
        "name": SAID_AS.get(name, name),
        "in": where,
        "required": needed,
        "description": meaning,
        "schema": shape,
    }


def _content(kind: str, shape: str) -> Document:
    schema = {"$ref": f"#/components/schemas/{shape}"} if shape else {}
    if kind == "either":
        return {"description": "OK", "content": {"application/json": {"schema": schema}, OPEN311_BODY: {}}}
    if kind == "data":
        return {"description": "OK", "content": {"application/json": {}, "application/gzip": {}}}
    return {"description": "OK", "content": {kind: {"schema": schema} if schema else {}}}


def _errors(kind: str, tag: str, statuses: tuple[int, ...]) -> Document:
    """What is refused is said as the address speaks: a page, our JSON, or Open311's list in its format."""
    if tag == "open311":
        content: Document = {"application/json": {"schema": {"$ref": "#/components/schemas/Errors"}}}
        content |= {OPEN311_BODY: {}} if kind == "either" else {}
    elif tag == "pages" and kind == HTML:
        content = {HTML: {}}
    else:
        content = {"application/json": {}, HTML: {}, "text/plain": {}}
    return {str(status): {"description": SAYS[status], "content": content} for status in statuses}


def openapi_json(house: House, request: Request) -> Response:
    """GET /openapi.json."""
    return keepable(document(house.pack, house.settings.base_url), A_DAY)


def api_page(house: House, request: Request) -> Response:
    """GET /api: the same as a page."""
    said = document(house.pack, house.settings.base_url)
    return render(house, request, "api.html", api=said, base=house.settings.base_url)
