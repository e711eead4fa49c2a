"""Green, yellow and red as the pack's rules say: at the limit, beyond it, with too few, and of outside bodies."""

import shutil
from pathlib import Path

import pytest

from config.pack import PackError, load_pack
from config.settings import ROOT
from router.card import judge
from store.card import Card

RULES = load_pack(ROOT / "config" / "jakarta").card


def line(**said: object) -> Card:
    """A spotless month of a hundred resolved reports, but for what is said."""
    counted = {"reports": 100, "finished": 100, "rated": 20, "stars": 4.5}
    nothing = dict.fromkeys(("late", "unanswered", "reopened", "flagged", "explained", "passed_on"), 0)
    times = dict.fromkeys(("acted_median", "acted_p90", "resolved_median", "resolved_p90"), 3600)
    return Card(**{**counted, **nothing, **times, **said})  # type: ignore[arg-type]


def reasons(card: Card) -> list[tuple[str, str]]:
    return [(reason.kind, reason.colour) for reason in judge(card, RULES).reasons]


def test_a_spotless_month_is_green_without_a_reason() -> None:
    assert (judge(line(), RULES).colour, reasons(line())) == ("green", [])


@pytest.mark.parametrize(
    ("still_green", "yellow", "still_yellow", "red", "kind"),
    [
        ({"late": 10}, {"late": 11}, {"late": 30}, {"late": 31}, "on_time"),
        ({"unanswered": 5}, {"unanswered": 6}, {"unanswered": 15}, {"unanswered": 16}, "unanswered"),
        ({"reopened": 10}, {"reopened": 11}, {"reopened": 25}, {"reopened": 26}, "reopened"),
        ({"flagged": 3}, {"flagged": 4}, {"flagged": 10}, {"flagged": 11}, "flags"),
        ({"stars": 3.5}, {"stars": 3.49}, {"stars": 2.5}, {"stars": 2.49}, "stars"),
    ],
)
def test_each_limit_belongs_to_the_better_side(
    still_green: dict[str, float],
    yellow: dict[str, float],
    still_yellow: dict[str, float],
    red: dict[str, float],
    kind: str,
) -> None:
    assert judge(line(**still_green), RULES).colour == "green"
    assert reasons(line(**yellow)) == reasons(line(**still_yellow)) == [(kind, "yellow")]
    assert reasons(line(**red)) == [(kind, "red")]
    assert judge(line(**red), RULES).colour == "red"


def test_the_worst_reason_gives_the_colour_and_stands_first() -> None:
    card = line(unanswered=6, late=31)
    assert judge(card, RULES).colour == "red"
    assert reasons(card) == [("on_time", "red"), ("unanswered", "yellow")]


def test_nine_reports_are_too_few_whatever_they_say() -> None:
    assert judge(line(reports=9, late=9, unanswered=9), RULES).colour == "few"
    assert judge(line(reports=10, late=10), RULES).colour == "red"


def test_a_share_of_few_resolved_reports_is_not_judged() -> None:
    assert judge(line(finished=9, reopened=9, flagged=9), RULES).colour == "green"


def test_a_rating_by_few_is_not_judged() -> None:
    assert judge(line(rated=4, stars=1.0), RULES).colour == "green"
    assert judge(line(rated=5, stars=1.0), RULES).colour == "red"


def test_an_explained_photo_is_not_held_against_the_agency() -> None:
    assert judge(line(flagged=50, explained=50), RULES).colour == "green"


def test_an_outside_body_never_gets_a_colour() -> None:
    assert judge(line(late=100, unanswered=100), RULES, is_outside=True).colour == "outside"
    assert judge(line(late=100, unanswered=100), RULES, is_outside=True).reasons == ()


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("fewest = 10", "fewest = 0", "fewest"),
        ("fewest = 10", "fewest = true", "fewest"),
        ("fewest_stars = 5", 'fewest_stars = "5"', "fewest_stars"),
        ("stars = { yellow = 3.5, red = 2.5 }", "", "card.below"),
        ("stars = { yellow = 3.5, red = 2.5 }", "stars = 3", "stars"),
        ("red = 2.5", "red = 5.5", "stars"),
        ("yellow = 0.90, red = 0.70", "yellow = 0.70, red = 0.90", "on_time"),
        ("yellow = 0.05, red = 0.15", "yellow = 0.15, red = 0.05", "unanswered"),
        ("flags = { yellow", "flag = { yellow", "card.above"),
        ("red = 0.25", "red = true", "reopened"),
        ("red = 0.25", "red = nan", "reopened"),
        ("red = 0.25", "blue = 0.25", "reopened"),
    ],
)
def test_a_rule_that_makes_no_sense_is_named(tmp_path: Path, old: str, new: str, named: str) -> None:
    copied = Path(shutil.copytree(ROOT / "config" / "jakarta", tmp_path / "city"))
    city = (copied / "city.toml").read_text(encoding="utf-8")
    assert old in city
    (copied / "city.toml").write_text(city.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PackError, match=named):
        load_pack(copied)
