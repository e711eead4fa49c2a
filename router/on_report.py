"""What a message does that surely speaks of one report, by how that report stands."""

from datetime import timedelta

from normalizer.schema import Draft, InboundMessage
from router.heard import has_more, has_words, said_service
from router.known import NEW, Context, Decision, Known, Pending
from router.said import Said
from router.status import REOPENS_WITHIN

RATE_WITHIN = timedelta(days=7)


def on_report(known: Known, message: InboundMessage, draft: Draft, said: Said, context: Context) -> Decision:
    """What a message does that surely speaks of this report."""
    code = known.code
    if known.is_unfinished:
        return _on_unfinished(known, message, draft, said, context)
    if known.status == "resolved":
        return on_resolved(known, message, draft, said)
    if not known.is_open and known.status != "duplicate":
        return _on_finished(known, message, draft, said, context)
    if known.status == "needs_info" and said.later and not has_more(message):
        return Decision(kind="thanks", code=code)  # the officials wait on
    if known.status == "needs_info" and not (said.thanks and not said.yes):
        return Decision(kind="follow_up", code=code)
    if said.done and not has_more(message):
        return Decision(kind="confirm", code=code)
    if (said.yes or said.thanks) and not has_more(message):
        return Decision(kind="thanks", code=code)
    return Decision(kind="follow_up", code=code)


def _on_unfinished(known: Known, message: InboundMessage, draft: Draft, said: Said, context: Context) -> Decision:
    """More of it, or the answer to our question. Politeness is none, and neither is "kapan diperbaiki?"."""
    if not known.acknowledged:
        return Decision(kind="join", code=known.code)
    if not has_more(message) and draft.place is None:
        if said.greets or (said.chases and said_service(draft) is None):
            return Decision(kind="status", code=known.code)
        if said.thanks or said.yes:
            return Decision(kind="thanks", code=known.code)
    return Decision(kind="answer", code=known.code, value=_numbered(known, said, context.pending))


def _numbered(known: Known, said: Said, pending: Pending | None) -> str:
    """The service whose number stands at the head or the end of an answer: "2, jl kemang raya"."""
    if pending is None or pending.code != known.code or not said.number_beside:
        return ""
    return pending.options[said.number_beside - 1] if said.number_beside <= len(pending.options) else ""


def on_resolved(known: Known, message: InboundMessage, draft: Draft, said: Said) -> Decision:
    """A yes, thanks or stars confirm; every other word says that it is not done. A picture alone says neither, nor
    does who will look later."""
    code = known.code
    if said.no or said.still:
        return Decision(kind="deny", code=code)
    if said.stars is not None:
        return Decision(kind="rate", code=code, value=str(said.stars))
    if said.yes or said.thanks or said.done or (said.begins_yes and said_service(draft) is None):
        return Decision(kind="confirm", code=code)
    is_denied = has_words(message) and not said.chases and not said.waits
    return Decision(kind="deny" if is_denied else "follow_up", code=code)


def _on_finished(known: Known, message: InboundMessage, draft: Draft, said: Said, context: Context) -> Decision:
    code, age = known.code, context.now - known.updated_at
    if said.stars is not None and age <= RATE_WITHIN:
        return Decision(kind="rate", code=code, value=str(said.stars))
    if (said.yes or said.thanks or said.done) and not has_more(message):
        return Decision(kind="thanks", code=code)
    if age > REOPENS_WITHIN:
        says_more = said_service(draft) is not None or said.still or said.no or has_more(message)
        return Decision(kind="report" if draft.is_report and says_more else "status", code=code)
    if said.no or said.still or said.reopens:
        return Decision(kind="reopen", code=code)
    return Decision(kind="ask_reopen", code=code, options=(code, NEW))
