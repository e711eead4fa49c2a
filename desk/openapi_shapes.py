"""What the API's bodies look like (JSON Schema 2020-12), for desk/openapi.py."""

from typing import Any

from channels.web_said import LONGEST_PLACE, LONGEST_WORDS
from desk.open311_words import TO_EXTENSION
from router.agency_moves import LONGEST_NOTE

Shape = dict[str, Any]
OPEN311_BODY = "text/xml"
AT = "/open311/v2"
NEW_REQUESTS, NEW_UPDATES = f"{AT}/requests.{{format}}", f"{AT}/servicerequestupdates.{{format}}"
SUBSCRIPTIONS = f"{AT}/subscriptions.{{format}}"
SUBSCRIPTION = f"{AT}/subscriptions/{{id}}.{{format}}"


def _text(**more: Any) -> Shape:
    return {"type": "string", **more}


def _maybe(kind: str = "string", **more: Any) -> Shape:
    return {"type": [kind, "null"], **more}


def _object(needed: str, **fields: Shape) -> Shape:
    return {"type": "object", "required": needed.split(), "properties": fields}


def _list(of: Shape) -> Shape:
    return {"type": "array", "items": of}


A_TIME = _text(format="date-time")
OUR_STATUS = _text(enum=list(TO_EXTENSION))

_SERVICE = {
    "service_code": _text(),
    "service_name": _text(),
    "description": _text(),
    "metadata": {"type": "boolean"},
    "type": _text(enum=["realtime"]),
    "keywords": _text(),
    "group": _text(),
}
_REQUEST = _object(
    "service_request_id status extended_status requested_datetime updated_datetime",
    service_request_id=_text(),
    status=_text(enum=["open", "closed"]),
    extended_status=OUR_STATUS,
    status_notes=_maybe(),
    service_code=_maybe(),
    service_name=_maybe(),
    description=_text(),
    agency_responsible=_maybe(),
    agency_id=_maybe(),
    service_notice=_maybe(),
    requested_datetime=A_TIME,
    updated_datetime=A_TIME,
    expected_datetime=_maybe(format="date-time"),
    address=_maybe(),
    address_id=_maybe(),
    zipcode=_maybe(),
    lat=_maybe("number", minimum=-90, maximum=90),
    long=_maybe("number", minimum=-180, maximum=180),
    media_url=_maybe(),
    urgent={"type": "boolean", "description": "with a key"},
    channel=_text(description="with a key"),
)
_UPDATE = _object(
    "update_id service_request_id status extended_status updated_datetime",
    update_id=_text(),
    service_request_id=_text(),
    status=_text(enum=sorted(set(TO_EXTENSION.values()))),
    extended_status=OUR_STATUS,
    description=_maybe(),
    updated_datetime=A_TIME,
    agency_responsible=_maybe(),
    agency_id=_maybe(),
)
_SUBSCRIPTION = _object(
    "subscription_id url state created_datetime",
    subscription_id={"type": "integer"},
    url=_text(),
    area_code=_maybe(),
    service_code=_maybe(),
    state=_text(enum=["unverified", "open", "suspended"]),
    created_datetime=A_TIME,
    last_error=_maybe(),
    failing_since=_maybe(),
    suspended_datetime=_maybe(),
    secret=_text(description="only in the answer that made it"),
)
_FEATURE = _object(
    "type id geometry properties",
    type=_text(const="Feature"),
    id=_text(),
    geometry=_maybe("object"),
    properties=_object(
        "code status requested_at updated_at text link",
        code=_text(),
        status=OUR_STATUS,
        requested_at=A_TIME,
        updated_at=A_TIME,
        promised_by=_maybe(format="date-time"),
        text=_text(),
        link=_text(),
    ),
)

SHAPES: dict[str, Shape] = {
    "Document": _object("openapi info paths", openapi=_text(), info={"type": "object"}, paths={"type": "object"}),
    "Spots": _object(
        "zoom spots",
        zoom={"type": "integer"},
        spots=_list(_object("lat long", lat={"type": "number"}, long={"type": "number"})),
    ),
    "Outlines": _object("steps areas", steps={"type": "integer"}, areas={"type": "object"}),
    "Features": _object(
        "type features", type=_text(const="FeatureCollection"), features=_list(_FEATURE), next=_text()
    ),
    "Head": {"type": "object"},
    "Discovery": _object("endpoints", endpoints={"type": "array"}, contact=_text(), key_service=_text()),
    "Services": _list(_object("service_code service_name", **_SERVICE)),
    "Definition": _object("service_code attributes", **_SERVICE, attributes={"type": "array"}),
    "Requests": _list(_REQUEST),
    "Tokens": _list(_object("token", token=_text(), service_request_id=_maybe())),
    "Updates": _list(_UPDATE),
    "Taken": _list(_object("token", token=_text(), service_notice=_maybe(), account_id=_maybe())),
    "Subscriptions": _list(_SUBSCRIPTION),
    "Errors": _list(_object("code description", code={"type": "integer"}, description=_text())),
}


def _said(**more: Any) -> Shape:
    """A field of what is posted: JSON's numbers, true and false are read as text."""
    return {"type": ["string", "number", "boolean", "null"], **more}


_PLACES = {
    "lat": {"type": ["number", "string", "null"], "minimum": -90, "maximum": 90},
    "long": {"type": ["number", "string", "null"], "minimum": -180, "maximum": 180},
    "address_string": _said(maxLength=LONGEST_PLACE),
    "address_id": _said(description="Kemendagri's code of an area"),
}
_SOMEWHERE = [{"required": ["lat", "long"]}, {"required": ["address_string"]}, {"required": ["address_id"]}]
_NEW_UPDATE = _object(
    "service_request_id",
    service_request_id=_said(),
    status=_said(examples=["IN_PROGRESS"]),
    description=_said(maxLength=LONGEST_NOTE),
    update_id=_said(maxLength=200),
    agency_responsible=_said(),
)
_NEW_SUBSCRIPTION = _object(
    "url",
    url=_said(maxLength=1000, description="https://…, where signed calls go (standardwebhooks.com)"),
    area_code=_said(description="Kemendagri's code of an area; all where none is named"),
    service_code=_said(description="a service's code; all where none is named"),
)
_WRITTEN = {
    "words": _text(maxLength=LONGEST_WORDS),
    "place": _text(maxLength=LONGEST_PLACE),
    "language": _text(enum=["id", "en"]),
}
FORM: Shape = {"application/x-www-form-urlencoded": {"schema": {"type": "object", "properties": _WRITTEN}}}


def new_ones(services: list[str]) -> dict[str, Shape]:
    """The bodies of what is posted to Open311's addresses, where there are these services."""
    fields = {
        "service_code": _text(enum=services),
        "description": _said(maxLength=LONGEST_WORDS),
        **_PLACES,
        **{name: _said() for name in ("account_id", "device_id", "media_url", "locale")},
    }
    request = {**_object("service_code", **fields), "anyOf": _SOMEWHERE}
    with_photos = {**request, "properties": {**fields, "media": _text(format="binary")}}
    return {
        NEW_REQUESTS: {**_form_or_json(request), "multipart/form-data": {"schema": with_photos}},
        NEW_UPDATES: _form_or_json(_NEW_UPDATE),
        SUBSCRIPTIONS: _form_or_json(_NEW_SUBSCRIPTION),
        SUBSCRIPTION: _form_or_json(_object("code", code=_said(maxLength=100))),
    }


def _form_or_json(shape: Shape) -> Shape:
    return {kind: {"schema": shape} for kind in ("application/x-www-form-urlencoded", "application/json")}
