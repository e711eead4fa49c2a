"""How long understanding a text takes, over all collections, each text once and cold to our own memory of it."""

import gc
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

from twilio.request_validator import RequestValidator

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


def _checker() -> Callable[[], float]:
    """Give how many milliseconds of this core a well-known piece of work takes: `RequestValidator`, 19 fields."""
    validator, url = RequestValidator("0" * 32), "https://lapor.example.org/hooks/twilio"
    form = {f"Field{number}": f"value {number} and some more" for number in range(18)}
    form["Body"] = "lampu jalan mati total di Jl. Manggarai Utara 2"
    signature = validator.compute_signature(url, form)

    def check() -> float:
        began = time.thread_time()
        validator.validate(url, form, signature)
        return (time.thread_time() - began) * 1000

    return check


def speed(shared: Path) -> list[Figure]:
    """Give median and p99 of normalize in milliseconds of one core, without photos: what else the machine does in
    the meantime does not count."""
    texts = [row["text"] for name in TEXTS for row in rows_of(shared, name)]
    normalize("lampu mati", pack=pack())
    check, checks, took = _checker(), [], []
    gc.collect()
    gc.freeze()  # as in a reader: what is loaded is not looked through for garbage
    for number, text in enumerate(texts):
        if number % 400 == 0:  # again and again: the core's speed moves within seconds
            checks += [check() for _ in range(60)]
        began = time.thread_time()
        normalize(text, pack=pack())
        took.append((time.thread_time() - began) * 1000)
    gc.unfreeze()
    one = median(checks)
    return [
        ("a check of Twilio's signature, for comparison", f"{one:.3f} ms", "0.072 where the goals are from"),
        ("normalize: median, in such checks", f"{median(took) / one:.1f}", "6.9"),
        ("normalize: p99, in such checks", f"{quantiles(took, n=100)[98] / one:.0f}", "42"),
        (f"normalize, {len(texts)} texts: median", f"{median(took):.2f} ms", "0.5 ms"),
        ("normalize: p99", f"{quantiles(took, n=100)[98]:.2f} ms", "3 ms"),
    ]
