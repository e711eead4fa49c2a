"""What an agency reads in its mailbox or its group, in the city's first language: texts of the pack."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from normalizer.privacy import public_description
from router.agency_answers import form_of
from router.house import House
from router.replies import fields_of, say, status_name
from router.ways import HANDED_OVER, TEST
from router.words import cut
from store.models import AgencyWay, Delivery, Message, Report

LONGEST = {"telegram": 1024}  # UTF-16 units of a photo's caption: https://core.telegram.org/bots/api#sendphoto


def letter_of(house: House, row: Delivery, way: AgencyWay, link: str, said: Sequence[Message]) -> tuple[str, str]:
    """Subject and text of a mail, as its report stands now. `said` is what the reporter has said meanwhile.

    In a group on Telegram only the text is read; it has forms of its own (`…_telegram` in the pack).
    """
    report, language, form = row.report, house.pack.languages[0], form_of(way.kind)
    agency = house.pack.agencies.get(way.agency_id)
    name = agency.name if agency else way.agency_id
    if row.subject == TEST:
        return _say(house, "agency_test_subject", form, agency=name), _say(house, "agency_test", form, agency=name)
    if report is None:
        fields = {"agency": name, "list": row.text, "link": f"{house.settings.base_url}/desk"}
        return _say(house, "agency_group_subject", form, **fields), _say(house, "agency_group", form, **fields)
    fields = fields_of(report, house, language) | {"link": link, "agency": name}
    if row.text:  # our answer to a mail of theirs
        return _say(house, "agency_answer_subject", form, **fields), row.text
    if report.agency_id != way.agency_id:
        return _subject(house, "agency_gone", fields), _say(house, "agency_mail_gone", form, **fields)
    key = "agency_new" if row.subject == HANDED_OVER else "agency_changed"
    if report.urgent:
        key = f"{key}_urgent"
    return _subject(house, key, fields), _whole(house, report, key, fields, said, form)


def _subject(house: House, key: str, fields: dict[str, str]) -> str:
    return _say(house, "agency_subject", "desk", what=_say(house, key, "desk"), **fields)


def _whole(
    house: House, report: Report, key: str, fields: dict[str, str], said: Sequence[Message], form: str
) -> str:
    """The whole letter; where the form has a limit the citizen's words are cut: the link leads to all of them."""
    local = report.requested_at.astimezone(ZoneInfo(house.pack.timezone))
    later = "\n\n".join(f"> {each}" for each in (_in_one(message) for message in said[-3:]) if each)
    all_of = fields | {
        "what": _say(house, key, form),
        "status": status_name(house.pack, report, house.pack.languages[0]),
        "since": f"{local:%d-%m-%Y %H.%M}",
        "point": _point(report),
        "words": report.public_description.strip(),
        "later": _say(house, "agency_later", form, list=later) if later else "",
        "why": _reason(report),
        "how": _say(house, "agency_how", form),
    }
    text = _say(house, "agency_mail", form, **all_of)
    for name in ("words", "later"):
        over = units(text) - LONGEST.get(form, units(text))
        if over > 0:
            all_of[name] = cut(all_of[name], max(len(all_of[name]) - over, 0))
            text = _say(house, "agency_mail", form, **all_of)
    return text


def units(text: str) -> int:
    """UTF-16 units, which Telegram counts."""
    return len(text.encode("utf-16-le")) // 2


def _in_one(message: Message) -> str:
    return " ".join(public_description(message.text).split())


def _reason(report: Report) -> str:
    notes = report.history[-1].notes if report.history else None
    return public_description(notes) if notes else ""


def _point(report: Report) -> str:
    if report.lat is None or report.long is None:
        return "-"
    at = f"{report.lat:.6f}"
    return f"https://www.openstreetmap.org/?mlat={at}&mlon={report.long:.6f}#map=18/{at}/{report.long:.6f}"


def _say(house: House, key: str, form: str, **fields: str) -> str:
    return say(house.pack, house.pack.languages[0], key, form, **fields)
