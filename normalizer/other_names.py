"""What else a place is called: "SMA Negeri 8 Jakarta" is SMA 8, "Rumah Sakit Koja" RS Koja."""

from collections.abc import Iterator, Sequence

# Each a group of beginnings that people put for one another, folded and joined, the longest first; the numbers of
# state schools are given once in the city.
_HOSPITALS = ("rumahsakitumumdaerah", "rumahsakitumumpusat", "rumahsakitumum", "rumahsakit", "rsud", "rsup", "rs")
_MOTHERS = ("rumahsakitibudananak", "rumahsakitibuanak", "rsia")
_SCHOOLS = tuple((f"{kind}negeri", f"{kind}n", kind) for kind in ("sma", "smp", "smk"))
_ALIKE = (_MOTHERS, _HOSPITALS, ("pasarjaya", "pasar"), ("mesjid", "masjid"))


_SHORTEST = 4  # letters behind the beginning


def other_names(tokens: Sequence[str]) -> Iterator[str]:
    """Give the other keys of a name whose words are folded."""
    key = "".join(tokens)
    for group in (*_SCHOOLS, *_ALIKE):
        for beginning in group:
            rest = key.removeprefix(beginning)
            if rest != key:
                if rest.isdigit() if group in _SCHOOLS else len(rest) >= _SHORTEST:
                    yield from (f"{other}{rest}" for other in group if other != beginning)
                return
