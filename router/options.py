"""Which of several reports is meant: offered by number, and chosen by number, code or name."""

from collections.abc import Sequence

from normalizer.schema import Draft
from router.heard import is_sure, said_service
from router.known import ALL, NEW, Context, Known, Pending
from router.said import Said
from router.spots import same_area

LETTERS_OF_A_NAME, WORDS_OF_A_NAME = 5, 4
MOST_OPTIONS = 4


def chosen(said: Said, draft: Draft, pending: Pending, context: Context) -> str | None:
    """The option that an answer names: by number, code or "new", or by a problem or place that only one has."""
    options = pending.options
    if said.number is not None and said.number <= len(options):
        return options[said.number - 1]
    if context.named and context.named.code in options:
        return context.named.code
    if said.new and NEW in options:
        return NEW
    if said.all and pending.kind == "which" and len(set(options) - {NEW}) > 1:
        return ALL
    if pending.kind == "which" and (said_service(draft) is None) != (draft.place is None):
        matching = [each.code for each in matching_of(context.reports, draft) if each.code in options]
        return matching[0] if len(matching) == 1 else None
    if pending.kind == "reopen" and (said.yes or said.again):
        return options[0]
    return _by_a_name(draft, options, context) if pending.kind == "which" else None


def _by_a_name(draft: Draft, options: Sequence[str], context: Context) -> str | None:
    """ "Fatmawati": the option in whose address alone a word of the answer stands."""
    said = [word for word in draft.description.lower().split() if len(word) >= LETTERS_OF_A_NAME]
    if not 0 < len(said) <= WORDS_OF_A_NAME:
        return None
    named = [
        each.code for each in context.reports if each.code in options and set(said) & set(each.spot.words.split())
    ]
    return named[0] if len(named) == 1 else None


def matching_of(reports: Sequence[Known], draft: Draft) -> list[Known]:
    """Those that the message may mean: its problem's, its place's, or all where it names neither for sure."""
    service, area = said_service(draft), draft.place.area_code if draft.place else None
    found = [r for r in reports if service in {None, r.service_code} or r.service_code is None]
    if not found and not is_sure(draft):
        found = list(reports)
    if area:
        found = [r for r in found if r.area_code is None or same_area(r.area_code, area)]
    return found


def options_of(reports: Sequence[Known], *, with_new: bool) -> tuple[str, ...]:
    codes = tuple(each.code for each in reports[:MOST_OPTIONS])
    return (*codes, NEW) if with_new else codes
