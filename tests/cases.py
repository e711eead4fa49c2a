"""The table of cases of `decide`: read from tests/data/conversations, shown in docs/conversations.md."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from config.pack import Pack, load_pack
from config.settings import ROOT
from normalizer.normalize import normalize
from normalizer.schema import Attachment, Draft, InboundMessage, PhotoFacts, Position
from normalizer.text import own_words
from router.codes import LETTERS, codes_in, is_code
from router.context import spot_of_place
from router.conversation import decide
from router.known import NEW, Context, Decision, Known, Pending
from router.said import read_signs

TABLE = ROOT / "tests" / "data" / "conversations" / "cases.toml"
PAGE = ROOT / "docs" / "conversations.md"
HEADING = "What a message is taken for"
NOW = datetime(2026, 3, 20, 5, 0, tzinfo=UTC)
PACK = load_pack(ROOT / "config" / "jakarta")
STRANGERS = "S"  # the report of somebody else

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def _code_of(name: str) -> str:
    return next(f"K7M3{name}{last}" for last in LETTERS if is_code(f"K7M3{name}{last}"))


CODES = {name: _code_of(name) for name in "ABCDEF" + STRANGERS}
NAMES = {code: name for name, code in CODES.items()}
# In a message {A} stands for A's code, {a} for it in small letters, {wrong} for one with a wrong check letter.
WRITTEN = CODES | {name.lower(): code.lower() for name, code in CODES.items()} | {"wrong": "K7M3AA"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row: what is known before, the message, and what comes out (`kind`, and which report or words)."""

    group: str
    says: str
    then: str
    given: tuple[str, ...] = ()
    asked: str = ""
    on: str = ""
    edits: str = ""
    photo: bool = False
    pin: tuple[float, float] | None = None
    channel: str = "whatsapp"
    subject: str = ""
    auto: str | None = None
    unproven: bool = False
    edit_came_first: bool = False
    why: str = ""

    @property
    def name(self) -> str:
        return f"{self.group}: {self.says or self.brought} {' '.join(self.given)}"[:110]

    @property
    def text(self) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: WRITTEN[found[1]], self.says)

    @property
    def brought(self) -> str:
        return " + ".join([*(["photo"] if self.photo else []), *(["pin"] if self.pin else [])])


def cases() -> list[Case]:
    """All rows, in the table's order."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return [_case(group["title"], row) for group in table["group"] for row in group["case"]]


def _case(group: str, row: dict[str, Any]) -> Case:
    pin = tuple(row["pin"]) if "pin" in row else None
    return Case(group=group, **{**row, "given": tuple(row.get("given", ())), "pin": pin})


# --- what `decide` is given ---------------------------------------------------------------------------------


def outcome(case: Case) -> str:
    """What `decide` makes of a case, in the words of the table: `follow_up A`, `ask_which A B new`."""
    message = message_of(case)
    draft = draft_of(message)
    decision = decide(message, draft, read_signs(own_words(draft.description)), context_of(case, message, draft))
    return in_words(decision)


def in_words(decision: Decision) -> str:
    code = None if decision.code in decision.options else decision.code
    beside = ["beside"] if decision.kind == "report" and decision.value else []
    words = [decision.kind, code, *decision.options, *beside, decision.value]
    return " ".join(NAMES.get(word, word) for word in words if word)


def message_of(case: Case) -> InboundMessage:
    return InboundMessage(
        channel=case.channel,  # type: ignore[arg-type]
        account="+6290",
        external_id="m1",
        sender="+6281234",
        text=case.text,
        subject=case.subject,
        attachments=(Attachment(content=b"photo", content_type="image/jpeg"),) if case.photo else (),
        position=Position(lat=case.pin[0], long=case.pin[1]) if case.pin else None,
        auto=case.auto,  # type: ignore[arg-type]
        proven=not case.unproven,
    )


def draft_of(message: InboundMessage, pack: Pack = PACK) -> Draft:
    photos = [PhotoFacts(readable=True)] * len(message.attachments)
    return normalize(message.text, subject=message.subject, pin=message.position, photos=photos, pack=pack)


def context_of(case: Case, message: InboundMessage, draft: Draft) -> Context:
    known = {each.code: each for each in map(known_of, case.given)}
    mine = sorted((each for each in known.values() if each.is_theirs), key=lambda each: each.said_at, reverse=True)
    recent = [each for each in mine if each.is_open or NOW - each.updated_at < timedelta(days=30)]
    codes = codes_in(f"{own_words(message.text)} {message.subject}")
    return Context(
        now=NOW,
        reports=recent,
        thread=known[CODES[case.on]] if case.on else None,
        named=next((known[code] for code in codes if code in known), None),
        edited=known[CODES[case.edits]] if case.edits else None,
        spot=spot_of_place(draft.place),
        superseded=case.edit_came_first,
        pending=_pending(case.asked, known),
        proven=not case.unproven,
    )


def known_of(given: str) -> Known:
    """ "A lampu_jalan | Kelurahan Bangka | in_progress | 3 days | asked place": a report as `decide` sees it."""
    head, where, status, age, *more = (part.strip() for part in given.split("|"))
    name, _, service = head.partition(" ")
    since = NOW - _time(age)
    draft = normalize(where, pack=PACK) if where != "-" else None
    asked = next((word.removeprefix("asked ") for word in more if word.startswith("asked ")), None)
    pin = next((word.removeprefix("pin ").split() for word in more if word.startswith("pin ")), None)
    told = next((_time(word.removeprefix("told ")) for word in more if word.startswith("told ")), _time(age))
    spot = spot_of_place(draft.place if draft else None)
    if pin:
        spot = spot_of_place(normalize("", pin=Position(lat=float(pin[0]), long=float(pin[1])), pack=PACK).place)
    return Known(
        code=CODES[name],
        status=status,
        service_code=service if service not in {"", "-"} else None,
        area_code=draft.place.area_code if draft and draft.place else None,
        has_place=where != "-",
        spot=spot,
        asked_for=asked,
        acknowledged="being told" not in more,
        requested_at=NOW - told,
        updated_at=since,
        said_at=NOW - told
        if status in {"resolved", "needs_info", "closed", "rejected"} and "said" not in more
        else since,
        is_theirs=name != STRANGERS,
        chosen="chosen before" in more,
    )


def _time(words: str) -> timedelta:
    number, unit = words.split()
    return timedelta(seconds=int(number) * _UNITS[unit.rstrip("s")])


def _pending(asked: str, known: dict[str, Known]) -> Pending | None:
    """ "which A B new", "reopen A new", "service A lampu_jalan sampah banjir"."""
    if not asked:
        return None
    kind, *options = asked.split()
    if kind == "service":
        return Pending(kind="service", options=tuple(options[1:]), code=CODES[options[0]])
    codes = tuple(CODES.get(option, NEW) for option in options)
    return Pending(kind=kind, options=codes)  # type: ignore[arg-type]


# --- the page -----------------------------------------------------------------------------------------------


def page_of_cases() -> Iterator[str]:
    """The table as a page shows it, line by line."""
    group = ""
    for case in cases():
        if case.group != group:
            group = case.group
            yield from ("", f"### {group}", "", "| Known before | They say | It is |", "|---|---|---|")
        yield f"| {_known_words(case)} | {_said_words(case)} | {case.then}{f' ({case.why})' if case.why else ''} |"


def _known_words(case: Case) -> str:
    lines = [" · ".join(part.strip() for part in line.split("|") if part.strip() != "-") for line in case.given]
    lines += [f"asked: {case.asked}"] if case.asked else []
    return "<br>".join(lines) or "nothing"


def _said_words(case: Case) -> str:
    marks = [
        case.brought,
        f"reply on {case.on}" if case.on else "",
        f"edit of {case.edits}" if case.edits else "",
        "its edit came first" if case.edit_came_first else "",
        f"a program's mail ({case.auto})" if case.auto else "",
        "a mail without proof" if case.unproven else "",
        case.channel if case.channel != "whatsapp" and not case.unproven else "",
    ]
    shown = ", ".join(mark for mark in marks if mark)
    words = case.says.replace("|", "\\|").replace("\n", " / ").strip()
    return " ".join(part for part in (f"“{words}”" if words else "", f"*{shown}*" if shown else "") if part)


def part_of_page(page: Path, heading: str) -> list[str]:
    """The lines of the page under that heading of the second level."""
    lines = page.read_text(encoding="utf-8").split("\n")
    start = lines.index(f"## {heading}") + 1
    end = next((n for n in range(start, len(lines)) if lines[n].startswith("## ")), len(lines))
    return lines[start:end]


def write_part(page: Path, heading: str, lines: list[str]) -> None:
    """Write that part of the page anew; an answer's lines end as Markdown wants it."""
    text = page.read_text(encoding="utf-8").split("\n")
    start = text.index(f"## {heading}") + 1
    end = start + len(part_of_page(page, heading))
    page.write_text("\n".join([*text[:start], "", *lines, *text[end:]]).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":  # .venv/bin/python -m tests.cases writes the table into the page
    write_part(PAGE, HEADING, [*page_of_cases(), ""])
