"""Is it a report at all: complaints, news, reviews and floods far away; and what is flagged as danger."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.corpus.rows import Figure, is_read, rows_of, share, understood

Row = dict[str, str]
DRAWN = 200  # of Surabaya's complaints, for a F1 that they do not drown


@dataclass(frozen=True, kw_only=True)
class Told:
    """A text, and whether we call it a report."""

    text: str
    is_report: bool


def called(rows: Sequence[Row], picks: Callable[[Row], bool] = lambda row: True) -> list[Told]:
    """Ask for the texts of the rows that are picked."""
    texts = [row["text"] for row in rows if row["text"] and picks(row)]
    return [Told(text=text, is_report=understood(text).is_report) for text in texts]


def noise(shared: Path) -> list[Figure]:
    """Give F1 of "is a complaint", the share of each collection that is called a report, and the dangers."""
    labelled = rows_of(shared, "eval_only/complaints/purbalingga_is_complaint.csv")
    yes = called(labelled, lambda row: row["is_complaint"] == "1")
    no = called(labelled, lambda row: row["is_complaint"] != "1")
    sp4n = called(rows_of(shared, "eval_only/complaints/sp4n_lapor_tweets.csv"))
    floods = called(rows_of(shared, "complaints/en_crisislex_floods_haze.csv"))
    surabaya = called(rows_of(shared, "eval_only/complaints/surabaya_mediacenter.csv"))
    regency = called(rows_of(shared, "eval_only/complaints/purbalingga_category.csv"))
    other = [*no, *sp4n, *floods]
    return [
        *_by_half("purbalingga_is_complaint", yes, no),
        ("purbalingga_is_complaint: complaints called reports", _share(yes), ""),
        ("purbalingga_is_complaint: others called reports", _share(no), ""),
        *_shares("sp4n tweets called reports", sp4n, "few"),
        *_shares("CrisisLex called reports", floods, "few"),
        *_by_half(f"all, {DRAWN} of Surabaya's", [*yes, *surabaya[:DRAWN], *regency], other),
        *_by_half("all", [*yes, *surabaya, *regency], other),
        *_shares("Surabaya's complaints called noise", surabaya, "0.002, none in 200", noise=True),
        ("draws of 200 of Surabaya's without one lost", _lossless(surabaya), ""),
        *_real(shared, regency),
        *_dangers(shared),
    ]


def _real(shared: Path, regency: Sequence[Told]) -> list[Figure]:
    """What must stay reports."""
    named = [
        row
        for row in rows_of(shared, "eval_only/complaints/jakarta_transport_tweets.csv")
        if row["problems"].strip()
    ]
    files = {
        "PetaBencana's flood reports": "eval_only/complaints/petabencana_jakarta_2017.csv",
        "SeeClickFix": "eval_only/complaints/en_seeclickfix_us_2024.csv",
        "SeeClickFix, Hampton Roads": "complaints/en_seeclickfix_hampton_roads_2015.csv",
        "routing cases": "categories/routing_cases.csv",
    }
    sets = {
        "Purbalingga's reports": list(regency),
        "Jakarta's transport tweets that name a problem": called(named),
    } | {name: called(rows_of(shared, file)) for name, file in files.items()}
    return [(f"{name} called noise", _share(found, noise=True), "") for name, found in sets.items()]


def _dangers(shared: Path) -> list[Figure]:
    """How many are flagged urgent, and as what."""
    figures: list[Figure] = []
    for name in (
        "eval_only/complaints/surabaya_mediacenter.csv",
        "eval_only/complaints/petabencana_jakarta_2017.csv",
        "eval_only/complaints/en_seeclickfix_us_2024.csv",
    ):
        rows = [row["text"] for row in rows_of(shared, name) if row["text"]]
        kinds = Counter(danger for text in rows if (danger := understood(text).danger))
        named = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
        figures.append((f"{Path(name).stem}: urgent", f"{share(kinds.total(), len(rows))}: {named}", ""))
    return figures


def _by_half(name: str, yes: Sequence[Told], no: Sequence[Told]) -> list[Figure]:
    halves: list[tuple[str, Callable[[str], bool]]] = [
        ("", lambda text: True),
        (", half read", is_read),
        (", half not read", lambda text: not is_read(text)),
    ]
    figures: list[Figure] = []
    for half, is_in in halves:
        f1 = _f1([each for each in yes if is_in(each.text)], [each for each in no if is_in(each.text)])
        figures.append((f"{name}{half}: F1", f"{f1:.3f}", "0.90"))
    return figures


def _shares(name: str, found: Sequence[Told], goal: str, *, noise: bool = False) -> list[Figure]:
    unread = [each for each in found if not is_read(each.text)]
    return [
        (name, _share(found, noise=noise), goal),
        (f"{name}, half not read", _share(unread, noise=noise), goal),
    ]


def _share(found: Sequence[Told], *, noise: bool = False) -> str:
    return share(sum(each.is_report != noise for each in found), len(found))


def _lossless(found: Sequence[Told]) -> str:
    """In how many of the runs of 200 rows, one after the other, nothing was lost."""
    runs = [found[start : start + 200] for start in range(0, len(found) - 199, 200)]
    return share(sum(all(each.is_report for each in run) for run in runs), len(runs))


def _f1(yes: Sequence[Told], no: Sequence[Told]) -> float:
    hits = sum(each.is_report for each in yes)
    false_alarms = sum(each.is_report for each in no)
    return 2 * hits / (len(yes) + hits + false_alarms)
