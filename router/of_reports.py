"""What a message does to the one report that it is of, and what its sender hears."""

from datetime import timedelta

from normalizer.text import own_words
from router.codes import without_codes
from router.completing import add, choose_service
from router.corrections import correct
from router.facts import share, take_place
from router.holding import current
from router.house import House
from router.replies import fields_of, status_name
from router.reports import BY_CITIZEN, settle
from router.status import CLOSES_AFTER, change_status
from router.turn import Effect, Turn, answer, was_just_said
from store.models import Report
from store.near import lead_of
from store.steps import reached


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


def join_within(house: House) -> timedelta:
    return timedelta(seconds=house.settings.join_seconds)


OF_REPORTS: dict[str, Effect] = {
    "report": _settle,
    "join": _add,
    "answer": _add,
    "follow_up": _follow_up,
    "confirm": _confirm,
    "deny": _deny,
    "reopen": _deny,
    "rate": _rate,
    "note": _note,
}
