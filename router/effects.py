"""What each kind of message does: to its report, and to what its sender is told."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from normalizer.normalize import normalize
from normalizer.schema import Attachment, Channel, Draft, InboundMessage, PhotoFacts, Position
from normalizer.text import own_words
from router.codes import without_codes
from router.commands import COMMANDS
from router.completing import add, choose_service
from router.context import known_of
from router.copies import COPIES
from router.corrections import correct
from router.facts import share, take_place
from router.following import FOLLOWING
from router.forget import FORGETTING
from router.heard import said_service
from router.holding import current
from router.house import House
from router.known import AGAIN, ALL, LATER, NEW, Context, Decision
from router.linking import LINKING
from router.on_report import on_report
from router.questions import (
    buttons_for,
    held_messages,
    is_to_come,
    pin_of,
    question_text,
    settle_question,
    wait_for_answer,
)
from router.replies import fields_of, status_name
from router.reports import BY_CITIZEN, free_codes, open_report, settle
from router.said import Said, read_signs
from router.senders import Sender
from router.status import CLOSES_AFTER, REOPENS_WITHIN, change_status
from router.too import concerns_too
from router.turn import Turn, answer, answer_with, was_just_said
from router.ways import tell_agency
from store.bulk import write_now
from store.models import Address, Message, Photo, Report, Reporter
from store.near import lead_of
from store.steps import reached

Effect = Callable[[Turn], None]


def take_effect(turn: Turn) -> None:
    """Give a message that has its row its effect; a kind without one is kept, and that is all."""
    effect = EFFECTS.get(turn.decision.kind)
    if effect is not None:
        effect(turn)
    take_in(turn)


def _settle(turn: Turn) -> None:
    """A new report; what it shares with one told before is not asked for again."""
    report, beside = _report(turn), turn.reports.get(turn.decision.value or turn.decision.code or "")
    goes_on = beside is not None and report.service_code in {None, beside.service_code}
    if beside is not None and (turn.decision.value or goes_on):
        share(report, beside)
    settle(turn.session, _report(turn), turn.house)
    reached("owe")


def _add(turn: Turn) -> None:
    """More of a report; one that was closed for want of an answer is open again."""
    report = _report(turn)
    if report.status == "closed":
        change_status(turn.session, report, "reopened", by=BY_CITIZEN, house=turn.house, silent=True)
    if turn.decision.kind == "answer" and turn.decision.value and report.service_code is None:
        choose_service(turn.session, report, turn.decision.value, turn.house, and_go_on=False)
    asked, is_new_turn, is_alarm = report.asked_for, _is_new_turn(turn), _is_alarm(turn)
    if turn.is_theirs:
        report.said_at = turn.house.now()  # before it is answered: who stopped us and speaks is answered
    if is_alarm and report.acknowledged_at is not None:
        _say(turn, "urgent")
    add(turn.session, report, turn.draft, turn.house)
    if asked is not None and report.asked_for == asked and is_new_turn and not is_alarm:
        _say(turn, f"noted_{asked}")


def _is_new_turn(turn: Turn) -> bool:
    """Whether they say something after a while, or the first thing behind our question: one answer to it, not one
    to each of ten photos."""
    before, asked = _report(turn).said_at, _report(turn).asked_at
    is_first = before is not None and asked is not None and before < asked
    return before is None or is_first or turn.house.now() - before > join_within(turn.house)


def _is_alarm(turn: Turn) -> bool:
    """Whether they tell of a danger that their report did not speak of: they hear whom to call."""
    return turn.draft.urgent and not _report(turn).urgent


def _report(turn: Turn) -> Report:
    assert turn.report is not None  # noqa: S101  (for mypy: the decision named it)
    return turn.report


def _words(turn: Turn) -> str:
    """What they say now: without the mail they answer to, and without the report's code."""
    return without_codes(own_words(turn.draft.description))


# --- of a report that has its agency ------------------------------------------------------------------------


def _follow_up(turn: Turn) -> None:
    """More about a report: shown to the officials, never a second report."""
    report, house = _report(turn), turn.house
    if turn.said.corrects and correct(turn.session, report, _words(turn), house):
        return
    take_place(report, turn.draft.place, house.pack)
    report.updated_at = house.now()
    if _is_alarm(turn):
        report.urgent = True
        _say(turn, "urgent")
    was_asked = report.status == "needs_info" and report.status_before is not None
    if was_asked and report.status_before:
        before, words = report.status_before, _words(turn) or None
        change_status(turn.session, report, before, by=BY_CITIZEN, house=house, notes=words, silent=True)
    if report.status == "resolved":
        report.closes_at = house.now() + CLOSES_AFTER  # somebody who speaks is not silent
        _say(turn, "still_asked")
    elif was_asked:
        _say(turn, "passed_on")
    else:
        key = "chased" if turn.said.still or turn.said.chases else "added"
        fields = fields_of(report, house, report.language) | {"status": _standing(turn)}
        if key == "added" or not was_just_said(turn, key, report=report, **fields):  # "woi", "???", "kapan"
            _say(turn, key, status=fields["status"])


def _say(turn: Turn, key: str, **more: str) -> None:
    """Answer on the report's thread."""
    report = _report(turn)
    fields = fields_of(report, turn.house, report.language)
    answer(turn, key, report=report, **(fields | more))


def _standing(turn: Turn) -> str:
    return status_name(turn.house.pack, _report(turn), _report(turn).language)


def _confirm(turn: Turn) -> None:
    """ "Sudah beres": the reporter closes, from `resolved` or before anybody said so. Of a joined report it is
    noted for the officials: the one that it was joined to is not theirs to close."""
    if lead_of(_report(turn)) is not turn.report:
        _say(turn, "confirmed_joined", status=_standing(turn))
        return
    _move(turn, "closed")
    _say(turn, "confirmed")


def _deny(turn: Turn) -> None:
    _move(turn, "reopened")
    _say(turn, "denied")


def _move(turn: Turn, status: str) -> None:
    """The reporter's own move, also of what their report was joined to: their words stand in the history, and are
    not said back to them."""
    report, notes = lead_of(_report(turn)), _words(turn) or None
    knows = None if report is turn.report else turn.address.reporter_id
    change_status(
        turn.session, report, status, by=BY_CITIZEN, house=turn.house, notes=notes, silent=True, knows=knows
    )


def _rate(turn: Turn) -> None:
    """Stars: three and more say that it is done, and so do fewer beside a yes; else the reporter may reopen it."""
    report = _report(turn)
    report.stars = int(turn.decision.value)
    if (holding := current(turn.session, report)) is not None:
        holding.stars = report.stars
    if report.status == "resolved" and (report.stars >= 3 or turn.said.yes or turn.said.done):
        change_status(turn.session, report, "closed", by=BY_CITIZEN, house=turn.house, silent=True)
        _say(turn, "confirmed_rated")
    else:
        _say(turn, "rated" if report.status != "resolved" else "still_asked")


def _note(turn: Turn) -> None:
    """Somebody who cannot prove to be the reporter: the officials read it, the answer shows nothing private."""
    answer(turn, "note_taken")


# --- numbered questions -------------------------------------------------------------------------------------


def _ask_which(turn: Turn) -> None:
    _ask(turn, "which")


def _ask_reopen(turn: Turn) -> None:
    _ask(turn, "reopen")


def _ask(turn: Turn, kind: str) -> None:
    """Ask once; what comes meanwhile waits with the question."""
    reporter, options, house = turn.address.reporter, turn.decision.options, turn.house
    later, again = turn.decision.value == LATER and house.settings.quiet_seconds > 0, turn.decision.value == AGAIN
    if not again and not wait_for_answer(reporter, kind, options, house, pin=turn.message.position, later=later):
        return
    if later:
        return
    language, channel = reporter.language, turn.address.channel
    text = question_text(f"ask_{kind}", options, turn.reports, language, channel, house)
    answer_with(turn, text, buttons=buttons_for(options, turn.reports, language, house))


def _choice(turn: Turn) -> None:
    """The answer to a numbered question: a service for the report that was asked about, or a report."""
    if turn.report is not None:
        choose_service(turn.session, turn.report, turn.decision.value, turn.house)
        return
    assert turn.row is not None  # noqa: S101  (for mypy: written before its effect)
    reporter = turn.address.reporter
    write_now(turn.session)
    held, pin = held_messages(turn.session, reporter), pin_of(reporter)
    options = (reporter.question or {}).get("options", [])
    settle_question(reporter)
    if turn.decision.value == ALL:
        for code in options:
            if (each := turn.reports.get(code)) is not None:
                turn.row.report = take_up(turn, held, pin, each)
        return
    chosen = turn.reports.get(turn.decision.value)
    if chosen is None:
        turn.row.report = open_held(turn, held, pin)
        turn.sender.recent.append(turn.row.report)
    else:
        turn.row.report = take_up(turn, held, pin, chosen)


def take_up(turn: Turn, held: Sequence[Message], pin: Position | None, report: Report) -> Report:
    """What waited speaks of this report: it has the effect that it would have had at once.

    Returns where it stands now: a report that was finished too long ago is gone on with in a new one.
    """
    house, now = turn.house, turn.house.now()
    message, draft = _as_one(turn, held, pin, report.language)
    said = read_signs(own_words(message.text))
    decision = on_report(known_of(report, house.pack), message, draft, said, Context(now=now))
    kind = "reopen" if decision.kind in {"ask_reopen", "deny"} else decision.kind
    if kind == "report" or (kind == "reopen" and now - report.updated_at > REOPENS_WITHIN):
        return open_held(turn, held, pin, linked_to=report.code)
    attach(turn.session, held, report, "follow_up")
    effect = EFFECTS[kind] if kind in {"confirm", "reopen", "rate", "join", "answer"} else _follow_up
    effect(replace(turn, report=report, message=message, draft=draft, said=said, decision=decision))
    report.said_at, report.unread = now, True
    tell_agency(turn.session, report, BY_CITIZEN, house)
    report.sources = {**report.sources, "chosen": True}
    return report


def open_held(
    turn: Turn, held: Sequence[Message], pin: Position | None, *, linked_to: str | None = None
) -> Report:
    """Make what waited a report of its own."""
    session, house, address = turn.session, turn.house, turn.address
    language = address.reporter.language
    _, draft = _as_one(turn, held, pin, language)
    began = held[0].received_at if held else house.now()
    report = open_report(
        session,
        draft,
        address,
        house,
        code=turn.codes.pop(),
        language=language,
        requested_at=began,
        linked_to=linked_to,
    )
    settle(session, report, house)
    attach(session, held, report, "report")
    return report


def _as_one(
    turn: Turn, held: Sequence[Message], pin: Position | None, language: str
) -> tuple[InboundMessage, Draft]:
    """What waited, read as one message."""
    words = "\n".join(message.text for message in held if message.text).strip()
    query = select(Photo).where(Photo.message_id.in_([message.id for message in held])).order_by(Photo.id)
    photos = list(turn.session.scalars(query))
    facts = [
        PhotoFacts(readable=each.state == "kept", position=Position(lat=each.lat, long=each.long))
        for each in photos
        if each.lat is not None and each.long is not None
    ]
    message = replace(turn.message, text=words, attachments=tuple(Attachment() for _ in photos), position=pin)
    return message, normalize(
        words, pin=pin, photos=facts, language=language, pack=turn.house.pack, learned=turn.house.learned.model
    )


def attach(session: Session, held: Sequence[Message], report: Report, kind: str) -> None:
    """Put what waited on a report's thread, with its photos."""
    write_now(session)
    ids = [message.id for message in held]
    session.execute(update(Message).where(Message.id.in_(ids)).values(report_id=report.id, kind=kind))
    session.execute(update(Photo).where(Photo.message_id.in_(ids)).values(report_id=report.id))


def take_in(turn: Turn) -> None:
    """What was unclear a moment ago belongs to the report that this message has made clear."""
    reporter, report, house = turn.address.reporter, turn.report, turn.house
    if report is None or not turn.is_theirs or turn.decision.kind not in MAKES_CLEAR or not reporter.question:
        return
    asked_at = reporter.question.get("asked_at")
    is_fresh = asked_at and house.now() - datetime.fromisoformat(asked_at) <= join_within(house)
    if asked_at and not (is_fresh and turn.decision.kind == "report" and NEW in reporter.question["options"]):
        return
    write_now(turn.session)
    held, pin = held_messages(turn.session, reporter), pin_of(reporter)
    settle_question(reporter)
    if not held:
        return
    _, draft = _as_one(turn, held, pin, report.language)
    attach(turn.session, held, report, "join")
    if turn.decision.kind in {"report", "join", "answer"}:
        add(turn.session, report, draft, house)
    else:
        take_place(report, draft.place, house.pack)


def join_within(house: House) -> timedelta:
    return timedelta(seconds=house.settings.join_seconds)


def decide_question(session: Session, reporter: Reporter, house: House) -> None:
    """The quiet time is over: ask. Nobody chose within a day: the likeliest report has it, and they are told.

    The likeliest is an old one of the same problem; another problem is a report of its own; what names no problem
    goes to the newest.
    """
    held, pin, question = held_messages(session, reporter), pin_of(reporter), reporter.question or {}
    is_asked = not is_to_come(reporter)
    settle_question(reporter)
    if not held or held[-1].address is None:
        return
    query = select(Report).where(Report.code.in_(question["options"])).order_by(Report.id.desc())
    reports = list(session.scalars(query))
    turn = _turn_of_clock(session, held[-1], held[-1].address, reports, house)
    if not is_asked:
        decision = Decision(kind="ask_which", options=tuple(question["options"]))
        turn = replace(turn, decision=decision, message=replace(turn.message, position=pin))
        _ask(turn, question["kind"])
        return
    service = said_service(_as_one(turn, held, pin, reporter.language)[1])
    same = [each for each in reports if service in {None, each.service_code} or question["kind"] == "reopen"]
    if same:
        take_up(turn, held, pin, same[0])
    else:
        open_held(turn, held, pin)


def _turn_of_clock(
    session: Session, last: Message, address: Address, reports: Sequence[Report], house: House
) -> Turn:
    """The turn that a person who waits did not take."""
    message = InboundMessage(
        channel=cast(Channel, address.channel),
        account=address.account,
        external_id=last.external_id,
        sender="",
        reply_ref=last.reply_ref,
    )
    return Turn(
        session=session,
        house=house,
        sender=Sender(address=address),
        message=message,
        draft=normalize("", pack=house.pack),
        said=Said(),
        decision=Decision(kind="choice"),
        reports={each.code: each for each in reports},
        codes=free_codes(session, 1),
    )


MAKES_CLEAR = {"report", "join", "answer", "follow_up", "confirm", "deny", "rate", "reopen"}

EFFECTS: dict[str, Effect] = {
    "report": _settle,
    "join": _add,
    "answer": _add,
    "follow_up": _follow_up,
    "confirm": _confirm,
    "deny": _deny,
    "reopen": _deny,
    "rate": _rate,
    "note": _note,
    "ask_which": _ask_which,
    "ask_reopen": _ask_reopen,
    "choice": _choice,
    "too": concerns_too,
    **COMMANDS,
    **LINKING,
    **FORGETTING,
    **COPIES,
    **FOLLOWING,
}
