"""What a citizen sends by SMS and WhatsApp arrives whole, and nothing in a form breaks the reader."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import RequestValidator

from channels.sms import is_signed, parse
from channels.sms_form import fields_of
from normalizer.schema import InboundMessage, Position, Press, Receipt

RAW = Path(__file__).resolve().parents[1] / "data" / "sms"
CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "twilio"
MESSAGE = {"channel_kind": "message"}
STATUS = {"channel_kind": "status"}


def one(name: str) -> InboundMessage:
    (heard,) = parse((RAW / f"{name}.txt").read_bytes(), MESSAGE)
    assert isinstance(heard, InboundMessage)
    return heard


def test_a_text_keeps_its_words_its_sender_and_our_number() -> None:
    heard = one("text")
    assert heard.channel == "sms"
    assert (heard.sender, heard.account) == ("+6281211112222", "+622150001234")
    assert heard.external_id == "SM5b0d1f4a9c2e4b7d8a6f3c1e2d4b5a69"
    assert heard.text.strip() == "pipa PDAM bocor di Jl Tebet Timur Dalam II, air terbuang dari subuh"
    assert heard.unreadable is None


@pytest.mark.parametrize(
    ("sender", "is_a_name"),
    [
        ("TELKOMSEL", True),
        ("Bank BRI", True),
        ("+6281211112222", False),
        ("081211112222", False),
        ("96911", False),
    ],
)
def test_a_name_that_sends_sms_hears_nothing(sender: str, is_a_name: bool) -> None:
    form = {"MessageSid": "SM1", "From": sender, "To": "+622150001234", "Body": "Promo! Sampah numpuk?"}
    (heard,) = parse(urlencode(form).encode(), MESSAGE)
    assert isinstance(heard, InboundMessage)
    assert (heard.sender, heard.auto) == (sender, "list" if is_a_name else None)
    (spoken,) = parse(urlencode(form | {"From": f"whatsapp:{sender}", "To": "whatsapp:+1"}).encode(), MESSAGE)
    assert isinstance(spoken, InboundMessage)
    assert spoken.auto is None  # people's user ids have letters there


def test_every_photo_of_an_mms_is_there() -> None:
    photos = one("mms_two_photos").attachments
    assert [photo.content_type for photo in photos] == ["image/jpeg", "image/png"]
    assert [(photo.ref or "")[-4:] for photo in photos] == ["ME01", "ME02"]
    assert [photo.note for photo in photos] == [None, None]


def test_a_whatsapp_pin_gives_its_point_and_its_words() -> None:
    heard = one("whatsapp_location")
    assert heard.channel == "whatsapp"
    assert (heard.sender, heard.account) == ("+6285733334444", "+622150009999")
    assert heard.position == Position(lat=-6.226414, long=106.858019)
    assert heard.text == "Puskesmas Tebet\nJl. Prof. Dr. Soepomo No.54, Tebet"


def test_a_whatsapp_reply_names_the_message_it_answers() -> None:
    assert one("whatsapp_reply").in_reply_to == ("SM19ffee",)


def test_a_whatsapp_button_is_a_press() -> None:
    (heard,) = parse((RAW / "whatsapp_press.txt").read_bytes(), MESSAGE)
    assert heard == Press(
        channel="whatsapp",
        account="+622150009999",
        external_id="SM21",
        sender="+6285733334444",
        value="confirm:JKT-7F3K-9:yes",
        in_reply_to=("SM19ffee",),
    )


@pytest.mark.parametrize(
    ("name", "state", "reason"), [("delivered", "delivered", ""), ("undelivered", "failed", "30003")]
)
def test_a_receipt_says_how_the_message_fared(name: str, state: str, reason: str) -> None:
    (heard,) = parse((RAW / f"status_{name}.txt").read_bytes(), STATUS)
    assert isinstance(heard, Receipt)
    assert (heard.provider_id, heard.state, heard.reason) == ("SM99aabb", state, reason)
    assert heard.of_address is (reason == "30003")
    assert heard.external_id == f"SM99aabb:{name}"
    assert heard.account == "+622150001234"


def test_a_step_on_the_way_is_no_receipt() -> None:
    assert parse((RAW / "status_queued.txt").read_bytes(), STATUS) == []


@pytest.mark.parametrize("point", [("91", "0"), ("nan", "0"), ("", ""), ("inf", "1"), ("-6,2", "106,8")])
def test_a_point_that_is_nowhere_is_no_position(point: tuple[str, str]) -> None:
    form = {"From": "+62811", "MessageSid": "SM1", "Latitude": point[0], "Longitude": point[1]}
    (heard,) = parse(urlencode(form).encode(), MESSAGE)
    assert isinstance(heard, InboundMessage)
    assert heard.position is None


def test_a_base64_text_is_left_as_it_came() -> None:
    (heard,) = parse(
        urlencode({"From": "+62811", "MessageSid": "SM1", "Body": "SmFsYW4gcnVzYWs="}).encode(), MESSAGE
    )
    assert isinstance(heard, InboundMessage)
    assert heard.text == "SmFsYW4gcnVzYWs="


def test_what_is_no_form_is_kept_as_unreadable() -> None:
    (heard,) = parse(b'{"jalan": "rusak"}', MESSAGE)
    assert isinstance(heard, InboundMessage)
    assert heard.unreadable


def cases(kind: str) -> list[Any]:
    index = CASES / "index.jsonl"
    lines = [json.loads(line) for line in index.read_text("utf-8").splitlines()] if index.exists() else []
    found = [(case, json.loads((CASES / case["file"]).read_bytes())) for case in lines]
    return [pytest.param(case, said, id=case["file"]) for case, said in found if said["type"] == kind]


WEBHOOKS, VECTORS = cases("webhook"), cases("signature vector")
needs_corpus = pytest.mark.skipif(not WEBHOOKS, reason=f"the corpus of other projects is missing: {CASES}")


@needs_corpus
@pytest.mark.parametrize(("case", "said"), WEBHOOKS)
def test_other_projects_forms_are_read_as_they_expect(case: dict[str, Any], said: dict[str, Any]) -> None:
    form = parse_qs(said["body"], keep_blank_values=True)
    expected = case["expected"]
    (heard,) = parse(said["body"].encode(), MESSAGE)
    assert isinstance(heard, InboundMessage)
    assert heard.unreadable is None
    assert heard.sender == form["From"][0].removeprefix("whatsapp:")
    assert heard.external_id == form.get("MessageSid", form.get("SmsSid", [""]))[0]
    if "text" in expected:
        assert heard.text == (expected["text"] or "")
    if "must_not" not in expected and "attachments" in expected:
        assert len(heard.attachments) == expected["attachments"]
    for point in (expected.get("location"), expected.get("location_near")):
        if point:
            assert heard.position is not None
            assert (heard.position.lat, heard.position.long) == pytest.approx(tuple(point), abs=1e-3)
    if "mime" in expected:
        assert heard.attachments[0].content_type == expected["mime"]


@needs_corpus
@pytest.mark.parametrize(("case", "said"), VECTORS)
def test_other_projects_signatures_hold_or_fail_as_they_say(case: dict[str, Any], said: dict[str, Any]) -> None:
    body = said["body"].encode() if said["body"] else urlencode(said["params"], doseq=True).encode()
    signature = said["x_twilio_signature"] or ""
    assert (
        is_signed(said["auth_token"], said["url"], body, fields_of(body), signature) is case["expected"]["valid"]
    )


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from([MESSAGE, STATUS, {}]))
def test_any_bytes_are_read_without_an_error(raw: bytes, meta: dict[str, str]) -> None:
    for heard in parse(raw, meta):
        assert heard.external_id.encode("utf-8")
        assert "\x00" not in getattr(heard, "text", "")


NAMES = st.sampled_from(
    ["From", "To", "Body", "MessageSid", "NumMedia", "MediaUrl0", "Latitude", "Longitude", "ButtonPayload",
     "Address", "MessageStatus", "ErrorCode", "OriginalRepliedMessageSid"]
)  # fmt: skip


@settings(deadline=None)
@given(st.dictionaries(NAMES, st.text(max_size=30), max_size=9), st.sampled_from([MESSAGE, STATUS]))
def test_any_form_is_read_without_an_error(form: dict[str, str], meta: dict[str, str]) -> None:
    raw = urlencode(form, errors="surrogatepass").encode()
    for heard in parse(raw, meta):
        assert "\x00" not in f"{getattr(heard, 'text', '')}{heard.external_id}{getattr(heard, 'sender', '')}"


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=9), st.text(max_size=30)), min_size=1, max_size=9))
def test_what_twilios_own_library_signs_is_signed(pairs: list[tuple[str, str]]) -> None:
    url, body = "https://lapor.example/hooks/twilio", urlencode(pairs, errors="replace").encode()
    form = ImmutableMultiDict(fields_of(body))
    signature = RequestValidator("token").compute_signature(url, form)

    assert is_signed("token", url, body, fields_of(body), signature)
    assert not is_signed("other", url, body, fields_of(body), signature)


@settings(deadline=None)
@given(st.text(max_size=40), st.binary(max_size=80), st.text(max_size=40))
def test_no_made_up_signature_holds(url: str, body: bytes, signature: str) -> None:
    assert (
        is_signed("token", f"https://lapor.example/hooks/twilio?{url}", body, fields_of(body), signature) is False
    )


@given(
    st.lists(st.tuples(st.text(max_size=9), st.text(max_size=30)), max_size=9).map(urlencode)
    | st.text(alphabet="a=&+%;2Zé4Fx\x00", max_size=40)
)
@example("a=b=c&=&&x&%&%zz&%e9=%E2%82")
def test_a_form_is_read_as_the_standard_library_reads_it(body: str) -> None:
    raw = body.encode()
    assert fields_of(raw) == parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True)


def test_a_form_with_more_fields_than_anybody_sends_is_none() -> None:
    assert len(fields_of(b"&".join([b"a=1"] * 500))) == 500
    assert fields_of(b"&".join([b"a=1"] * 501)) == []
