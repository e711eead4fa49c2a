"""Is it a report at all: complaints, news, reviews and floods far away."""

from pathlib import Path

from bench.corpus.rows import Figure, rows_of, share, understood


def _called_reports(texts: list[str]) -> list[bool]:
    return [understood(text).is_report for text in texts]


def noise(shared: Path) -> list[Figure]:
    """Give F1 of "is a complaint" and the share of each collection that is called a report."""
    labelled = rows_of(shared, "eval_only/complaints/purbalingga_is_complaint.csv")
    yes = _called_reports([row["text"] for row in labelled if row["is_complaint"] == "1"])
    no = _called_reports([row["text"] for row in labelled if row["is_complaint"] != "1"])
    sp4n = _called_reports([row["text"] for row in rows_of(shared, "eval_only/complaints/sp4n_lapor_tweets.csv")])
    floods = _called_reports([row["text"] for row in rows_of(shared, "complaints/en_crisislex_floods_haze.csv")])
    surabaya = rows_of(shared, "eval_only/complaints/surabaya_mediacenter.csv")
    real = _called_reports([row["text"] for row in surabaya if row["text"]])
    regency = rows_of(shared, "eval_only/complaints/purbalingga_category.csv")
    other = _called_reports([row["text"] for row in regency])
    negatives = no + sp4n + floods
    hundreds = sum(yes) + sum(real[:200]) + sum(other)
    return [
        ("purbalingga_is_complaint: F1", f"{_f1(sum(yes), len(yes), sum(no)):.3f}", "0.90"),
        ("purbalingga_is_complaint: complaints called reports", share(sum(yes), len(yes)), ""),
        ("purbalingga_is_complaint: others called reports", share(sum(no), len(no)), ""),
        ("sp4n tweets called reports", share(sum(sp4n), len(sp4n)), "few"),
        ("CrisisLex called reports", share(sum(floods), len(floods)), "few"),
        (
            "all: F1 (complaints: Purbalingga's, 200 of Surabaya's)",
            f"{_f1(hundreds, len(yes) + 200 + len(other), sum(negatives)):.3f}",
            "0.90",
        ),
        ("Surabaya's complaints called noise", share(len(real) - sum(real), len(real)), "none in 200"),
        ("Purbalingga's reports called noise", share(len(other) - sum(other), len(other)), ""),
    ]


def _f1(hits: int, positives: int, false_alarms: int) -> float:
    return 2 * hits / (positives + hits + false_alarms)
