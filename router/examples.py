"""What officials judged: the words of reports with the service that the desk says they mean."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from sqlalchemy import select

from config.pack import Pack
from normalizer.category import guess_service
from normalizer.normalize import NOT_A_REPORT, service_words
from normalizer.schema import Guess
from router.house import House
from store.models import Report

MOST = 30_000  # the newest count
TAKEN_OUT = re.compile(r"\[[A-Za-z ]{3,12}\]")  # what normalizer/privacy.py writes instead: "[telepon]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One judged report: its tokens (an empty one is a gap), its service, who told it, what the lexicon says."""

    tokens: tuple[str, ...]
    service_code: str
    reporter: int
    judged: str
    service: Guess | None
    alternatives: tuple[Guess, ...]


def examples(house: House, say: Callable[[str], None]) -> list[Example]:
    """The reports that officials agreed with, changed or named, the newest first; no more than MOST.

    The words are those of the public description: numbers, addresses and names that have a form are out already.
    """
    query = (
        select(Report.public_description, Report.service_code, Report.reporter_id, Report.service_guess)
        .where(Report.service_guess.is_not(None), Report.service_code != NOT_A_REPORT)
        .order_by(Report.requested_at.desc(), Report.id.desc())
        .limit(MOST)
    )
    with house.store.read() as session:
        rows = session.execute(query).all()
    found: list[Example] = []
    for text, service_code, reporter, judged in rows:
        each = example(text, service_code or "", reporter, judged or "", house.pack)
        if each is not None:
            found.append(each)
        if len(found) % 100 == 0:
            say(f"reading: {len(found)} of {len(rows)} reports")
    return found


def example(text: str, service_code: str, reporter: int, judged: str, pack: Pack) -> Example | None:
    """A judged report as an example; None where it has no words, or a service that the pack no longer has."""
    tokens = service_words(TAKEN_OUT.sub(" . ", text), pack)
    if service_code not in pack.services or not any(tokens):
        return None
    service, alternatives = guess_service(pack, tokens)
    return Example(
        tokens=tuple(tokens),
        service_code=service_code,
        reporter=reporter,
        judged=judged,
        service=service,
        alternatives=alternatives,
    )


SAME = 0.7  # of all their words together two texts must share to count as near-identical


def groups_of(found: Sequence[Example]) -> list[int]:
    """A number for each example; near-identical ones (by Jaccard's measure, or by a chain of such) have the same.

    Only texts that share one of their rarest words can be so alike (prefix filtering, Chaudhuri 2006), so that
    few pairs are compared.
    """
    words = [frozenset(filter(None, each.tokens)) for each in found]
    often = Counter(word for each in words for word in each)
    group, first = list(range(len(found))), dict[frozenset[str], int]()
    seen: dict[str, list[int]] = defaultdict(list)
    for place, mine in enumerate(words):
        if first.setdefault(mine, place) != place:
            _join(group, place, first[mine])
            continue
        rare = sorted(mine, key=lambda word: (often[word], word))[: len(mine) - ceil(SAME * len(mine)) + 1]
        for other in {other for word in rare for other in seen[word]}:
            if len(mine & words[other]) >= SAME * len(mine | words[other]):
                _join(group, place, other)
        for word in rare:
            seen[word].append(place)
    return [_root(group, place) for place in range(len(found))]


def _root(group: list[int], place: int) -> int:
    while group[place] != place:
        group[place] = group[group[place]]
        place = group[place]
    return place


def _join(group: list[int], one: int, other: int) -> None:
    first, second = sorted((_root(group, one), _root(group, other)))
    group[second] = first
