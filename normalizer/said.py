"""What a text says about a place, what it comes to, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.pack import Area, Landmark, Pack
from normalizer.address import Street
from normalizer.gazetteer import Gazetteer
from normalizer.landmarks import Known
from normalizer.mentions import Mention
from normalizer.schema import Candidate

# How sure a place is, by where it comes from. `place_threshold` (0.5) lies between "must ask" and "is enough":
# a kelurahan or a landmark is enough, a kecamatan only together with a street or a landmark, a city never.
SURE_EXPLICIT, SURE_IN_KECAMATAN, SURE_NAME, SURE_LANDMARK, SURE_STREET = 0.9, 0.85, 0.75, 0.65, 0.6
SURE_GUESS, NEXT_DOOR, SAME_NAME_GUESS = 0.45, 0.45, 0.4
STREETS_IN_KECAMATAN, FAMILY = 0.5, 0.3
STREET_IN_KECAMATAN, ONLY_KECAMATAN, LONE_STREET, ONLY_KOTA = 0.55, 0.4, 0.35, 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """The area that the words mean, how sure, the landmark that says so, and the other answers."""

    area: Area | None = None
    confidence: float = 0.0
    landmark: Landmark | None = None
    candidates: tuple[Candidate, ...] = ()
    named: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """Everything that a text says about a place; `scores` are the areas' by code, `postal` the kelurahan of a
    postal code."""

    pack: Pack
    names: Gazetteer
    scores: Mapping[str, float]
    mentions: Sequence[Mention]
    streets: Sequence[Street]
    landmarks: Sequence[Known]
    postal: Sequence[str] = ()


def apart(code: str, other: str) -> bool:
    """Whether neither of two areas lies in the other."""
    return not code.startswith(other) and not other.startswith(code)


def candidates_of(said: Said, codes: Mapping[str, float]) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(source="text", confidence=max(sure, 0.0), area_code=code) for code, sure in codes.items()
    )[:5]
