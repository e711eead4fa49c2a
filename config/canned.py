"""Canned answers: sentences that officials send again and again, per service and status, from canned.toml."""

import string
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

FIELDS = frozenset({"code", "agency", "service", "place", "promise", "link"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Canned:
    """One sentence in each of the city's languages, a `str.format` template of FIELDS. `services` and `statuses`
    say where it is offered; empty: everywhere."""

    services: frozenset[str]
    statuses: frozenset[str]
    texts: Mapping[str, str]

    def fits(self, service_code: str | None, status: str) -> bool:
        return (not self.services or service_code in self.services) and (
            not self.statuses or status in self.statuses
        )


def read_canned(
    rows: Iterable[Mapping[str, Any]], languages: Collection[str], services: Collection[str]
) -> tuple[Canned, ...]:
    """The entries of canned.toml's `[[answer]]` or `[[done]]`. Raises ValueError or KeyError that says why not."""
    return tuple(_canned(row, languages, services) for row in rows)


def _canned(row: Mapping[str, Any], languages: Collection[str], services: Collection[str]) -> Canned:
    texts = {language: str(row[language]) for language in languages}
    for text in texts.values():
        if unknown := {name for _, name, _, _ in string.Formatter().parse(text) if name is not None} - FIELDS:
            raise ValueError(f"canned.toml: an answer names an unknown field: {', '.join(sorted(unknown))}")
    if unknown := set(row.get("services", ())) - set(services):
        raise ValueError(f"canned.toml: an answer names an unknown service: {', '.join(sorted(unknown))}")
    return Canned(
        services=frozenset(row.get("services", ())), statuses=frozenset(row.get("statuses", ())), texts=texts
    )
