"""What waits with a question between reports, and what becomes of it: an answer, a clear word, or the clock."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from normalizer.normalize import normalize
from normalizer.schema import Attachment, Channel, Draft, InboundMessage, PhotoFacts, Position
from normalizer.text import own_words
from router.completing import add, choose_service
from router.context import known_of
from router.facts import take_place
from router.heard import said_service
from router.house import House
from router.known import AGAIN, ALL, LATER, NEW, Context, Decision
from router.of_reports import OF_REPORTS, join_within
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
from router.reports import BY_CITIZEN, free_codes, open_report, settle
from router.said import Said, read_signs
from router.senders import Sender
from router.status import REOPENS_WITHIN
from router.turn import Effect, Turn, answer_with
from router.ways import tell_agency
from store.bulk import write_now
from store.models import Address, Message, Photo, Report, Reporter


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
    effect = OF_REPORTS[kind if kind in {"confirm", "reopen", "rate", "join", "answer"} else "follow_up"]
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
BETWEEN_REPORTS: dict[str, Effect] = {"ask_which": _ask_which, "ask_reopen": _ask_reopen, "choice": _choice}
