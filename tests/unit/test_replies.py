"""Every text in both languages, for every service, the longest agency and the longest place: it fits, whole."""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.pack import Pack, load_pack
from config.settings import ROOT
from router.replies import acknowledgement, say
from router.status import MOVES
from router.words import GSM7, GSM7_EXTENDED, SEGMENT, cut, gsm7, gsm7_length, tidy
from store.models import Delivery, Report
from tests.unit.houses import WHOLE, Town, new_town

PACK = load_pack(ROOT / "config" / "jakarta")
CODE = "K7M3Q9"
LINK = f"https://lapor.jakarta.go.id/r/{CODE}"
LONGEST_AGENCY = max(PACK.agencies.values(), key=lambda agency: len(agency.name))
LONGEST_AREA = max(PACK.areas.values(), key=lambda area: len(area.name))
LONGEST_STREET = "Jl. " + max((street.name for street in PACK.streets), key=len)
LONGEST_PLACE = f"{LONGEST_STREET}, {LONGEST_AREA.name}"
NOTES = {
    "none": "",
    "short": "Tim menuju lokasi.",
    "long": "Tim kami sudah memeriksa tiang nomor 12 di depan warung dan mengganti kabelnya besok pagi. " * 5,
    "braces": "{code} {0} %s [a] ~ | ^ \\ € " * 12,
    "emoji": "Sudah beres 🚧👷🏽 " * 20,
    "no spaces": "x" * 500,
    "other letters": "已经修好了 Ремонт завершён “selesai” – ½ … " * 8,
}
OPTIONS = "1 Lampu jalan, Jl. Kemang Raya\n2 Sampah, Cipete Utara\n3 Laporan baru"
# no text of its own, or a mail or a chat alone
AT_THE_DESK = ("doubt_", "agency_", "right_address", "clock_", "follow_", "news_", "official_")
KEYS = sorted(
    key for key in PACK.texts["id"] if not key.endswith(("_sms", "_x")) and not key.startswith(AT_THE_DESK)
)
NEVER_WITHOUT_NOTES = {"to_resolved", "to_rejected", "to_needs_info", "answer"}
LANGUAGES = PACK.languages


def template_of(pack: Pack, language: str, key: str) -> str:
    return pack.texts[language].get(f"{key}_sms", pack.texts[language][key])


def spoken(language: str, key: str, channel: str, notes: str = "") -> Iterator[str]:
    """The text as it may be said: for every service that it names, and with a short place and agency too."""
    texts = PACK.texts[language]
    names = any("{service}" in texts.get(f"{key}{end}", "") for end in ("", "_sms", "_x"))
    for service in islice(PACK.services.values(), None if names else 1):
        for agency, place in ((LONGEST_AGENCY.name, LONGEST_PLACE), (texts["no_agency"], texts["no_place"])):
            yield say(
                PACK,
                language,
                key,
                channel,
                code=CODE,
                service=service.name_en if language == "en" else service.name,
                place=place,
                agency=agency,
                link=LINK,
                times="3",
                notes=notes,
                emergency="112",
                promise=texts["promise"].format(date="Wednesday, 22 September 2027"),
                promise_brief=texts["promise_brief"].format(date="22 Sep"),
                date="22 Sep",
                rung=agency,
                before=agency,
                question=texts["ask_both_sms"],
                status=texts["status_assigned"].format(agency=agency),
                first=texts["said_pin"].format(area=LONGEST_AREA.name),
                second=texts["said_photo"].format(area=LONGEST_AREA.name),
                area=LONGEST_AREA.name,
                options=OPTIONS,
                list=OPTIONS,
                other="WhatsApp",
                days="14",
                count="1.234",
                since="14.05",
                time="16.30",
                news=texts["surge_news"].format(time="16.30"),
                parent="X4P9WZ",
            )


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_sms_is_one_segment_with_code_and_link_whole(language: str, key: str) -> None:
    template = template_of(PACK, language, key)
    for text in (text for notes in NOTES.values() for text in spoken(language, key, "sms", notes)):
        assert 0 < gsm7_length(text) <= SEGMENT, text
        assert set(text) <= GSM7 | GSM7_EXTENDED, text
        assert "\n" not in text
        assert CODE in text or "{code}" not in template, text
        assert LINK in text or "http" not in text, text
        assert "  " not in text, text
        assert text == text.strip()


@pytest.mark.parametrize("channel", ["whatsapp", "email", "telegram", "x"])
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_elsewhere_nothing_is_left_out(language: str, key: str, channel: str) -> None:
    template = PACK.texts[language][key]
    for notes in ("", NOTES["long"]):
        for text in spoken(language, key, channel, notes):
            assert not re.search(r"\{\w*\}|  | \.|(?<!\.)\.\.(?!\.)", text), text
            for field, value in (("code", CODE), ("link", LINK), ("notes", notes.strip())):
                assert value in text or f"{{{field}}}" not in template, text


@pytest.mark.parametrize("key", [key for key in KEYS if key not in NEVER_WITHOUT_NOTES])
@pytest.mark.parametrize("language", LANGUAGES)
def test_without_notes_no_gap_is_left(language: str, key: str) -> None:
    for channel in ("sms", "telegram"):
        for text in spoken(language, key, channel):
            assert not re.search(r"\{\w*\}|  | \.(?!\.)|: *(?:\Z|\n\n)", text), text


def test_both_languages_use_the_same_fields() -> None:
    for key in PACK.texts["id"]:
        fields = [set(re.findall(r"\{(\w+)\}", PACK.texts[language][key])) for language in LANGUAGES]
        assert fields[0] == fields[1], key


def test_every_status_has_a_name_and_words_for_the_citizen() -> None:
    for language in LANGUAGES:
        assert {f"status_{status}" for status in MOVES} <= set(PACK.texts[language])
        assert {f"to_{status}" for status in MOVES} <= set(PACK.texts[language])


# --- the acknowledgement ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return new_town(tmp_path_factory.mktemp("replies"))


def a_report(language: str, service: str | None, asked: str | None, **values: object) -> Report:
    report = Report(
        code=CODE, status="assigned", service_code=service, agency_id=LONGEST_AGENCY.id, urgent=False,
        area_code=LONGEST_AREA.code, address_string=LONGEST_STREET, language=language, asked_for=asked,
        description="", public_description="", sources={}, channel="sms",
    )  # fmt: skip
    for name, value in values.items():
        setattr(report, name, value)
    return report


@pytest.mark.parametrize("asked", [None, "place", "service", "both"])
@pytest.mark.parametrize("urgent", [False, True])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_acknowledgement_by_sms_is_one_segment_with_the_code(
    town: Town, language: str, urgent: bool, asked: str | None
) -> None:
    for service in [*PACK.services, None]:
        for agency in (LONGEST_AGENCY.id, None):
            report = a_report(language, service, asked, urgent=urgent, agency_id=agency)
            text = acknowledgement(report, town.house, "sms")
            assert gsm7_length(text) <= SEGMENT, text
            assert set(text) <= GSM7 | GSM7_EXTENDED, text
            assert CODE in text
            assert LINK in text or "http" not in text
            assert "?" in text or asked is None, text
            assert "112" in text or not urgent, text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_one_question_is_asked_at_the_end_of_the_acknowledgement(town: Town, language: str) -> None:
    for asked in ("place", "service", "both"):
        for agency in (LONGEST_AGENCY.id, None):
            report = a_report(language, None, asked, agency_id=agency)
            text = acknowledgement(report, town.house, "whatsapp")
            assert text.endswith(PACK.texts[language][f"ask_{asked}"])
            assert CODE in text


@pytest.mark.parametrize("channel", ["whatsapp", "email", "telegram", "x"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_who_is_in_danger_reads_the_number_first(town: Town, language: str, channel: str) -> None:
    text = acknowledgement(a_report(language, "pohon", None, urgent=True), town.house, channel)
    assert "112" in text.split("\n")[0]


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "email", "telegram", "x"])
def test_a_live_wire_is_urgent_and_its_answer_names_112(tmp_path: Path, channel: str) -> None:
    town = new_town(tmp_path)
    town.tell(
        "kabel PLN putus di Jl. Manggarai Utara, Manggarai, nyetrum", channel=channel, sender="siti@example.org"
    )
    assert town.report().urgent
    assert "112" in town.answers()[0].split("\n")[0]


def test_a_mail_is_told_that_it_can_be_answered_and_has_one_link(tmp_path: Path) -> None:
    town = new_town(tmp_path)
    town.tell(WHOLE, channel="email", sender="siti@example.org", reply_ref="<1@example.org>")
    town.move("in_progress", notes="Tim berangkat")
    first, second = [row for row in town.rows(Delivery) if row.channel == "email"]

    code = town.report().code
    for mail in (first, second):
        assert mail.text.count(f"/r/{code}") == 1
        assert PACK.texts["id"]["mail_end"] in mail.text
        assert code in mail.subject
        assert mail.in_reply_to == "<1@example.org>"


def test_answers_come_in_the_language_of_the_question(tmp_path: Path) -> None:
    town = new_town(tmp_path)
    town.tell("The street light is broken and dark on Jl. Manggarai Utara 2, Kelurahan Manggarai", sender="+441")
    town.tell(WHOLE, sender="+62812")
    english, indonesian = town.answers()

    assert english.startswith("Report ")
    assert indonesian.startswith("Laporan ")


# --- words --------------------------------------------------------------------------------------------------

anything = st.text(max_size=300)


@given(anything)
def test_any_text_becomes_gsm7(text: str) -> None:
    assert set(gsm7(text)) <= GSM7 | GSM7_EXTENDED
    assert gsm7(gsm7(text)) == gsm7(text)


@given(text=anything, length=st.integers(4, 200))
def test_a_cut_text_is_short_enough_and_says_so(text: str, length: int) -> None:
    short = cut(text, length)
    assert len(short) <= length
    assert short == text or short.endswith("...")


def test_septets_are_counted_as_gsm_03_38_does() -> None:
    assert gsm7_length("a" * 160) == 160
    assert gsm7_length("{}[]~\\|^€") == 18
    assert gsm7_length("@£$¥èéùìòÇØøÅåÄÖÑÜ§¿äöñüà") == 25


def test_look_alikes_keep_their_sense() -> None:
    assert gsm7("“Sudah” – ‘beres’… café Škoda") == "\"Sudah\" - 'beres'... café Skoda"


@given(anything)
def test_tidying_twice_is_tidying_once(text: str) -> None:
    once = tidy(text)
    assert "  " not in once
    assert once == once.strip()


@pytest.mark.parametrize("notes", list(NOTES.values()))
def test_an_officials_braces_are_words_not_fields(notes: str) -> None:
    text = say(
        PACK, "id", "to_in_progress", "telegram", code=CODE, agency="{link}", notes=notes, link=LINK, promise=""
    )
    assert "{link}" in text
    assert LINK not in text


def test_an_empty_field_on_a_line_of_its_own_leaves_no_gap() -> None:
    assert tidy("Diteruskan ke: PLN\n\n\nKami kabari") == "Diteruskan ke: PLN\n\nKami kabari"
