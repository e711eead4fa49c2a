"""What waits for an answer, and whether a message is it: 'is it done?', the officials' question, ours."""

from datetime import timedelta

from normalizer.schema import Draft, InboundMessage
from router.heard import has_more, is_bare, is_whole, said_service, told_service
from router.known import Context, Decision, Known
from router.on_report import RATE_WITHIN, on_report, on_resolved
from router.options import matching_of, options_of
from router.said import Said
from router.status import REOPENS_WITHIN

CONFIRM_WITHIN = timedelta(days=14)


def on_what_waits(message: InboundMessage, draft: Draft, said: Said, context: Context) -> Decision | None:
    """An answer to `resolved`, to the officials or to us. A problem with a place of its own is its own report."""
    if decision := _on_done(message, draft, said, context):
        return decision
    asked = [each for each in context.open_ones if each.status == "needs_info" and not each.asked_for]
    is_an_option = said.number is not None and context.pending is not None  # perhaps of none that there is
    rated = _just_closed(context) if said.stars and not is_an_option else None
    if rated and not (asked and asked[0].updated_at > rated.updated_at):
        return Decision(kind="rate", code=rated.code, value=str(said.stars))
    if asked and not is_whole(draft):
        greeted = Decision(kind="status", code=asked[0].code)
        return greeted if said.greets else on_report(asked[0], message, draft, said, context)
    unfinished = [each for each in context.reports if each.is_unfinished]
    meant = next((each for each in unfinished if completes(each, draft)), None) or _ended(
        message, draft, said, context
    )
    return on_report(meant, message, draft, said, context) if meant else None


def _ended(message: InboundMessage, draft: Draft, said: Said, context: Context) -> Known | None:
    """The report that ended last and without their word, where they may say now that it should not have."""
    since = context.now - RATE_WITHIN
    is_new = (said.not_yet and not said.still) or said.reopens  # of what they had closed themselves
    ended = [
        each
        for each in context.reports
        if not each.is_open and (each.said_at < each.updated_at or (is_new and each.updated_at > since))
    ]
    last = max(ended, key=lambda each: each.updated_at, default=None)
    if last is None or any(each.said_at > last.updated_at for each in context.reports):
        return None
    names_another = said_service(draft) not in {None, last.service_code} or draft.place is not None
    is_old = context.now - last.updated_at > REOPENS_WITHIN
    if is_old or names_another or has_more(message) or draft.not_report in {"question", "news", "advertising"}:
        return None
    is_polite = said.greets or said.thanks or said.yes
    is_no = said.reopens or ((said.no or said.still) and not (said.still and context.open_ones))
    return last if is_no or (last.status == "rejected" and not is_polite) else None


def _on_done(message: InboundMessage, draft: Draft, said: Said, context: Context) -> Decision | None:
    """What somebody says to "is it done?": yes, no, stars, thanks, or a picture."""
    since = context.now - CONFIRM_WITHIN
    resolved = [r for r in context.open_ones if r.status == "resolved" and r.updated_at > since]
    if not resolved or is_whole(draft):
        return None
    is_clear = bool(said.yes or said.no or said.stars or said.still or said.thanks or said.done)
    is_clear = is_clear or (said.begins_yes and said_service(draft) is None)
    if not is_clear and (said.greets or (said_service(draft) is not None and not said.chases)):
        return None
    if not is_clear and not is_bare(message) and draft.place is not None:
        return None
    matching = resolved if said.asks else matching_of(resolved, draft)
    if not matching:
        return None
    if len(matching) > 1:
        return Decision(kind="ask_which", options=options_of(matching, with_new=False)) if is_clear else None
    if not is_clear:
        return Decision(kind="follow_up", code=matching[0].code)
    return on_resolved(matching[0], message, draft, said)


def _just_closed(context: Context) -> Known | None:
    since = context.now - RATE_WITHIN
    return next((r for r in context.reports if r.status == "closed" and r.updated_at >= since), None)


def completes(report: Known, draft: Draft) -> bool:
    """Whether a message goes on with that unfinished report rather than beginning another one.

    A message that says a problem and a place of its own is a report of its own; so is one that names another
    problem than the report has. Everything else belongs to what is unfinished.
    """
    service = said_service(draft)
    if service != report.service_code:
        service = told_service(draft)  # a landmark's name may sound like a problem
    if service is not None and draft.place is not None:
        return report.service_code in {None, service} and not report.has_place
    return service is None or report.service_code in {None, service}
