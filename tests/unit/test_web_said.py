"""A web report's fields, the form they are kept in, tokens, repeats and limits; hostile bytes never raise."""

import json
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from channels.web_fields import read_form, read_request
from channels.web_limits import Budget, client_of
from channels.web_said import Said, Wrong, kept_form, parse
from channels.web_token import REPEATS_SECONDS, Recent, is_token, new_token, sender_of
from config.keys import Keys
from config.pack import load_pack
from config.settings import ROOT
from normalizer.normalize import normalize
from normalizer.schema import Attachment, InboundMessage, Position

PACK = load_pack(ROOT / "config" / "jakarta")
KEYS = Keys(secret=(b"s" * 32,), contact=(b"c" * 32,))
SENDER = {"sender": "web:1"}
WORDS = st.text(max_size=200).filter(lambda text: "\x00" not in text and text.isprintable())


def heard(raw: bytes, meta: dict[str, str] | None = None) -> InboundMessage:
    (message,) = parse(raw, SENDER if meta is None else meta)
    assert isinstance(message, InboundMessage)
    return message


@given(raw=st.binary(max_size=400), meta=st.dictionaries(st.sampled_from(["sender", "x"]), st.text(max_size=20)))
def test_no_bytes_are_too_hostile_to_be_read(raw: bytes, meta: dict[str, str]) -> None:
    assert heard(raw, meta).channel == "web"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = ["words", "place", "lat", "long", "accuracy", "service_code", "thread", "language", "photos"]


@given(head=st.dictionaries(st.sampled_from(NAMES), JSON), photos=st.binary(max_size=50))
def test_no_json_is_too_hostile_to_be_read(head: dict[str, object], photos: bytes) -> None:
    message = heard(json.dumps(head).encode() + b"\n" + photos)
    assert "\x00" not in message.text
    message.text.encode()


@given(words=WORDS, place=WORDS, photos=st.lists(st.binary(min_size=1, max_size=50), max_size=4))
def test_what_is_kept_is_read_again_as_it_was_said(words: str, place: str, photos: list[bytes]) -> None:
    said = Said(
        words=words,
        place=place,
        position=Position(lat=-6.2, long=106.8, accuracy=12.0),
        service_code="sampah",
        photos=[Attachment(content=each, content_type="image/jpeg", name="a.jpg") for each in photos],
    )
    message = heard(kept_form(said))
    assert message.position == said.position
    assert message.service_code == "sampah"
    assert [each.content for each in message.attachments] == photos
    assert words in message.text
    assert place in message.text
    assert message.unreadable is None


HOSTILE = st.dictionaries(
    st.sampled_from(["service_code", "lat", "long", "address_string", "address_id", "description", "locale"]),
    st.text(max_size=30) | st.sampled_from(["nan", "inf", "1e999", "-6.2", "106.8", "sampah", "31.74.01.1003"]),
)


@given(fields=HOSTILE)
def test_fields_are_taken_or_refused_with_a_reason(fields: dict[str, str]) -> None:
    try:
        said = read_request(fields, PACK)
    except Wrong as wrong:
        assert wrong.status in {400, 404}
        assert str(wrong)
    else:
        assert said.service_code in PACK.services
        assert said.position or said.place
    try:
        heard(kept_form(read_form(fields, PACK)))
    except Wrong as wrong:
        assert wrong.key == "position"


def test_an_area_by_its_code_is_a_place_in_words() -> None:
    said = read_request({"service_code": "sampah", "address_id": "31.74.01.1003"}, PACK)
    place = normalize(said.place, pack=PACK).place
    assert place is not None
    assert place.area_code == "31.74.01.1003"


def test_the_service_that_an_app_names_is_believed_whatever_the_words_say() -> None:
    draft = normalize("lampu jalan mati", pack=PACK, named="sampah")
    assert draft.service is not None
    assert (draft.service.service_code, draft.service.confidence, draft.named) == ("sampah", 1.0, True)
    assert normalize("terima kasih", pack=PACK, named="sampah").is_report
    assert not normalize("lampu jalan mati", pack=PACK, named="no such service").named


# --- tokens and repeats -------------------------------------------------------------------------------------


def test_a_token_is_ours_before_and_after_the_keys_rotation_and_no_other_is() -> None:
    token = new_token(KEYS, b"something")
    rotated = Keys(secret=(b"n" * 32, b"s" * 32), contact=KEYS.contact)
    assert is_token(KEYS, token)
    assert is_token(rotated, token)
    assert not is_token(Keys(secret=(b"n" * 32,), contact=KEYS.contact), token)
    for wrong in (token[:-1], token + "a", token[1:] + token[0], "", "é" * 40, token.upper()):
        assert not is_token(KEYS, wrong)


def test_parts_of_a_token_do_not_flow_into_each_other() -> None:
    assert new_token(KEYS, b"ab", b"c") != new_token(KEYS, b"a", b"bc")
    assert sender_of(KEYS, "app", "account_id", "1") != sender_of(KEYS, "app", "device_id", "1")


def test_the_same_bytes_within_ten_minutes_are_one_and_later_are_another() -> None:
    recent, start = Recent(), REPEATS_SECONDS * 7 - 1  # a second before the clock's own ten minutes are over
    first = recent.token(KEYS, "app", b"said", start)
    assert recent.token(KEYS, "app", b"said", start + 30) == first
    assert recent.token(KEYS, "app", b"said else", start + 30) != first
    assert recent.token(KEYS, "other", b"said", start + 30) != first
    assert recent.token(KEYS, "app", b"said", start + REPEATS_SECONDS + 1) != first


def test_the_same_bytes_after_a_restart_are_one() -> None:
    start = REPEATS_SECONDS * 7 + 1
    assert Recent().token(KEYS, "app", b"said", start) == Recent().token(KEYS, "app", b"said", start + 60)


# --- limits -------------------------------------------------------------------------------------------------


def test_a_client_may_post_a_burst_and_then_one_by_one() -> None:
    at = [100.0]
    budget = Budget(each=10.0, burst=3, now=lambda: at[0])
    assert [budget.take("one") for _ in range(3)] == [0.0, 0.0, 0.0]
    assert budget.take("one") == pytest.approx(10.0)
    assert budget.take("another") == 0.0
    at[0] += 10
    assert budget.take("one") == 0.0
    assert budget.take("one") > 0


def request_of(peer: str, **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "client": (peer, 1), "headers": raw})


def test_only_a_proxy_of_ours_says_who_the_client_is() -> None:
    assert client_of(request_of("36.66.1.7", x_forwarded_for="36.66.1.9")) == "36.66.1.7"
    assert client_of(request_of("127.0.0.1", x_forwarded_for="36.66.1.8, 36.66.1.9")) == "36.66.1.9"
    assert client_of(request_of("10.0.0.2", x_forwarded_for="36.66.1.9")) == "36.66.1.9"
    assert client_of(request_of("127.0.0.1", x_forwarded_for="nonsense")) == ""
    assert client_of(request_of("127.0.0.1")) == ""
    assert client_of(request_of("2400:cb00::1")) == client_of(request_of("2400:cb00::2"))


@given(said=st.text(max_size=60))
def test_no_forwarded_header_breaks_it(said: str) -> None:
    raw = [(b"x-forwarded-for", said.encode("latin-1", "replace"))]
    found = client_of(Request({"type": "http", "client": ("127.0.0.1", 1), "headers": raw}))
    assert found == "" or "/" in found or ip_address(found)
