"""Words to service: Surabaya's complaints, Jakarta's routing cases, English titles; how sure is how right."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.corpus.rows import Figure, counted, crosswalk, f1_of, is_read, pack, rows_of, share, understood
from router.agencies import agency_for

# What a TF-IDF linear model reaches that was trained on the very set.
TRAINED = {
    "jalan_rusak": 0.86,
    "lampu_jalan": 0.95,
    "pohon": 0.95,
    "sampah": 0.77,
    "saluran": 0.74,
    "parkir_liar": 0.85,
    "kabel_utilitas": 0.75,
}
MOST = 20  # services with most rows
SUREST = 0.6


@dataclass(frozen=True, kw_only=True)
class Told:
    """A text, the service that its collection gives it, and what we say."""

    text: str
    wanted: str
    given: str | None
    first: str | None
    confidence: float


def told(text: str, wanted: str) -> Told:
    """Ask for one text; `first` is the best guess, also where it was too weak to be given."""
    draft = understood(text)
    best = draft.service or (draft.alternatives[0] if draft.alternatives else None)
    return Told(
        text=text,
        wanted=wanted,
        given=draft.service.service_code if draft.service else None,
        first=best.service_code if best else None,
        confidence=draft.service.confidence if draft.service else (best.confidence if best else 0.0),
    )


def surabaya(shared: Path) -> list[Told]:
    """Surabaya's complaints by the crosswalk."""
    codes = crosswalk(shared, "surabaya")
    rows = rows_of(shared, "eval_only/complaints/surabaya_mediacenter.csv")
    return [
        told(row["text"], codes[row["topic"].strip()])
        for row in rows
        if row["topic"].strip() in codes and row["text"]
    ]


def macro_f1(rows: Sequence[Told], *, guessed: bool = False) -> float:
    """Give the mean F1 of the services with most rows; `guessed` counts weak first guesses as answers."""
    wanted = [row.wanted for row in rows]
    given = [row.first if guessed else row.given for row in rows]
    largest = [label for label, _ in Counter(wanted).most_common(MOST)]
    return sum(f1_of(wanted, given, label) for label in largest) / len(largest)


def surest(rows: Sequence[Told], part: float = SUREST) -> float:
    """Give the accuracy on the surest part."""
    ranked = sorted(rows, key=lambda row: -row.confidence)[: round(len(rows) * part)]
    return sum(row.first == row.wanted for row in ranked) / len(ranked)


def services(shared: Path) -> list[Figure]:
    """Give the figures of words to service."""
    rows = surabaya(shared)
    wanted, given = [row.wanted for row in rows], [row.given for row in rows]
    figures: list[Figure] = []
    for name, part in (
        ("all", rows),
        ("half read", [r for r in rows if is_read(r.text)]),
        ("half not read", [r for r in rows if not is_read(r.text)]),
    ):
        figures += [
            (f"Surabaya, {name}: macro-F1 of the {MOST} largest", f"{macro_f1(part):.3f}", "0.62, aim 0.70"),
            (f"Surabaya, {name}: the same, weak guesses too", f"{macro_f1(part, guessed=True):.3f}", ""),
            (f"Surabaya, {name}: accuracy on the surest 60 %", f"{surest(part):.3f}", "0.86, aim 0.90"),
            (
                f"Surabaya, {name}: accuracy, all",
                share(sum(r.given == r.wanted for r in part), len(part)),
                "0.78 trained",
            ),
        ]
    figures += [
        (f"Surabaya: F1 of {code}", f"{f1_of(wanted, given, code):.3f}", f"{goal - 0.08:.2f} (trained {goal})")
        for code, goal in TRAINED.items()
    ]
    return figures + routing(shared) + floods(shared) + english(shared)


def routing(shared: Path) -> list[Figure]:
    """Jakarta's routing cases: the service, and the agency that acted."""
    rows = rows_of(shared, "categories/routing_cases.csv")
    both = service = 0
    for row in rows:
        draft = understood(row["text"])
        code = draft.service.service_code if draft.service else None
        area_code = draft.place.area_code if draft.place else None
        agency_id = agency_for(pack(), code, area_code, row["text"], at=datetime.now(UTC))
        service += code == row["category"]
        both += code == row["category"] and agency_id == row["handled_by"]
    return [
        ("routing cases: service", share(service, len(rows)), "0.90"),
        ("routing cases: service and acting agency", share(both, len(rows)), "0.90"),
    ]


def floods(shared: Path) -> list[Figure]:
    """Flood reports: a flood or what brings it; most say little more than "banjir" and where."""
    rows = [
        row["text"] for row in rows_of(shared, "eval_only/complaints/petabencana_jakarta_2017.csv") if row["text"]
    ]
    unread = [text for text in rows if not is_read(text)]
    return [("flood reports: a flood or a drain", _wet(rows), ""), ("the same, half not read", _wet(unread), "")]


def _wet(texts: Sequence[str]) -> str:
    services = [draft.service.service_code for text in texts if (draft := understood(text)).service]
    return share(sum(service in {"banjir", "saluran"} for service in services), len(texts))


def english(shared: Path) -> list[Figure]:
    """English titles and texts of SeeClickFix, as far as the crosswalk maps their categories; halves as read."""
    figures: list[Figure] = []
    for name, dataset in (
        ("eval_only/complaints/en_seeclickfix_us_2024.csv", "en_seeclickfix"),
        ("complaints/en_seeclickfix_hampton_roads_2015.csv", "en_seeclickfix"),
    ):
        codes = crosswalk(shared, dataset)
        rows = [row for row in rows_of(shared, name) if codes.get(row["category"].strip())]
        titles = [told(row["category"], codes[row["category"].strip()]) for row in rows]
        texts = [told(row["text"], codes[row["category"].strip()]) for row in rows if row["text"]]
        both = [told(f"{row['category']}. {row['text']}", codes[row["category"].strip()]) for row in rows]
        short = Path(name).stem
        for what, part, goal in (
            ("titles", titles, "0.75"),
            ("texts alone", texts, ""),
            ("title and text", both, ""),
        ):
            figures += [
                (f"{short}: {what}", _right(part), goal),
                (f"{short}: {what}, half not read", _right([r for r in part if not is_read(r.text)]), goal),
            ]
    return figures


def _right(rows: Sequence[Told]) -> str:
    return share(sum(row.given == row.wanted for row in rows), len(rows))


def reliability(shared: Path) -> list[Figure]:
    """How often a stated confidence is right, in ten steps, over Surabaya's complaints."""
    rows = surabaya(shared)
    figures: list[Figure] = []
    for step in range(10):
        low, high = step / 10, (step + 1) / 10
        part = [row for row in rows if low <= row.confidence < high + (step == 9)]
        if part:
            mean = sum(row.confidence for row in part) / len(part)
            right = sum(row.first == row.wanted for row in part)
            figures.append((f"confidence {low:.1f} to {high:.1f}", share(right, len(part)), f"{mean:.2f}"))
    return [
        *figures,
        ("expected calibration error", f"{calibration_error(rows):.3f}", "0.05"),
        ("the same, half read", f"{calibration_error([r for r in rows if is_read(r.text)]):.3f}", "0.05"),
        ("the same, half not read", f"{calibration_error([r for r in rows if not is_read(r.text)]):.3f}", "0.05"),
    ]


def calibration_error(rows: Sequence[Told]) -> float:
    """Give the mean gap between stated confidence and share of right answers, over ten steps."""
    steps = [[row for row in rows if min(9, int(row.confidence * 10)) == step] for step in range(10)]
    gaps = (abs(sum((row.first == row.wanted) - row.confidence for row in part)) for part in steps)
    return sum(gaps) / len(rows)


def confusions(shared: Path) -> str:
    """Give the most frequent mistakes over Surabaya's complaints, as text."""
    rows = surabaya(shared)
    found = Counter((row.wanted, row.given or "nothing") for row in rows if row.wanted != row.given)
    return counted(found, 40)
