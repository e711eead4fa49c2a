"""What a report knows of its problem and its place, as messages fill it in."""

from config.pack import Pack
from normalizer.cells import spot_cell
from normalizer.normalize import is_enough
from normalizer.schema import Candidate, Draft, Place
from store.models import Report

RANK = {"none": 0, "text": 1, "photo": 2, "pin": 3}  # of the places' sources


def take_service(report: Report, draft: Draft) -> None:
    """Fill the service where the report has none; what an official set is never touched."""
    if report.service_code is not None or not draft.is_report:
        return
    if draft.service is not None:
        report.service_code = draft.service.service_code
    if draft.service is not None or draft.alternatives:
        report.sources = {**report.sources, "service": _service_source(draft)}


def _service_source(draft: Draft) -> dict[str, object]:
    source: dict[str, object] = {
        "source": "named" if draft.named else "text",
        "confidence": draft.service.confidence if draft.service else 0.0,
        "alternatives": [[other.service_code, other.confidence] for other in draft.alternatives],
        "also": [further.service_code for further in draft.also],
    }
    return {**source, "learned": draft.learned} if draft.learned else source


def take_place(report: Report, place: Place | None, pack: Pack) -> None:
    """Fill or better the place: enough beats vague, then a pin beats a photo, a photo beats words.

    The address in words stays beside a pin; it gives way to a better one only. What an official
    set is never touched.
    """
    had, found = report.sources.get("place", {}), is_enough(place, pack)
    if place is None or had.get("by"):
        return
    if report.address_string is None or (found and not had.get("enough")):
        report.address_string = (place.address_string or report.address_string or "")[:500] or None
    if had and (found, RANK[place.source]) <= (had["enough"], RANK[had["source"]]):
        return
    set_place(report, place, found=found)


def share(report: Report, other: Report) -> None:
    """Fill what a report lacks from one that it lies beside, or goes on with: the place, and the problem if the
    report names none."""
    if report.service_code is None and other.service_code is not None:
        report.service_code = other.service_code
        report.sources = {**report.sources, "service": {"source": "shared", "confidence": 1.0}}
    had = other.sources.get("place", {})
    if not had.get("enough") or report.sources.get("place"):
        return
    report.lat, report.long, report.cell = other.lat, other.long, other.cell
    report.area_code, report.address_string = other.area_code, other.address_string
    report.sources = {**report.sources, "place": {key: had[key] for key in had if key not in {"by", "at"}}}


def set_place(report: Report, place: Place, *, found: bool) -> None:
    """The point, the area, and who says so; `found`: somebody can be sent there."""
    report.lat, report.long = place.lat, place.long
    report.cell = spot_cell(place.lat, place.long)
    report.area_code = place.area_code
    report.sources = {
        **report.sources,
        "place": {
            "source": place.source,
            "confidence": place.confidence,
            "enough": found,
            "candidates": [kept(each) for each in place.candidates],
            "conflict": [kept(place.conflict.first), kept(place.conflict.second)] if place.conflict else [],
        },
    }


def kept(candidate: Candidate) -> dict[str, object]:
    return {
        "source": candidate.source,
        "confidence": candidate.confidence,
        "area_code": candidate.area_code,
        "lat": candidate.lat,
        "long": candidate.long,
    }
