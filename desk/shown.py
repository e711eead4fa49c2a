"""What everybody may see of one report (router/shown.py), and which of its photos."""

from config.pack import Pack
from desk.photos import public_photos
from router.shown import Spot, area_name, is_hidden, is_listed, name_of_area, notes, spot, spot_of, words
from store.models import Report

__all__ = [
    "Spot",
    "area_name",
    "is_hidden",
    "is_listed",
    "name_of_area",
    "notes",
    "photo_numbers",
    "spot",
    "spot_of",
    "words",
]


def photo_numbers(pack: Pack, report: Report, *, after: bool | None = None) -> list[int]:
    """The numbers of the photos that everybody may see; of those from before or after the work, or all."""
    shown = [photo for photo in public_photos(pack, report) if after is None or photo.is_after == after]
    return [report.photos.index(photo) + 1 for photo in shown]
