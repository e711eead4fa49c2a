"""Doubts about after-photos as a holding keeps them: written down, said in words, and what they keep hidden."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.pack import Pack
from normalizer.after_photo import Doubt
from store.models import Holding, Photo, Report

Flag = Mapping[str, Any]  # `kind`, and where they are known `photo` and `like` (photos' ids), `code`, `metres`, …
NO_PHOTO = "none"


def flag_of(doubt: Doubt, photo_id: int | None) -> dict[str, Any]:
    """A doubt about this photo (None: about there being no photo) as it is kept."""
    said = {
        "kind": doubt.kind,
        "photo": photo_id,
        "like": doubt.like,
        "code": doubt.code,
        "metres": doubt.metres,
        "software": doubt.software,
    }
    return {name: value for name, value in said.items() if value is not None}


def add_flags(holding: Holding, flags: Sequence[Flag], *, has_photo: bool) -> None:
    """Add flags to those that a holding has; a photo that came after all ends the doubt that there is none."""
    had = [flag for flag in holding.flags or () if not (has_photo and flag["kind"] == NO_PHOTO)]
    together = [*had, *(flag for flag in flags if flag not in had)]
    if together or holding.flags:
        holding.flags = together


def flags_of(report: Report) -> list[Flag]:
    """All flags of a report whose holdings are loaded."""
    return [flag for holding in report.holdings for flag in holding.flags or ()]


def is_doubted(session: Session, photo: Photo) -> bool:
    """Whether this photo's public copy waits for somebody of triage."""
    if not photo.is_after:
        return False
    query = select(Holding.flags).where(Holding.report_id == photo.report_id, Holding.flags.is_not(None))
    return any(flag.get("photo") == photo.id for flags in session.scalars(query) for flag in flags)


def in_words(flag: Flag, code: str, pack: Pack, language: str) -> str:
    """A flag on the report with this code, in the words of the pack."""
    texts, metres = pack.texts[language], flag.get("metres", 0)
    there = flag.get("code", code)
    return texts[f"doubt_{flag['kind']}"].format(
        like=texts["doubt_like_here" if there == code else "doubt_like_there"].format(code=there),
        away=f"{metres} m" if metres < 1000 else f"{round(metres / 1000)} km",
        software=flag.get("software", ""),
    )


def line_of(flags: Sequence[Flag], code: str, pack: Pack) -> str:
    """All of them as one line of the history, in the city's own language."""
    language = pack.languages[0]
    said = dict.fromkeys(in_words(flag, code, pack, language) for flag in flags)
    return pack.texts[language]["doubt_line"].format(doubts="; ".join(said))
