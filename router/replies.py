"""What is said to citizens, per status, language and channel."""

import re
from functools import lru_cache

from config.pack import Pack
from router.choices import question_of
from router.house import House
from router.promise import promise_words
from router.words import SEGMENT, cut, gsm7, gsm7_length, tidy
from store.models import Report
from store.near import lead_of

SHRINKABLE = ("place", "notes", "service", "agency")  # what an SMS gives up first, in this order


def say(pack: Pack, language: str, key: str, channel: str, **fields: str) -> str:
    """One text in the sender's language, in the channel's own form where there is one; on `sms` it fits one GSM-7
    segment (160 septets)."""
    texts = pack.texts.get(language) or pack.texts[pack.languages[0]]
    if channel != "sms":
        return tidy(texts.get(f"{key}_{channel}", texts[key]).format(**fields))
    template = _plain(texts.get(f"{key}_sms", texts[key]))
    return _fit(template, {name: gsm7(value) for name, value in fields.items()})


_plain = lru_cache(maxsize=500)(gsm7)  # of templates, of which a pack has so many at most


def _fit(template: str, fields: dict[str, str]) -> str:
    """Shorten the fields one after the other until the text fits; codes are never cut, links never in part."""
    text = _filled(template, fields)
    for name, brief in BRIEFER:
        if gsm7_length(text) > SEGMENT and fields.get(name):
            fields = {**fields, name: brief(fields[name])}
            text = _filled(template, fields)
    if gsm7_length(text) > SEGMENT and fields.get("notes"):  # an official's words go before the link
        fields = {**fields, "link": ""}
        text = _filled(template, fields)
    for name in SHRINKABLE:
        over = gsm7_length(text) - SEGMENT
        if over > 0 and (value := fields.get(name)):
            fields = {**fields, name: cut(value, max(len(value) - over, 12))}
            text = _filled(template, fields)
    if gsm7_length(text) > SEGMENT and fields.get("link"):
        text = _filled(template, {**fields, "link": ""})
    while gsm7_length(text) > SEGMENT:
        text = cut(text, len(text) - 1)
    return text


def _brief_service(name: str) -> str:
    """`Sampah menumpuk, TPS` and `Lampu jalan (PJU) mati`: their first words say it."""
    return re.split(r" / |, ", re.sub(r" \([^)]*\)", "", name))[0]


def _brief_place(name: str) -> str:
    """`Jl. Kemang Raya, Bangka, Mampang Prapatan, Jakarta Selatan`: street and kelurahan say it."""
    return ", ".join(name.split(", ")[:2])


BRIEFER = (("place", _brief_place), ("service", _brief_service))


def _filled(template: str, fields: dict[str, str]) -> str:
    """All of it in GSM-7's letters already."""
    return tidy(template.format(**fields)).replace("\n", " ")


def fields_of(report: Report, house: House, language: str, notes: str | None = None) -> dict[str, str]:
    """The words about a report that a text may use."""
    pack = house.pack
    texts = pack.texts.get(language) or pack.texts[pack.languages[0]]
    lead = lead_of(report)
    agency = pack.agencies.get(lead.agency_id or "")
    return {
        "code": report.code,
        "service": service_name(pack, report.service_code, language) or texts["no_service"],
        "place": place_name(pack, report) or texts["no_place"],
        "agency": agency.name if agency else texts["no_agency"],
        "link": house.link(report.code),
        "notes": _sentence(notes),
        "emergency": str(pack.settings["emergency"]),
        **promise_words(lead, pack, texts),
    }


def _sentence(notes: str | None) -> str:
    """The official's words as a sentence: braces are theirs, a full stop is ours."""
    words = " ".join((notes or "").split())
    return words if not words or words[-1] in ".!?" else f"{words}."


def service_name(pack: Pack, code: str | None, language: str) -> str | None:
    service = pack.services.get(code or "")
    if service is None:
        return None
    return service.name_en if language == "en" else service.name


def place_name(pack: Pack, report: Report) -> str | None:
    """`Jl. Kemang Raya, Bangka`: the address as said, and the area's name where that is known and not in it."""
    is_known = report.sources.get("place", {}).get("enough", True) or not report.address_string
    area = pack.areas.get(report.area_code or "") if is_known else None
    address = (report.address_string or "").strip()
    if area is None or area.name.lower() in address.lower():
        return address or (area.name if area else None)
    return f"{address}, {area.name}" if address else area.name


def status_name(pack: Pack, report: Report, language: str) -> str:
    """How it stands, for its reporter: a joined report stands where the one it was joined to does."""
    report = lead_of(report)
    agency = pack.agencies.get(report.agency_id or "")
    texts = pack.texts.get(language) or pack.texts[pack.languages[0]]
    return texts[f"status_{report.status}"].format(agency=agency.name if agency else texts["no_agency"])


def acknowledgement(report: Report, house: House, channel: str) -> str:
    """The first answer: the code, what was understood, who has it, and the one question still open."""
    language, fields = report.language, fields_of(report, house, report.language)
    key = "ack" if report.agency_id else "ack_triage"
    if report.urgent and channel == "sms" and report.asked_for is None:
        return say(house.pack, language, "ack_urgent", channel, **fields)
    parts = [say(house.pack, language, key, channel, **fields)]
    if report.urgent:
        parts.insert(0, say(house.pack, language, "urgent", channel, **fields))
    if report.asked_for:
        question = question_for(report, house.pack, channel)
        if channel == "sms" or report.agency_id is None:
            asked = say(house.pack, language, "question", channel, **fields, question=question)
            return _joined([*parts[:-1], asked], channel)
        parts.append(question)
    return _joined(parts, channel)


def question_for(report: Report, pack: Pack, channel: str) -> str:
    """The open question: which of two places, where there are two, else what is missing.

    Where services are likely, they stand there to choose from, numbered.
    """
    which = question_of(report, pack, report.language) if report.asked_for == "place" else None
    if which:
        return gsm7(which) if channel == "sms" else which
    options = [service_name(pack, code, report.language) or code for code in service_options(report)]
    if not options:
        return say(pack, report.language, f"ask_{report.asked_for}", channel)
    shown = [f"{number} {_brief_service(name)}" for number, name in enumerate(options, 1)]
    separator = ", " if channel == "sms" else "\n"
    return say(pack, report.language, f"ask_{report.asked_for}_of", channel, options=separator.join(shown))


def service_options(report: Report) -> tuple[str, ...]:
    """The likeliest services that a report's question offers, at most three."""
    if report.asked_for not in {"service", "both"}:
        return ()
    offered = report.sources.get("service", {}).get("alternatives", [])
    return tuple(str(code) for code, _ in offered[:3])


def service_buttons(report: Report, pack: Pack) -> list[list[str]]:
    """A button for each service that is offered: what is read, and the number that comes back."""
    names = [service_name(pack, code, report.language) or code for code in service_options(report)]
    return [[_brief_service(name), str(number)] for number, name in enumerate(names, 1)]


def _joined(parts: list[str], channel: str) -> str:
    if channel != "sms":
        return "\n\n".join(parts)
    text = " ".join(parts)
    return text if gsm7_length(text) <= SEGMENT else parts[-1]
