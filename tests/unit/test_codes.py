"""A report's code and a thread's token: typed by people, guessed by nobody."""

import re
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from config.pack import load_pack
from config.settings import ROOT
from router.codes import LENGTH, LETTERS, code_of_thread, codes_in, is_code, new_code, thread_of, thread_token

KEY = b"k" * 32
CODES = [new_code() for _ in range(60)]
codes = st.builds(new_code)


def test_a_code_has_six_letters_that_no_eye_confuses() -> None:
    assert not set("01ILO") & set(LETTERS)
    for code in CODES:
        assert len(code) == LENGTH == 6
        assert set(code) <= set(LETTERS)
        assert re.search(r"\d", code)
        assert re.search(r"[A-Z]", code)
        assert is_code(code)


def test_codes_do_not_repeat() -> None:
    assert len({new_code() for _ in range(5000)}) > 4990  # of 28 million


@pytest.mark.parametrize("place", range(LENGTH))
def test_every_single_wrong_letter_is_seen(place: int) -> None:
    for code in CODES:
        wrong = {code[:place] + letter + code[place + 1 :] for letter in LETTERS} - {code}
        assert [each for each in wrong if is_code(each)] == []


@pytest.mark.parametrize(("left", "right"), list(combinations(range(LENGTH), 2)))
def test_every_swap_of_two_letters_is_seen(left: int, right: int) -> None:
    for code in CODES:
        swapped = list(code)
        swapped[left], swapped[right] = code[right], code[left]
        if code[left] != code[right]:
            assert not is_code("".join(swapped))


@given(code=codes, before=st.sampled_from(["", "laporan ", "(", "#", "kode:", "\n", "“"]), small=st.booleans())
def test_a_code_is_found_in_a_sentence_in_any_case(code: str, before: str, small: bool) -> None:
    typed = code.lower() if small else code
    assert codes_in(f"{before}{typed}, mohon dicek. Terima kasih") == [code]


@given(code=codes, letter=st.sampled_from("a9Z0"))
def test_a_code_inside_a_longer_word_is_none(code: str, letter: str) -> None:
    assert codes_in(letter + code) == []
    assert codes_in(code + letter) == []


@given(st.lists(codes, min_size=1, max_size=5, unique=True))
def test_several_codes_come_in_their_order_and_once(said: list[str]) -> None:
    assert codes_in(" dan ".join([*said, *said])) == said


@given(st.text(alphabet=st.characters(categories=["L", "Z", "P"]), max_size=60))
def test_words_without_digits_are_never_codes(words: str) -> None:
    assert codes_in(words) == []


def test_the_words_of_the_city_are_no_codes() -> None:
    pack = load_pack(ROOT / "config" / "jakarta")
    said = [service.name + " " + service.name_en + " ".join(service.words) for service in pack.services.values()]
    said += [area.name for area in pack.areas.values()] + [agency.handles for agency in pack.agencies.values()]
    said += [text for texts in pack.texts.values() for text in texts.values()]
    assert [code for words in said for code in codes_in(words)] == []


def test_what_is_written_with_numbers_is_hardly_ever_taken_for_a_code() -> None:
    ordinary = ["RT005 RW003", "2 meter", "10menit", "B1234XYZ", "jam 19.30", "tgl 12-03-2026", "KM24", "Rp50rb"]
    assert [code for words in ordinary for code in codes_in(words)] == []


@given(st.text(max_size=12))
@example("")
@example("ß2345")
@example("АВС234")  # Cyrillic look-alikes
@example("２３４５６７")
def test_no_text_breaks_the_check(text: str) -> None:
    assert is_code(text) in {True, False}
    assert all(is_code(code) for code in codes_in(text))


@given(codes)
def test_a_thread_names_its_report_in_any_case(code: str) -> None:
    thread = thread_of(KEY, code)
    assert thread == thread.lower()
    assert code_of_thread(KEY, thread) == code
    assert code_of_thread(KEY, thread.upper()) == code


@given(code=codes, other=codes)
def test_a_token_opens_its_own_report_only(code: str, other: str) -> None:
    assume(code != other)
    assert code_of_thread(KEY, f"{other.lower()}.{thread_token(KEY, code)}") is None
    assert code_of_thread(b"x" * 32, thread_of(KEY, code)) is None


@given(code=codes, token=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20))
@example(code="K7M3Q9", token="")
def test_a_guessed_token_opens_nothing(code: str, token: str) -> None:
    assume(token.lower() != thread_token(KEY, code))
    assert code_of_thread(KEY, f"{code}.{token}") is None
    assert code_of_thread(KEY, token) is None


def test_a_token_has_eighty_bits_and_fits_a_mail_address() -> None:
    assert re.fullmatch(r"[a-z2-7]{16}", thread_token(KEY, CODES[0]))
    assert len(f"lapor+{thread_of(KEY, CODES[0])}") <= 64  # RFC 5321, 4.5.3.1.1: the local part


def test_real_complaints_hold_hardly_a_code_by_chance(shared: Path) -> None:
    texts = [p.read_text(errors="replace") for p in sorted((shared / "cases").rglob("*.jsonl"))]
    words = re.findall(r"\S+", " ".join(texts))
    if not words:
        pytest.skip("LEFT OUT: no texts in shared/cases")
    assert len(codes_in(" ".join(words))) < len(words) / 500
