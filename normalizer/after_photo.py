"""Doubts about a photo that is to show that a problem is gone: pure, from what the files and the report say."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from config.pack import Pack
from normalizer.cells import metres_between, metres_to
from normalizer.edited import is_editor
from normalizer.same_picture import Match
from normalizer.schema import Position

Kind: TypeAlias = Literal["same_file", "same_picture", "cropped", "elsewhere", "before_report", "edited", "none"]

NEAR, POINTED = 150.0, frozenset({"pin", "photo"})  # metres: what a phone's fix and a walk around the spot make
FAR = 2000.0  # metres from the area and from the point that words told: a street's may be as far from the spot
LARGEST_ERROR = 2000.0  # metres that a fix may claim to be off: with more everything would be near
CLOCK = timedelta(hours=24)  # a camera's clock in another zone, or not quite set


@dataclass(frozen=True, kw_only=True, slots=True)
class Shot:
    """A photo as it is compared. `id` is its row's, None before it has one; `code` the report it is on."""

    id: int | None = None
    code: str | None = None
    media_key: str | None = None
    position: Position | None = None
    taken_at: datetime | None = None
    software: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """Where the problem was, and who says so (Place.source), and when it was reported."""

    position: Position | None = None
    area_code: str | None = None
    source: str = "none"
    requested_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Doubt:
    """One doubt, and the photo (and its report) that gives rise to it where there is one."""

    kind: Kind
    like: int | None = None
    code: str | None = None
    metres: int | None = None
    software: str | None = None


def doubts(after: Shot, others: Sequence[tuple[Shot, Match | None]], scene: Scene, pack: Pack) -> list[Doubt]:
    """All doubts about one after-photo, the gravest first.

    `others` are the photos that were there before, on this report or elsewhere, each with how it matches as a
    picture. One is named for each of file, picture and part: the first.
    """
    found = [doubt for other, match in others if (doubt := _same(after, other, match))]
    first = {doubt.kind: doubt for doubt in reversed(found)}
    for kind in ("same_file", "same_picture"):  # the same file is the same picture too: said once
        if kind in first:
            first = {kind: first[kind]}
            break
    place = _elsewhere(after.position, scene, pack)
    time = [Doubt(kind="before_report")] if _is_before(after, scene) else []
    edit = [Doubt(kind="edited", software=after.software)] if is_editor(after.software) else []
    return [*first.values(), *([place] if place else []), *time, *edit]


def _same(after: Shot, other: Shot, match: Match | None) -> Doubt | None:
    if after.media_key is not None and after.media_key == other.media_key:
        return Doubt(kind="same_file", like=other.id, code=other.code)
    if match is None:
        return None
    return Doubt(kind="same_picture" if match.is_whole else "cropped", like=other.id, code=other.code)


def _elsewhere(at: Position | None, scene: Scene, pack: Pack) -> Doubt | None:
    if at is None:
        return None
    metres = _metres_off(at, scene, pack)
    errors = sum(min(each.accuracy or 0.0, LARGEST_ERROR) for each in (at, scene.position) if each)
    limit = NEAR if scene.source in POINTED else FAR
    return Doubt(kind="elsewhere", metres=round(metres)) if limit + errors < metres < math.inf else None


def _metres_off(at: Position, scene: Scene, pack: Pack) -> float:
    """How far a photo was taken from where the problem was; infinite where that is not known."""
    place = scene.position
    from_point = metres_between(at.lat, at.long, place.lat, place.long) if place else math.inf
    if scene.source in POINTED or scene.area_code is None:
        return from_point
    return min(from_point, metres_to(pack, scene.area_code, at.lat, at.long))


def _is_before(after: Shot, scene: Scene) -> bool:
    return after.taken_at is not None and after.taken_at < scene.requested_at - CLOCK
