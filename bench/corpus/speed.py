"""How long understanding a text takes, over all collections, each text once and cold to our own memory of it."""

import time
from pathlib import Path
from statistics import median, quantiles

from bench.corpus.rows import Figure, pack, rows_of
from normalizer.normalize import normalize

TEXTS = (
    "eval_only/complaints/surabaya_mediacenter.csv",
    "eval_only/complaints/petabencana_jakarta_2017.csv",
    "eval_only/complaints/jakarta_transport_tweets.csv",
    "eval_only/complaints/sp4n_lapor_tweets.csv",
    "eval_only/complaints/en_seeclickfix_us_2024.csv",
    "eval_only/complaints/addresses_jakarta.csv",
    "complaints/infra_tweets_2025_unlabelled.csv",
    "complaints/en_crisislex_floods_haze.csv",
)


def speed(shared: Path) -> list[Figure]:
    """Give median and p99 of normalize in milliseconds of one core, without photos: what else the machine does in
    the meantime does not count."""
    texts = [row["text"] for name in TEXTS for row in rows_of(shared, name)]
    normalize("lampu mati", pack=pack())
    took = []
    for text in texts:
        began = time.thread_time()
        normalize(text, pack=pack())
        took.append((time.thread_time() - began) * 1000)
    return [
        (f"normalize, {len(texts)} texts: median", f"{median(took):.2f} ms", "0.5 ms"),
        ("normalize: p99", f"{quantiles(took, n=100)[98]:.2f} ms", "3 ms"),
    ]
