"""What each kind of message does: to its report, and to what its sender is told."""

from collections.abc import Callable, Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from normalizer.normalize import normalize
from normalizer.text import own_words
from router.codes import without_codes
from router.commands import COMMANDS
from router.conversation import said_service
from router.forget import FORGETTING
from router.house import House
from router.linking import LINKING
from router.questions import buttons_for, held_messages, question_text, settle_question, wait_for_answer
from router.replies import fields_of, status_name
from router.reports import BY_CITIZEN, add, choose_service, free_codes, open_report, settle, take_place
from router.status import change_status
from router.turn import Turn, answer, answer_with
from store.models import Address, Message, Photo, Report, Reporter
from store.steps import reached

Effect = Callable[[Turn], None]


def take_effect(turn: Turn) -> None:
    """Give a message that has its row its effect; a kind without one is kept, and that is all."""
    effect = EFFECTS.get(turn.decision.kind)
    if effect is not None:
        effect(turn)


def _settle(turn: Turn) -> None:
    settle(turn.session, _report(turn), turn.house)
    reached("owe")


def _add(turn: Turn) -> None:
    """More of a report; one that was closed for want of an answer is open again."""
    report = _report(turn)
    if report.status == "closed":
        change_status(turn.session, report, "reopened", by=BY_CITIZEN, house=turn.house, silent=True)
    add(turn.session, report, turn.draft, turn.house)


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
    take_place(report, turn.draft.place, house.pack)
    report.updated_at = house.now()
    if report.status == "needs_info" and report.status_before:
        before, words = report.status_before, _words(turn) or None
        change_status(turn.session, report, before, by=BY_CITIZEN, house=house, notes=words, silent=True)
    if report.status == "resolved":
        _say(turn, "still_asked")
    else:
        _say(turn, "added", status=status_name(house.pack, report, turn.address.reporter.language))


def _say(turn: Turn, key: str, **more: str) -> None:
    """Answer on the report's thread."""
    report = _report(turn)
    fields = fields_of(report, turn.house, turn.address.reporter.language)
    answer(turn, key, report=report, **(fields | more))


def _confirm(turn: Turn) -> None:
    """ "Sudah beres": the reporter closes, from `resolved` or before anybody said so."""
    _move(turn, "closed")
    _say(turn, "you_closed")


def _deny(turn: Turn) -> None:
    _move(turn, "reopened")
    _say(turn, "you_reopened")


def _move(turn: Turn, status: str) -> None:
    """The reporter's own move: their words stand in the history, and are not told back to them."""
    words = _words(turn) or None
    change_status(turn.session, _report(turn), status, by=BY_CITIZEN, house=turn.house, notes=words, silent=True)


def _rate(turn: Turn) -> None:
    """Stars: three and more say that it is done; fewer are a rating of something that the reporter may reopen."""
    report = _report(turn)
    report.stars = int(turn.decision.value)
    if report.status == "resolved" and report.stars >= 3:
        _confirm(turn)
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
    reporter, options = turn.address.reporter, turn.decision.options
    if not wait_for_answer(reporter, kind, options, turn.house):
        return
    language, channel = reporter.language, turn.address.channel
    text = question_text(f"ask_{kind}", options, turn.reports, language, channel, turn.house)
    answer_with(turn, text, buttons=buttons_for(options, turn.reports, language, turn.house))


def _choice(turn: Turn) -> None:
    """The answer to a numbered question: a service for the report that was asked about, or a report."""
    if turn.report is not None:
        choose_service(turn.session, turn.report, turn.decision.value, turn.house)
        return
    reporter = turn.address.reporter
    settle_question(reporter)
    held = held_messages(turn.session, reporter)
    chosen = turn.reports.get(turn.decision.value)
    if chosen is not None:
        turn.report = chosen
        attach_held(turn.session, held, chosen, turn.house)
        if chosen.status != "reopened":
            _say(turn, "added", status=status_name(turn.house.pack, chosen, reporter.language))
    else:
        turn.sender.recent.append(open_held(turn.session, held, turn.address, turn.codes.pop(), turn.house))


def attach_held(session: Session, held: Sequence[Message], report: Report, house: House) -> None:
    """Give what waited to a report: more for the officials, or reopened where it was finished."""
    for message in held:
        message.report, message.kind = report, "follow_up"
        session.execute(update(Photo).where(Photo.message_id == message.id).values(report_id=report.id))
    words = " ".join(message.text for message in held).strip()
    report.said_at = report.updated_at = house.now()
    report.unread = True
    if report.status in {"resolved", "closed", "rejected"}:
        change_status(session, report, "reopened", by=BY_CITIZEN, house=house, notes=words or None)
    elif words:
        take_place(report, normalize(words, language=report.language, pack=house.pack).place, house.pack)


def open_held(session: Session, held: Sequence[Message], address: Address, code: str, house: House) -> Report:
    """Make what waited a report of its own."""
    language = address.reporter.language
    draft = normalize(
        "\n".join(message.text for message in held).strip(),
        language=language,
        pack=house.pack,
        learned=house.learned.model,
    )
    began = held[0].received_at if held else house.now()
    report = open_report(session, draft, address, house, code=code, language=language, requested_at=began)
    session.flush()
    for message in held:
        message.report, message.kind = report, "report"
    session.flush()
    for message in held:
        session.execute(update(Photo).where(Photo.message_id == message.id).values(report_id=report.id))
    settle(session, report, house)
    return report


def decide_question(session: Session, reporter: Reporter, house: House) -> None:
    """Nobody chose within a day: a problem is a report of its own, anything else joins the newest of those."""
    options = (reporter.question or {}).get("options", [])
    settle_question(reporter)
    held = held_messages(session, reporter)
    if not held:
        return
    words = "\n".join(message.text for message in held)
    draft = normalize(words, language=reporter.language, pack=house.pack, learned=house.learned.model)
    report = session.scalar(select(Report).where(Report.code.in_(options)).order_by(Report.id.desc()).limit(1))
    address = held[-1].address
    if report is None or (said_service(draft) is not None and address is not None):
        assert address is not None  # noqa: S101  (held messages were found by their address)
        open_held(session, held, address, free_codes(session, 1)[0], house)
    else:
        attach_held(session, held, report, house)


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
    **COMMANDS,
    **LINKING,
    **FORGETTING,
}
