"""What is this message: a new report, a part of one, an answer, a command, a thank-you, or nothing to act on?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import cos, hypot, radians
from typing import Literal, TypeAlias

from normalizer.schema import Draft, InboundMessage
from router.said import Said
from router.status import OPEN, REOPENS_WITHIN

Kind: TypeAlias = Literal[
    "auto",  # a program wrote it: kept, never answered
    "note",  # by somebody who cannot prove that it is their report: for the desk's eyes
    "report",  # a new report
    "join",  # more of a report that is being told, in silence
    "answer",  # what we asked for
    "follow_up",  # more for the officials
    "confirm",  # "it is done"
    "deny",  # "it is not done"
    "rate",  # stars
    "reopen",  # a finished report again
    "ask_which",  # several reports, no hint: one numbered question
    "ask_reopen",  # a finished report: again, or a new one?
    "choice",  # the answer to a numbered question
    "thanks",  # no answer to that
    "superseded",  # its edit came first
    "unknown_code",  # a code that no report has
    "how_to",  # nothing to act on: how to report
    "status", "mine", "help", "stop", "start", "language", "link", "unlink", "forget", "withdraw",  # commands
]  # fmt: skip

CONFIRM_WITHIN = timedelta(days=14)
RATE_WITHIN = timedelta(days=7)
SAME_PROBLEM_WITHIN = timedelta(days=14)
SAME_SPOT_METRES = 100
NEW = "new"  # the option of a numbered question that is no report
MOST_OPTIONS = 4

# Who cannot prove to be the reporter (a mail without the thread's token) may only do these.
_FREE = frozenset({"auto", "report", "status", "unknown_code", "how_to", "help", "thanks", "superseded", "note"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Spot:
    """Where exactly: a point (lat, long in degrees) that a device measured, and an address without its areas."""

    point: tuple[float, float] | None = None
    words: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A report as `decide` sees it. `asked_for` is what we asked; `said_at` when its reporter last spoke on it."""

    code: str
    status: str
    service_code: str | None = None
    area_code: str | None = None
    has_place: bool = False
    spot: Spot = Spot()
    asked_for: str | None = None
    acknowledged: bool = True
    requested_at: datetime
    updated_at: datetime
    said_at: datetime
    is_theirs: bool = True

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def is_unfinished(self) -> bool:
        """Still being told, or waiting for the answer to our question (also when it was closed for want of it)."""
        asked = not self.acknowledged or self.asked_for is not None
        return asked and self.status != "resolved" and (self.is_open or self.status == "closed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pending:
    """A numbered question that waits for its answer; `options` are codes of reports, services, or NEW.

    `services` are those of the reports that the options name; `code` is the report whose service is asked for.
    """

    kind: Literal["which", "reopen", "service"]
    options: tuple[str, ...]
    services: tuple[str | None, ...] = ()
    code: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """All that is known when a message comes. `reports` are the sender's: open, or finished within 30 days,
    the one they spoke on last first; `spot` is where exactly the message says it is."""

    now: datetime
    join_within: timedelta = timedelta(minutes=5)
    reports: Sequence[Known] = ()
    thread: Known | None = None
    named: Known | None = None
    edited: Known | None = None
    spot: Spot = Spot()
    superseded: bool = False
    pending: Pending | None = None
    proven: bool = True

    @property
    def open_ones(self) -> list[Known]:
        return [report for report in self.reports if report.is_open]


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What to do with a message: with which report, between which, or with which word."""

    kind: Kind
    code: str | None = None
    options: tuple[str, ...] = field(default=())
    value: str = ""


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
    if message.auto is not None:
        return Decision(kind="auto")
    if context.superseded:
        return Decision(kind="superseded")
    if said.command is not None:
        return _command(said, context)
    if context.pending and (option := chosen(said, draft, context.pending)):
        return Decision(kind="choice", code=context.pending.code, value=option)
    if context.edited and context.now - context.edited.said_at <= context.join_within and context.edited.is_open:
        return Decision(kind="join", code=context.edited.code)
    if report := context.edited or context.thread:
        return on_report(report, message, draft, said, context)
    if context.named:
        if not context.named.is_theirs or (said.only_code and not has_more(message)):
            return Decision(kind="status", code=context.named.code)
        return on_report(context.named, message, draft, said, context)
    if is_empty(message):
        return Decision(kind="how_to")
    return _without_a_name(message, draft, said, context)


def _command(said: Said, context: Context) -> Decision:
    command = said.command
    assert command is not None  # noqa: S101  (for mypy: asked by the caller)
    about = context.named or context.thread
    if command.name == "status":
        if command.argument and context.named is None:
            return Decision(kind="unknown_code", value=command.argument)
        return Decision(kind="status", code=about.code) if about else Decision(kind="mine")
    if command.name == "withdraw":
        return _withdraw(about, context)
    return Decision(kind=command.name, value=command.argument)


def _withdraw(about: Known | None, context: Context) -> Decision:
    if about is not None:
        return Decision(kind="withdraw" if about.is_theirs else "status", code=about.code)
    if len(context.open_ones) == 1:
        return Decision(kind="withdraw", code=context.open_ones[0].code)
    return Decision(kind="mine")


def chosen(said: Said, draft: Draft, pending: Pending) -> str | None:
    """The option that an answer names: by its number, as "new", or by a problem that only one option has."""
    options = pending.options
    if said.number is not None and said.number <= len(options):
        return options[said.number - 1]
    if said.new and NEW in options:
        return NEW
    service = said_service(draft)
    if service and pending.kind == "which" and pending.services.count(service) == 1 and draft.place is None:
        return options[pending.services.index(service)]
    if pending.kind == "reopen" and said.yes:
        return options[0]
    return None


def on_report(known: Known, message: InboundMessage, draft: Draft, said: Said, context: Context) -> Decision:
    """What a message does that surely speaks of this report."""
    code = known.code
    if known.is_unfinished:
        return Decision(kind="answer" if known.acknowledged else "join", code=code)
    if known.status == "resolved":
        return _on_resolved(known, message, said)
    if not known.is_open and known.status != "duplicate":
        return _on_finished(known, message, draft, said, context)
    if known.status == "needs_info":
        return Decision(kind="follow_up", code=code)
    if said.done and not has_more(message):
        return Decision(kind="confirm", code=code)
    if (said.yes or said.thanks) and not has_more(message):
        return Decision(kind="thanks", code=code)
    return Decision(kind="follow_up", code=code)


def _on_resolved(known: Known, message: InboundMessage, said: Said) -> Decision:
    """A yes, thanks or stars confirm; every other word says that it is not done; a picture alone says neither."""
    code = known.code
    if said.no or said.still:
        return Decision(kind="deny", code=code)
    if said.stars is not None:
        return Decision(kind="rate", code=code, value=str(said.stars))
    if said.yes or said.thanks or said.done:
        return Decision(kind="confirm", code=code)
    has_words = bool(message.text.strip())
    return Decision(kind="deny" if has_words and not said.chases else "follow_up", code=code)


def _on_finished(known: Known, message: InboundMessage, draft: Draft, said: Said, context: Context) -> Decision:
    code, age = known.code, context.now - known.updated_at
    if said.stars is not None and age <= RATE_WITHIN:
        return Decision(kind="rate", code=code, value=str(said.stars))
    if (said.yes or said.thanks or said.done) and not has_more(message):
        return Decision(kind="thanks", code=code)
    if age > REOPENS_WITHIN:
        return Decision(kind="report" if draft.is_report else "status", code=code)
    if said.no or said.still:
        return Decision(kind="reopen", code=code)
    return Decision(kind="ask_reopen", code=code, options=(code, NEW))


def _without_a_name(message: InboundMessage, draft: Draft, said: Said, context: Context) -> Decision:
    """No thread, no code: most phones show no "reply" to a text. What the words say must find the report."""
    if decision := _on_what_waits(message, draft, said, context):
        return decision
    if decision := _more_of_the_last(message, draft, context):
        return decision
    if said.still or said.chases or said.done:
        return _about_an_old_one(message, draft, said, context)
    if decision := _said_before(message, draft, context):
        return decision
    if (said.thanks or said.yes) and not has_more(message):
        return Decision(kind="thanks" if context.reports else "how_to")
    if not draft.is_report and not has_more(message):
        return Decision(kind="how_to")
    return Decision(kind="report")


def _on_what_waits(message: InboundMessage, draft: Draft, said: Said, context: Context) -> Decision | None:
    """An answer to `resolved`, to the officials or to us. A problem with a place of its own is its own report."""
    resolved = _waiting(context, "resolved")
    if resolved and (said.yes or said.no or said.stars or (said.still and not is_whole(draft))):
        if len(resolved) > 1:
            return Decision(kind="ask_which", options=tuple(each.code for each in resolved[:MOST_OPTIONS]))
        return _on_resolved(resolved[0], message, said)
    if said.stars and (rated := _just_closed(context)):
        return Decision(kind="rate", code=rated.code, value=str(said.stars))
    asked = _waiting(context, "needs_info")
    if asked and not is_whole(draft):
        return Decision(kind="follow_up", code=asked[0].code)
    since = context.now - CONFIRM_WITHIN
    unfinished = next((each for each in context.reports if each.is_unfinished and each.said_at > since), None)
    if unfinished is not None and completes(unfinished, draft):
        return Decision(kind="answer" if unfinished.acknowledged else "join", code=unfinished.code)
    return None


def _waiting(context: Context, status: str) -> list[Known]:
    """Reports that wait for their reporter's word since at most 14 days, the newest question first."""
    since = context.now - CONFIRM_WITHIN
    found = [r for r in context.open_ones if r.status == status and not r.asked_for and r.updated_at > since]
    return sorted(found, key=lambda report: report.updated_at, reverse=True)


def _just_closed(context: Context) -> Known | None:
    since = context.now - RATE_WITHIN
    return next((r for r in context.reports if r.status == "closed" and r.updated_at >= since), None)


def _more_of_the_last(message: InboundMessage, draft: Draft, context: Context) -> Decision | None:
    """A photo, a pin or words without a problem of their own, moments after the report that they belong to."""
    last = next((r for r in context.open_ones if context.now - r.said_at <= context.join_within), None)
    if last is None or last.status == "resolved":
        return None
    service = said_service(draft)
    if service is None and has_more(message):
        return Decision(kind="join", code=last.code)
    if service is not None and service == last.service_code and draft.place is None:
        return Decision(kind="join", code=last.code)
    if service is None and draft.place is not None and not last.has_place:
        return Decision(kind="join", code=last.code)
    return None


def _about_an_old_one(message: InboundMessage, draft: Draft, said: Said, context: Context) -> Decision:
    """ "masih belum diperbaiki", "kapan dikerjakan?": of the report that they mean, if it can be told."""
    matching = _matching(context.open_ones, draft)
    if len(matching) == 1:
        return on_report(matching[0], message, draft, said, context)
    if matching:
        return Decision(kind="ask_which", options=_options(matching, with_new=draft.is_report))
    if is_whole(draft):
        return Decision(kind="report")
    finished = _matching([r for r in context.reports if not r.is_open and r.status != "duplicate"], draft)
    if finished:
        return on_report(finished[0], message, draft, said, context)
    return Decision(kind="report" if draft.is_report and said_service(draft) else "how_to")


def _matching(reports: Sequence[Known], draft: Draft) -> list[Known]:
    """Those that the message may mean: its problem's, its place's, or all where it names neither."""
    service, area = said_service(draft), draft.place.area_code if draft.place else None
    found = [r for r in reports if service in {None, r.service_code} or r.service_code is None]
    if area:
        found = [r for r in found if r.area_code is None or _same_area(r.area_code, area)]
    return found


def _same_area(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _said_before(message: InboundMessage, draft: Draft, context: Context) -> Decision | None:
    """The same problem told again is no second report; where that is unclear it is asked."""
    service = said_service(draft)
    if service is None:
        return None
    since = context.now - SAME_PROBLEM_WITHIN
    same = [r for r in context.open_ones if r.service_code == service and r.said_at > since]
    if draft.place is None or not draft.place.area_code:
        return Decision(kind="ask_which", options=_options(same, with_new=True)) if same else None
    near = [r for r in same if r.area_code and _same_area(r.area_code, draft.place.area_code)]
    here = [r for r in near if _same_spot(r.spot, context.spot)]
    if here:
        is_fresh = context.now - here[0].said_at <= context.join_within
        return Decision(kind="join" if is_fresh else "follow_up", code=here[0].code)
    unclear = [r for r in near if _same_spot(r.spot, context.spot) is None]
    return Decision(kind="ask_which", options=_options(unclear, with_new=True)) if unclear else None


def _same_spot(one: Spot, other: Spot) -> bool | None:
    """Whether two reports of one problem in one area are of one spot; None where that cannot be told."""
    if one.point and other.point:
        return metres_between(one.point, other.point) <= SAME_SPOT_METRES
    if one.words and other.words:
        return one.words == other.words
    return None


def metres_between(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The way between two points (lat, long in degrees), good enough within a city."""
    north = (one[0] - other[0]) * 111_195
    east = (one[1] - other[1]) * 111_195 * cos(radians((one[0] + other[0]) / 2))
    return hypot(north, east)


def _options(reports: Sequence[Known], *, with_new: bool) -> tuple[str, ...]:
    codes = tuple(each.code for each in reports[:MOST_OPTIONS])
    return (*codes, NEW) if with_new else codes


def completes(report: Known, draft: Draft) -> bool:
    """Whether a message goes on with that unfinished report rather than beginning another one.

    A message that says a problem and a place of its own is a report of its own; so is one that names another
    problem than the report has. Everything else belongs to what is unfinished.
    """
    service = said_service(draft)
    if service is not None and draft.place is not None:
        return report.service_code in {None, service} and not report.has_place
    return service is None or report.service_code in {None, service}


def said_service(draft: Draft) -> str | None:
    """The problem that a message names, if it is a report at all."""
    return draft.service.service_code if draft.is_report and draft.service is not None else None


def is_whole(draft: Draft) -> bool:
    """Whether a message names a problem and a place."""
    return said_service(draft) is not None and draft.place is not None


def has_more(message: InboundMessage) -> bool:
    """Whether a photo, a file or a pin came along."""
    return bool(message.attachments) or message.position is not None


def is_empty(message: InboundMessage) -> bool:
    return not (message.text.strip() or message.subject.strip() or has_more(message))
