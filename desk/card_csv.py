"""A month's report card as a file that spreadsheets read, and run nothing of."""

import csv
import io

from starlette.requests import Request
from starlette.responses import Response

from desk.card import TOGETHER, Row, asked_month, by_agency, nothing
from normalizer.seen import harmless
from router.card import figures
from router.house import House

COUNTED = (
    *("reports", "late", "unanswered", "acted_median", "acted_p90", "resolved_median", "resolved_p90"),
    *("finished", "reopened", "flagged", "explained", "rated", "passed_on"),
)
COLUMNS = (
    *("month", "agency_id", "agency", "colour", "reasons", "on_time_share", "stars", *COUNTED),
    *("service_code", "area_code"),
)
ALL = {"fewest": 1, "fewest_stars": 1}


def table(house: House, request: Request) -> Response:
    """GET /rapor.csv: a month of all agencies, as a spreadsheet reads it; with `by` a line for each of an agency's
    services or areas."""
    month, by = asked_month(house, request), request.query_params.get("by")
    if month is None or by not in {None, *TOGETHER}:
        return nothing(house, request)
    ours, outside = by_agency(house, month, *([TOGETHER[by]] if by else ()))
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(_written(month, row) for row in (*ours, *outside))
    headers = {
        "Content-Disposition": f'attachment; filename="rapor-{month}.csv"',
        "Cache-Control": "no-store",
    }
    return Response(file.getvalue(), media_type="text/csv", headers=headers)


def _written(month: str, row: Row) -> dict[str, object]:
    """A line of the file; times are working seconds, shares are from 0 to 1."""
    on_time, stars = figures(row.card, ALL)["on_time"], row.card.stars
    return {
        "month": month,
        "agency_id": harmless(str(row.card.agency_id)),
        "agency": harmless(row.name),
        "service_code": row.card.service_code,
        "area_code": row.card.area_code,
        "colour": row.verdict.colour,
        "reasons": " ".join(f"{why.kind}:{why.colour}" for why in row.verdict.reasons),
        "on_time_share": None if on_time is None else round(on_time, 4),
        "stars": None if stars is None else round(stars, 2),
        **{name: getattr(row.card, name) for name in COUNTED},
    }
