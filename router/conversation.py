"""What is this message: a new report, a part of one, an answer, a command, a thank-you, or nothing to act on?"""

from datetime import timedelta

from normalizer.schema import Draft, InboundMessage
from router.heard import has_more, is_bare, is_empty, is_sure, is_whole, said_service, told_service
from router.known import AGAIN, LATER, Context, Decision, Kind, Known
from router.on_report import on_report
from router.options import chosen, matching_of, options_of
from router.said import Said
from router.spots import same_area, same_spot
from router.what_waits import on_what_waits

SAME_PROBLEM_WITHIN = timedelta(days=14)
SURELY_MEANT_WITHIN = timedelta(days=1)  # who told of a report that lately means it again
FEW_WORDS = 4
MORE_THAN_A_PLACE = 2  # words

# Who cannot prove to be the reporter (a mail without the thread's token) may only do these.
_FREE = frozenset(
    {
        "auto",
        "report",
        "too",
        "status",
        "unknown_code",
        "how_to",
        "help",
        "thanks",
        "superseded",
        "note",
        "follow",
        "unfollow",
    }
)


def decide(message: InboundMessage, draft: Draft, said: Said, context: Context) -> Decision:
    """Find what this message is and which report it belongs to; pure. docs/conversations.md has the table."""
    decision = _decide(message, draft, said, context)
    if context.proven or decision.kind in _FREE or _goes_on(decision, context):
        return decision
    return Decision(kind="note", code=decision.code)


def _goes_on(decision: Decision, context: Context) -> bool:
    """Whether a message only adds to what was begun moments ago: that needs no proof."""
    report = next((each for each in context.reports if each.code == decision.code), None)
    return (
        decision.kind == "join" and report is not None and context.now - report.requested_at <= context.join_within
    )


def _decide(message: InboundMessage, draft: Draft, said: Said, context: Context) -> Decision:
    if message.auto is not None or not message.sender:  # from nobody: there is no one to answer or to join
        return Decision(kind="auto")
    if context.superseded:
        return Decision(kind="superseded")
    if message.service_code is not None:  # an app's new request, whatever its words are
        return Decision(kind="report")
    if said.command is not None and (said.command.is_sure or said_service(draft) is None):
        return _command(said, context)
    if context.pending and (option := chosen(said, draft, context.pending, context)):
        return Decision(kind="choice", code=context.pending.code, value=option)
    if context.edited and context.now - context.edited.said_at <= context.join_within and context.edited.is_open:
        return Decision(kind="join", code=context.edited.code)
    if report := _meant(draft, context):
        if not report.is_theirs and said.also and said_service(draft) == report.service_code is not None:
            return Decision(kind="too", code=report.code)
        if report.is_theirs and not (said.only_code and report is context.named and not has_more(message)):
            return on_report(report, message, draft, said, context)
        return Decision(kind="status", code=report.code)
    if is_empty(message):
        return Decision(kind="how_to")
    if said.slips and not has_more(message):
        return _slipped(context)
    decision = _without_a_name(message, draft, said, context)
    return _asked_again(decision, said, context) or decision


def _slipped(context: Context) -> Decision:
    """ "Eh maaf, salah kirim": what is still being told is no report; nothing else is undone."""
    last = _last(context, context.join_within)
    if last is not None and not last.acknowledged:
        return Decision(kind="withdraw", code=last.code)
    return Decision(kind="thanks")


def _asked_again(decision: Decision, said: Said, context: Context) -> Decision | None:
    """ "gatau", "5" to a question with four options: how to report is no answer to that, the question is."""
    pending = context.pending
    if pending is None or pending.kind == "service" or decision.kind not in {"how_to", "mine"} or said.greets:
        return None
    kind: Kind = "ask_which" if pending.kind == "which" else "ask_reopen"
    return Decision(kind=kind, options=pending.options, value=AGAIN)


def _meant(draft: Draft, context: Context) -> Known | None:
    """The report that a message surely speaks of: what it edits, whose code it writes, whose thread it answers.

    A code says more than a thread, but somebody else's code less. Who tells another problem at another place
    speaks of neither: many answer our last message whatever they want to say.
    """
    thread, named = context.thread, context.named
    if context.edited:
        return context.edited
    report = thread if thread and (named is None or not named.is_theirs) else named
    if report is None or not is_whole(draft):
        return report
    if not report.is_theirs or (not report.is_unfinished and _is_elsewhere(report, draft)):
        return None
    return report


def _is_elsewhere(report: Known, draft: Draft) -> bool:
    """Whether a message that names a problem and a place surely tells of others than this report does."""
    area = draft.place.area_code if draft.place else None
    is_other = said_service(draft) != report.service_code
    is_far = bool(area and report.area_code and not same_area(area, report.area_code))
    return is_other and (is_far or is_sure(draft))


def _command(said: Said, context: Context) -> Decision:
    command = said.command
    assert command is not None  # noqa: S101  (for mypy: asked by the caller)
    about = context.named or context.thread
    if command.name == "status":
        if command.argument and context.named is None:
            return Decision(kind="unknown_code", value=command.argument)
        return Decision(kind="status", code=about.code) if about else Decision(kind="mine")
    if command.name == "too":
        if context.named is None:
            return Decision(kind="unknown_code", value=command.argument)
        return Decision(kind="status" if context.named.is_theirs else "too", code=context.named.code)
    if command.name == "withdraw":
        return _withdraw(about, context) if command.is_sure else _given_up(about, context)
    return Decision(kind=command.name, value=command.argument)


def _withdraw(about: Known | None, context: Context) -> Decision:
    if about is not None:
        return Decision(kind="withdraw" if about.is_theirs else "status", code=about.code)
    if len(context.open_ones) == 1:
        return Decision(kind="withdraw", code=context.open_ones[0].code)
    return Decision(kind="mine")


def _given_up(about: Known | None, context: Context) -> Decision:
    """ "Ga jadi": of their only report, unless something else was asked last."""
    if about is None and context.has_code:  # which they need not send back
        return Decision(kind="thanks")
    if about is None and context.pending is not None and context.pending.kind != "service":
        return Decision(kind="mine")
    asked = [each for each in context.open_ones if each.status == "needs_info" and not each.asked_for]
    if asked and about in {None, *asked}:
        return Decision(kind="follow_up", code=(about or asked[0]).code)
    return _withdraw(about, context)


def _without_a_name(message: InboundMessage, draft: Draft, said: Said, context: Context) -> Decision:
    """No thread, no code: most phones show no "reply" to a text. What the words say must find the report."""
    if decision := on_what_waits(message, draft, said, context):
        return decision
    if decision := _corrected(draft, said, context) or _more_of_the_last(message, draft, said, context):
        return decision
    if said.still or said.chases or said.done:
        return _about_an_old_one(message, draft, said, context)
    if decision := _said_before(message, draft, said, context):
        return decision
    is_praise = said.thanks or said.yes or (said.stars and said.number is None)
    if is_praise and not has_more(message):
        return Decision(kind="thanks" if context.reports else "how_to")
    if (not draft.is_report or said.greets or _says_nothing(draft)) and not has_more(message):
        is_of_theirs = context.open_ones and (draft.is_report or said.number) and not said.greets
        return Decision(kind="mine" if is_of_theirs else "how_to")
    names_no_problem = not draft.urgent and (said_service(draft) is None or not is_sure(draft))
    if names_no_problem and (draft.place is None or is_bare(message)) and (likely := _lately(context)):
        return Decision(kind="ask_which", options=options_of(likely, with_new=True), value=LATER)
    return Decision(kind="report", value=_beside(draft, said, context))


def _last(context: Context, within: timedelta) -> Known | None:
    """The open report that its reporter spoke on last, if lately."""
    return next((r for r in context.open_ones if context.now - r.said_at <= within), None)


def _corrected(draft: Draft, said: Said, context: Context) -> Decision | None:
    """ "Eh salah, maksud saya RT 5": more of the report that they told last. A problem with its place is one of
    its own after a while."""
    last = _last(context, context.join_within if is_whole(draft) else SURELY_MEANT_WITHIN)
    if not said.corrects or draft.urgent or last is None or last.status == "resolved" or not last.acknowledged:
        return None
    is_moments_ago = context.now - last.said_at <= context.join_within
    if said_service(draft) not in {None, last.service_code} or not (draft.place or is_moments_ago):
        return None
    return Decision(kind="follow_up", code=last.code)


def _beside(draft: Draft, said: Said, context: Context) -> str:
    """The report told moments ago whose place, or whose problem, a new one shares: "sampah juga numpuk"."""
    last = _last(context, context.join_within)
    is_half = (draft.place is None) != (said_service(draft) is None)
    shares = last is not None and last.has_place and is_half and (said.also or said.corrects)
    return last.code if last is not None and shares else ""


def _lately(context: Context) -> list[Known]:
    """Those that an unclear message may speak of: open ones, then what was finished lately."""
    since = context.now - SAME_PROBLEM_WITHIN
    lately = [each for each in context.reports if max(each.said_at, each.updated_at) > since]
    return sorted(lately, key=lambda each: not each.is_open)


def _says_nothing(draft: Draft) -> bool:
    """A few words without a hint of a problem or a place: an empty report would only ask for both."""
    hints = draft.service or draft.alternatives or draft.place
    return not hints and len(draft.description.split()) <= FEW_WORDS


def _more_of_the_last(message: InboundMessage, draft: Draft, said: Said, context: Context) -> Decision | None:
    """A photo, a pin or words without a problem of their own, moments after the report that they belong to."""
    last = _last(context, context.join_within)
    if last is None or last.status == "resolved":
        return None
    service = told_service(draft)
    if service is None and has_more(message):
        return Decision(kind="join", code=last.code)
    if service is not None and service == last.service_code and draft.place is None:
        return Decision(kind="join", code=last.code)
    if service is None and draft.place is not None and not last.has_place:
        return Decision(kind="join", code=last.code)
    if _is_bare_place(draft) and not said.also and _in_area(last, draft) is not False:
        is_other = same_spot(last.spot, context.spot) is False
        return Decision(kind="follow_up" if is_other else "join", code=last.code)
    is_polite = said.thanks or said.yes or said.greets or said.still or said.chases or said.done
    if service is None and draft.place is None and draft.is_report and not is_polite:
        return Decision(kind="join", code=last.code)
    return None


def _is_bare_place(draft: Draft) -> bool:
    """A place and hardly a word more."""
    address = draft.place.address_string if draft.place else None
    is_short = len(draft.description.split()) <= len((address or "").split()) + MORE_THAN_A_PLACE
    return bool(address) and said_service(draft) is None and is_short


def _about_an_old_one(message: InboundMessage, draft: Draft, said: Said, context: Context) -> Decision:
    """ "masih belum diperbaiki", "kapan dikerjakan?": of the report that they mean, if it can be told."""
    alive = [r for r in context.reports if r.is_open or r.status == "duplicate"]
    matching = list(alive) if said.asks else matching_of(alive, draft)
    if len(matching) == 1:
        return on_report(matching[0], message, draft, said, context)
    if said.chases and not said.still and not has_more(message) and not is_whole(draft) and matching:
        return Decision(kind="mine")  # "how does it stand?": the list says it
    if matching:
        names_a_problem = said_service(draft) is not None and not said.asks
        return Decision(kind="ask_which", options=options_of(matching, with_new=names_a_problem))
    if is_whole(draft):
        return _said_before(message, draft, said, context) or Decision(kind="report")
    finished = matching_of([r for r in context.reports if r not in alive], draft)
    if finished and said.asks:
        return Decision(kind="mine")
    if finished:
        return on_report(finished[0], message, draft, said, context)
    is_told = draft.is_report and not said.asks and (said_service(draft) is not None or draft.place is not None)
    return Decision(kind="report" if is_told else "mine" if said.chases else "how_to")


def _said_before(message: InboundMessage, draft: Draft, said: Said, context: Context) -> Decision | None:
    """The same problem told again is no second report; where that is unclear it is asked."""
    service = said_service(draft)
    if service is None and (draft.place is None or is_bare(message)):
        return None
    same = [r for r in context.reports if service in {None, r.service_code}]
    here = [r for r in same if _is_here(r, draft, context)]
    if here:
        is_fresh = here[0].is_open and context.now - here[0].said_at <= context.join_within
        code = here[0].code
        return Decision(kind="join", code=code) if is_fresh else on_report(here[0], message, draft, said, context)
    unclear = [r for r in same if _may_be_here(r, draft, context) and (service or r.is_open or not r.has_place)]
    if len(unclear) == 1 and _is_surely_meant(unclear[0], context):
        return on_report(unclear[0], message, draft, said, context)
    value = "" if service else LATER
    return Decision(kind="ask_which", options=options_of(unclear, with_new=True), value=value) if unclear else None


def _is_surely_meant(report: Known, context: Context) -> bool:
    """Whether the only report of that problem need not be asked about: told lately, or chosen once before."""
    return report.is_open and (report.chosen or context.now - report.said_at <= SURELY_MEANT_WITHIN)


def _is_here(report: Known, draft: Draft, context: Context) -> bool:
    """Whether a message surely speaks of the report's spot: points close by, or the same street in one area."""
    is_point = report.spot.point is not None and context.spot.point is not None
    return same_spot(report.spot, context.spot) is True and (is_point or _in_area(report, draft) is True)


def _may_be_here(report: Known, draft: Draft, context: Context) -> bool:
    return same_spot(report.spot, context.spot) is None and _in_area(report, draft) is not False


def _in_area(report: Known, draft: Draft) -> bool | None:
    """Whether the message's place is in the report's area; None where it names none."""
    area = draft.place.area_code if draft.place else None
    if not area or report.area_code is None:
        return None
    return same_area(report.area_code, area)
