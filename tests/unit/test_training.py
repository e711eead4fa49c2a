"""Training on what officials judged: new words are learned, what does not help is refused, nobody's words are kept."""

import random
from pathlib import Path

import pytest

from config.pack import load_pack
from config.settings import ROOT
from normalizer.normalize import normalize
from tests.unit.houses import new_town
from tests.unit.lessons import PROBLEMS, judged, tell
from tests.wire.desk_rooms import add_report

pytest.importorskip("sklearn", reason="LEFT OUT: scikit-learn (extra `learn`) is not installed")

from router.examples import Example, example, examples, groups_of
from router.training import BLEND, ENOUGH, LEXICON, learn, too_few, vocabulary

PACK = load_pack(ROOT / "config" / "jakarta")
UNSEEN = "selamat sore, tolong gluduk dekat lapangan bulu tangkis dibetulkan, becek semua"


def silent(words: str) -> None:
    """Nobody watches."""


def lessons(rows: list[tuple[str, str]], people: int = 60) -> list[Example]:
    made = [example(text, code, number % people, "changed", PACK) for number, (text, code) in enumerate(rows)]
    return [each for each in made if each is not None]


def test_a_local_word_that_the_desk_always_corrects_is_guessed_after_learning() -> None:
    before = normalize(UNSEEN, pack=PACK)
    assert before.service is None or before.service.service_code != "saluran"
    model, verdict = learn(lessons(judged(ENOUGH + 40)), "v1", PACK, silent)
    assert verdict.is_better
    assert verdict.ways[BLEND][0] > verdict.ways[LEXICON][0]
    after = normalize(UNSEEN, pack=PACK, learned=model)
    assert after.service is not None
    assert (after.service.service_code, after.learned) == ("saluran", "v1")


def test_what_the_lexicon_knows_is_guessed_as_before() -> None:
    model, _ = learn(lessons(judged(ENOUGH + 40)), "v1", PACK, silent)
    for text, code in (
        ("lampu jalan mati total di gang kami", "lampu_jalan"),
        ("pohon tumbang menutup gang kami", "pohon"),
        ("jalan berlubang depan warung", "jalan_rusak"),
    ):
        service = normalize(text, pack=PACK, learned=model).service
        assert service is not None
        assert service.service_code == code


def test_a_model_that_only_repeats_the_lexicon_is_refused() -> None:
    chance = random.Random(7)
    texts = [tell(chance, chance.choice(chance.choice(list(PROBLEMS.values())).split("|"))) for _ in range(300)]
    guessed = [(text, normalize(text, pack=PACK).service) for text in texts]
    rows = [(text, service.service_code) for text, service in guessed if service is not None]
    _, verdict = learn(lessons(rows), "v1", PACK, silent)
    assert verdict.ways[LEXICON] == (len(rows), 0, 0)
    assert not verdict.is_better


def test_judgements_by_lot_teach_nothing() -> None:
    chance = random.Random(3)
    rows = [(text, chance.choice(["saluran", "sampah", "pohon"])) for text, _ in judged(ENOUGH + 40)]
    _, verdict = learn(lessons(rows), "v1", PACK, silent)
    assert not verdict.is_better


def test_the_same_text_many_times_is_never_on_both_sides_of_a_fold() -> None:
    again = [("gluduk kami luber lagi dekat musala", "saluran")] * 150
    others = [row for row in judged(900, seed=9) if row[1] != "saluran"][:ENOUGH]
    _, verdict = learn(lessons([*again, *others]), "v1", PACK, silent)
    assert verdict.services["saluran"] == (150, 0, 0)


def test_a_service_that_is_missing_from_a_fold_is_measured_with_the_lexicon() -> None:
    again = [("gluduk kami luber lagi dekat musala", "saluran")] * ENOUGH
    few = [row for row in judged(400, seed=9) if row[1] == "pohon"][:12]
    _, verdict = learn(lessons([*again, *few]), "v1", PACK, silent)
    assert not verdict.is_better


@pytest.mark.parametrize("count", [0, 1, ENOUGH - 1])
def test_few_examples_are_said_to_be_too_few(count: int) -> None:
    found = lessons(judged(count))
    assert str(too_few(found)).endswith(f"too few, {ENOUGH} are needed")
    with pytest.raises(ValueError, match="too few"):
        learn(found, "v1", PACK, silent)


def test_one_service_alone_cannot_be_learned() -> None:
    found = lessons([(text, "saluran") for text, _ in judged(ENOUGH)])
    assert str(too_few(found)).startswith("fewer than two services")


def test_words_of_few_people_numbers_and_what_was_taken_out_never_enter_the_vocabulary() -> None:
    many = [f"gluduk luber rt05 telepon [telepon] kirim ke [email] nomor {n} blok7 k4" for n in range(30)]
    few = [f"gluduk kepunyaan wiratmoko luber {n}" for n in range(30)]
    made = [example(text, "saluran", n, "changed", PACK) for n, text in enumerate(many)]
    made += [example(text, "saluran", n % 2, "changed", PACK) for n, text in enumerate(few)]  # (of two people)
    words = {word for feature in vocabulary([each for each in made if each]) for word in feature.split()}
    assert {"gluduk", "luber"} <= words
    assert "wiratmoko" not in words
    assert "email" not in words
    assert not [word for word in words if any(letter.isdigit() for letter in word)]


def test_names_of_places_are_gaps() -> None:
    made = example("gluduk luber di Kelurahan Kebon Baru dekat musala", "saluran", 1, "changed", PACK)
    assert made is not None
    assert "" in made.tokens
    assert not {"kebon", "baru"} & set(made.tokens)


def test_near_identical_texts_are_one_group_also_by_a_chain() -> None:
    words = ["satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan", "sepuluh"]
    texts = [
        words,
        [*words[1:], "sebelas"],
        [*words[2:], "sebelas", "duabelas"],
        words[::-1],
        ["lain", "sama", "sekali"],
    ]
    found = [
        Example(tokens=tuple(each), service_code="pohon", reporter=1, judged="", service=None, alternatives=())
        for each in texts
    ]
    assert groups_of(found) == [0, 0, 0, 0, 4]


def test_examples_are_the_judged_reports_in_words_without_personal_data(tmp_path: Path) -> None:
    house = new_town(tmp_path).house
    public = {
        "public_description": "gluduk luber, hubungi [telepon]",
        "description": "gluduk luber, hubungi 0812-3456-7890",
    }
    for judgement, code in (("changed", "saluran"), ("agreed", "pohon"), ("named", "sampah"), (None, "pohon")):
        add_report(house, service_guess=judgement, service_code=code, **public)
    add_report(house, service_guess="changed", service_code="bukan_aduan", **public)
    add_report(house, service_guess="changed", service_code="gone_from_the_pack", **public)
    found = examples(house, silent)
    assert sorted((each.judged, each.service_code) for each in found) == [
        ("agreed", "pohon"), ("changed", "saluran"), ("named", "sampah"),
    ]  # fmt: skip
    assert {each.tokens for each in found} == {("gluduk", "luber", "hubungi")}
