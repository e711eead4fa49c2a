"""A learned model: its file, what it says, how it is blended, where it is kept; whatever is broken is left out."""

import hashlib
import os
import struct
from array import array
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from config.pack import load_pack
from config.settings import ROOT
from normalizer.learned import MAGIC, Model, blend, dump, load, model_at, model_of, newest_in, predict
from normalizer.normalize import explain, normalize
from normalizer.schema import Guess
from router.learned import forget_model, keep_model, look_for_model
from store.officials import LearnedModel
from tests.unit.houses import Town

PACK = load_pack(ROOT / "config" / "jakarta")
LOCAL = "pak gluduk kami bermasalah lagi nih tolong ditengok"


def small(version: str = "v1", share: float = 0.7) -> Model:
    """Knows two words and a pair, and two services."""
    services, features = ["saluran", "sampah"], ["bau", "gluduk", "gluduk kami"]
    return model_of(version, services, [share, share], features, [0.0, 0.5], [-2.0, 2.0, 4.0, -4.0, 3.0, 0.25])


def guess(code: str, confidence: float) -> Guess:
    return Guess(service_code=code, confidence=confidence)


def told(town: Town, text: str = LOCAL) -> dict[str, object]:
    return explain(normalize(text, pack=town.house.pack, learned=town.house.learned.model), town.house.pack)


# --- the file -----------------------------------------------------------------------------------------------


def test_a_model_is_the_same_after_its_file_was_read() -> None:
    model, read = small(), load(dump(small()))
    assert (read.version, read.services, read.shares) == (model.version, model.services, model.shares)
    assert (list(read.features), read.bias, read.weights) == (list(model.features), model.bias, model.weights)


def test_the_file_is_what_the_documentation_says() -> None:
    content = dump(small())
    assert content[:8] == MAGIC == b"LAPORLM1"
    assert content[8:40] == hashlib.sha256(content[40:]).digest()
    (head,) = struct.unpack_from("<I", content, 40)
    assert content[44 : 44 + head] == b'{"version": "v1", "services": {"saluran": 0.7, "sampah": 0.7}}'
    (words,) = struct.unpack_from("<I", content, 44 + head)
    assert content[48 + head : 48 + head + words] == b"bau\ngluduk\ngluduk kami"
    assert struct.unpack("<8f", content[48 + head + words :]) == (0.0, 0.5, -2.0, 2.0, 4.0, -4.0, 3.0, 0.25)


@given(st.binary(max_size=300))
def test_bytes_that_are_no_model_are_a_value_error(content: bytes) -> None:
    for whole in (content, sealed(content)):
        with pytest.raises(ValueError):  # noqa: PT011  (its words are for people)
            load(whole)


def sealed(body: bytes) -> bytes:
    return MAGIC + hashlib.sha256(body).digest() + body


@given(st.data())
def test_a_model_with_any_bytes_changed_is_a_value_error_or_still_a_model(draw: st.DataObject) -> None:
    body = bytearray(dump(small())[40:])
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(body) - 1))
        body[at : at + draw.draw(st.integers(0, 4))] = draw.draw(st.binary(max_size=6))
        if not body:
            break
    with pytest.raises(ValueError):  # noqa: PT011
        load(dump(small())[:40] + bytes(body) + b"\0")
    try:
        model = load(sealed(bytes(body)))
    except ValueError:
        return
    assert len(model.weights) == len(model.services) * len(model.features)
    assert all(0 <= probability <= 1 for probability in predict(model, ["gluduk", "kami"]).values())


HEAD = '{"version": "v1", "services": {"saluran": 0.7, "sampah": 0.7}}'


@pytest.mark.parametrize(
    ("head", "words", "numbers"),
    [
        (HEAD.replace("v1", "../v1"), "a", 4),
        (HEAD.replace("0.7", "1.0"), "a", 4),
        (HEAD.replace("0.7", "NaN"), "a", 4),
        (HEAD.replace("0.7", "true"), "a", 4),
        (HEAD.replace("sampah", "saluran"), "a", 4),
        (HEAD, "a", 3),
        (HEAD, "a", 5),
        (HEAD, "a\na", 6),
        ("[" * 100_000, "a", 4),
        ("{}", "a", 4),
        ("null", "a", 4),
    ],
)
def test_a_file_whose_parts_do_not_fit_is_a_value_error(head: str, words: str, numbers: int) -> None:
    parts = [head.encode(), words.encode()]
    body = b"".join(struct.pack("<I", len(part)) + part for part in parts) + bytes(4 * numbers)
    with pytest.raises(ValueError):  # noqa: PT011
        load(sealed(body))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_weight_that_is_no_number_is_a_value_error(number: float) -> None:
    model = small()
    broken = dump(replace(model, weights=array("f", [*model.weights[:-1], number])))
    with pytest.raises(ValueError, match="no number"):
        load(broken)


# --- what it says -------------------------------------------------------------------------------------------


def test_words_that_it_does_not_know_leave_the_lexicon_alone() -> None:
    assert predict(small(), ["pak", "tolong", ""]) == {}
    text = "lampu jalan mati di Jl. Manggarai Utara 2, Kelurahan Manggarai"
    draft = normalize(text, pack=PACK, learned=small())
    assert draft == normalize(text, pack=PACK)
    assert draft.learned is None


def test_endings_and_slang_are_folded_to_the_words_it_knows() -> None:
    assert predict(small(), ["gluduknya"]) == predict(small(), ["gluduk"])


def test_a_pair_counts_only_where_its_words_stand_together() -> None:
    together, apart = predict(small(), ["gluduk", "kami"]), predict(small(), ["gluduk", "", "kami"])
    assert apart == predict(small(), ["gluduk"])
    assert together != apart


def test_a_service_that_it_never_saw_keeps_the_lexicons_confidence() -> None:
    said = {"saluran": 0.9}
    service, others = blend(
        small(), said, guess("pohon", 0.8), [guess("sampah", 0.5)], codes=PACK.services, threshold=0.42
    )
    assert service == guess("pohon", 0.8)
    assert others == (guess("saluran", 0.63), guess("sampah", 0.15))


def test_a_blend_that_is_not_sure_enough_asks() -> None:
    service, others = blend(small(), {"saluran": 0.5}, None, (), codes=PACK.services, threshold=0.42)
    assert service is None
    assert others == (guess("saluran", 0.35),)


def test_a_service_that_the_city_no_longer_has_is_never_guessed() -> None:
    codes = set(PACK.services) - {"saluran"}
    assert blend(small(), {"saluran": 1.0}, None, (), codes=codes, threshold=0.42) == (None, ())


def test_a_local_word_is_understood_with_the_model_and_the_draft_names_it() -> None:
    alone, draft = normalize(LOCAL, pack=PACK), normalize(LOCAL, pack=PACK, learned=small())
    assert alone.service is None
    assert draft.service is not None
    assert (draft.service.service_code, draft.learned) == ("saluran", "v1")
    assert explain(draft, PACK)["learned"] == "v1"
    assert explain(alone, PACK)["learned"] is None


@given(st.lists(st.text(max_size=12), max_size=30))
def test_any_tokens_get_probabilities_and_a_blend_of_the_lexicons_form(tokens: list[str]) -> None:
    model = small()
    said = predict(model, [*tokens, "bau"])
    assert all(0 < probability <= 1 for probability in said.values())
    service, others = blend(model, said, None, [guess("pohon", 0.2)], codes=PACK.services, threshold=0.42)
    ranked = [*([service] if service else []), *others]
    assert ranked == sorted(ranked, key=lambda each: -each.confidence)
    assert len(ranked) <= 4


# --- where it is kept ---------------------------------------------------------------------------------------


def test_a_kept_model_is_used_at_once_and_by_every_server_that_looks(town: Town) -> None:
    assert told(town)["service_code"] is None
    keep_model(town.house, small(), {"gain": 0.1})
    assert (told(town)["service_code"], told(town)["learned"]) == ("saluran", "v1")
    other = town.again()
    assert told(other)["learned"] is None
    look_for_model(other.house)
    assert told(other)["learned"] == "v1"
    folder = town.house.settings.data_dir / "learned"
    assert oct((folder / "v1.bin").stat().st_mode)[-3:] == "600"
    assert newest_in(folder) is not None


def test_a_server_takes_the_newer_model_and_the_old_file_goes(town: Town) -> None:
    other = town.again()
    keep_model(town.house, small("v1"), {})
    look_for_model(other.house)
    keep_model(town.house, small("v2"), {})
    look_for_model(other.house)
    assert told(other)["learned"] == "v2"
    assert [path.name for path in (town.house.settings.data_dir / "learned").iterdir()] == ["v2.bin"]
    with town.house.store.read() as session:
        assert session.query(LearnedModel).count() == 1


def test_a_forgotten_model_is_gone_everywhere(town: Town) -> None:
    other = town.again()
    keep_model(town.house, small(), {})
    look_for_model(other.house)
    assert forget_model(town.house) == "v1"
    look_for_model(other.house)
    assert told(town)["learned"] is None
    assert told(other)["learned"] is None
    assert list((town.house.settings.data_dir / "learned").iterdir()) == []
    assert forget_model(town.house) is None


def test_a_broken_row_is_left_out_with_one_line_and_the_lexicon_goes_on(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    keep_model(town.house, small(), {})
    other = town.again()
    (town.house.settings.data_dir / "learned" / "v1.bin").unlink()
    with town.house.store.write() as session:
        session.execute(update(LearnedModel).values(content=b"LAPORLM1" + os.urandom(100)))
    look_for_model(other.house)
    look_for_model(other.house)
    assert told(other)["learned"] is None
    assert [line.getMessage() for line in caplog.records if line.levelname == "WARNING"] == [
        "learned model v1 is left out: the row is broken"
    ]
    keep_model(town.house, small("v2"), {})
    look_for_model(other.house)
    assert told(other)["learned"] == "v2"


def test_a_broken_file_is_written_again_from_the_database(town: Town) -> None:
    keep_model(town.house, small(), {})
    path = town.house.settings.data_dir / "learned" / "v1.bin"
    path.write_bytes(path.read_bytes()[:-1])
    other = town.again()
    look_for_model(other.house)
    assert load(path.read_bytes()).version == "v1"
    assert other.house.learned.path == path


def test_a_file_that_cannot_be_read_leaves_the_lexicon_alone(tmp_path: Path) -> None:
    assert model_at(tmp_path / "none.bin") is None
    (tmp_path / "broken.bin").write_bytes(b"\x80\x04cos\nsystem\n(S'id'\ntR.")
    assert newest_in(tmp_path) is None
    assert newest_in(tmp_path / "no folder") is None


def test_a_folder_that_cannot_be_written_leaves_the_lexicon_alone(town: Town) -> None:
    (town.house.settings.data_dir / "learned").write_text("a file in the folder's place")
    keep_model(town.house, small(), {})
    assert town.house.learned.path is None
    assert told(town)["learned"] is None
    (town.house.settings.data_dir / "learned").unlink()
    look_for_model(town.house)  # there is room again
    assert told(town)["learned"] == "v1"


def test_a_report_remembers_which_model_had_a_say(town: Town) -> None:
    keep_model(town.house, small(), {})
    town.tell(LOCAL)
    assert (town.report().service_code, town.report().sources["service"]["learned"]) == ("saluran", "v1")
    town.tell("lampu jalan mati total di depan rumah", sender="+62999")
    assert "learned" not in town.reports()[-1].sources["service"]
