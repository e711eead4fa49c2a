"""Commands in words, on every channel: STATUS, LAPORAN SAYA, BANTUAN, BERHENTI, MULAI, BAHASA, BATALKAN."""

from router.elsewhere import withdraw_owed
from router.following import BY_CHAT, end_news
from router.replies import fields_of, place_name, say, service_name, status_name
from router.reports import BY_CITIZEN
from router.status import change_status
from router.turn import Effect, Turn, answer, answer_with, settle_rows, was_just_said
from store.models import Report
from store.near import joined_to

MOST_LISTED = 5


def _status(turn: Turn) -> None:
    """Where a report stands; to a stranger only what everybody may know."""
    report, house = turn.report, turn.house
    assert report is not None  # noqa: S101  (for mypy: the decision named it)
    language = turn.address.reporter.language
    fields = fields_of(report, house, language)
    if not turn.is_theirs:
        area = house.pack.areas.get(report.area_code or "")
        fields["place"] = area.name if area else house.pack.texts[language]["no_place"]
    text = say(
        house.pack,
        language,
        "state",
        turn.address.channel,
        **fields,
        status=status_name(house.pack, report, language),
    )
    answer_with(turn, text, report=report if turn.is_theirs else None)


def _mine(turn: Turn) -> None:
    """The sender's reports, the newest first: open ones and those of the last 30 days."""
    reports = list(reversed(turn.sender.recent))[:MOST_LISTED]
    if not reports:
        answer(turn, "mine_none")
        return
    separator = "; " if turn.address.channel == "sms" else "\n"
    answer(turn, "mine", list=separator.join(_line(turn, report) for report in reports))


def _line(turn: Turn, report: Report) -> str:
    house, language = turn.house, turn.address.reporter.language
    texts = house.pack.texts[language]
    status = status_name(house.pack, report, language)
    service = service_name(house.pack, report.service_code, language) or texts["no_service"]
    if turn.address.channel == "sms":
        return f"{report.code} {service.split(' / ')[0].split(' (')[0]}: {status.split(' ')[0].rstrip(',')}"
    place = (place_name(house.pack, report) or "").split(", ")[0]
    return f"{report.code}: {service}{', ' + place if place else ''} - {status}"


# What Twilio answers itself, and then blocks or lets through again: by SMS, when it is the whole message.
# https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out ("YES" is one too; here it answers a question)
TWILIO_WORDS = frozenset(
    ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "START", "UNSTOP", "HELP", "INFO")
)


def _is_answered_by_twilio(turn: Turn) -> bool:
    return turn.message.channel == "sms" and turn.message.text.strip().upper() in TWILIO_WORDS


def _help(turn: Turn) -> None:
    if not _is_answered_by_twilio(turn):
        answer(turn, "help")


def _stop(turn: Turn) -> None:
    """No more messages to this address, after this one; what is owed to it is taken back, the reports go on,
    areas' news in a chat end.

    What they ask for later is answered all the same: a new report is acknowledged, STATUS is told.
    """
    settle_rows(turn)
    was_stopped = turn.address.stopped_at is not None
    turn.address.stopped_at = turn.house.now()
    # by mail they are ended by their own link: a mailbox's owner may want one and not the other
    followed = end_news(turn) if turn.address.channel in BY_CHAT else 0
    withdraw_owed(turn.session, turn.address, turn.house)
    if followed:
        answer(turn, "stopped_news")
    elif not was_stopped and not _is_answered_by_twilio(turn):
        answer(turn, "stopped")


def _start(turn: Turn) -> None:
    was_stopped = turn.address.stopped_at is not None
    turn.address.stopped_at = None
    if _is_answered_by_twilio(turn):
        return
    if was_stopped:
        answer(turn, "started")
    elif not was_just_said(turn, "how_to"):
        _how_to(turn)


def _language(turn: Turn) -> None:
    """Answers in that language from now on; reports already told keep theirs in step."""
    wanted = turn.decision.value
    if wanted not in turn.house.pack.languages:
        answer(turn, "language_which")
        return
    turn.address.reporter.language = wanted
    for report in turn.sender.recent:
        report.language = wanted
    answer(turn, "language_set")


def _withdraw(turn: Turn) -> None:
    report = turn.report
    assert report is not None  # noqa: S101
    if report.status in {"closed", "rejected", "duplicate"}:
        _status(turn)
        return
    others = [each for each in joined_to(turn.session, report.id) if each.reporter_id != report.reporter_id]
    if others:  # the problem is theirs too
        answer(turn, "withdrawn_not", report=report, code=report.code, count=str(len(others)))
        return
    change_status(turn.session, report, "closed", by=BY_CITIZEN, house=turn.house, silent=True)
    report.acknowledged_at = report.acknowledged_at or turn.house.now()  # nothing is asked any more, nor added
    report.asked_for = report.asked_at = report.quiet_until = None
    answer(turn, "withdrawn", report=report, **fields_of(report, turn.house, report.language))


def _unknown_code(turn: Turn) -> None:
    answer(turn, "unknown_code", code=turn.decision.value[:12])


def _how_to(turn: Turn) -> None:
    """Nothing to act on: how to report, and no more than that once in a while."""
    answer(turn, "how_to")


COMMANDS: dict[str, Effect] = {
    "status": _status,
    "mine": _mine,
    "help": _help,
    "stop": _stop,
    "start": _start,
    "language": _language,
    "withdraw": _withdraw,
    "unknown_code": _unknown_code,
    "how_to": _how_to,
}
