"""Dialogues over the real channels: what is said on both sides is what docs/conversations.md shows.

`KEEP_TRANSCRIPTS=1` writes the page anew; a plain run fails where an answer differs from it.
"""

import os
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from cases import PAGE, TABLE, WRITTEN, part_of_page, write_part
from town import Town, code_in, eventually, jpeg, new_citizen

HEADING = "What is said"
PUBLIC = "https://lapor.example"  # what stands in the page for the address of the installation
DIALOGUES = tomllib.loads(TABLE.with_name("dialogues.toml").read_text(encoding="utf-8"))["dialogue"]
SHOWN = ("K7M3Q9", "P4T8WX", "R2H6NB")  # what stands in the page for the codes of a dialogue, in their order
CHANNEL_NAMES = {"sms": "SMS", "whatsapp": "WhatsApp", "email": "Mail", "telegram": "Telegram", "x": "X"}
# the date of a promise: Thursday, 3 December 2026 stands in the page
PROMISED = re.compile(r"(paling lambat |Janji: |fixed by |Promised: )([^.\n]+)\.")
TRANSCRIPTS: dict[str, list[str]] = {}


@pytest.fixture(scope="module")
def towns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Town]]:
    """Two installations: one that joins what comes within five minutes, one that takes every message by itself."""
    made = {
        join: Town(
            folder=tmp_path_factory.mktemp(f"join{join}"),
            env={"JOIN_SECONDS": str(join)},
        ).start()
        for join in (300, 0)
    }
    yield made
    for each in made.values():
        each.stop()
        each.client.close()


@pytest.mark.parametrize("dialogue", DIALOGUES, ids=[each["title"] for each in DIALOGUES])
def test_it_is_said_as_the_page_shows_it(towns: dict[int, Town], dialogue: dict[str, Any]) -> None:
    lines = played(towns[dialogue.get("join", 0)], dialogue)
    TRANSCRIPTS[dialogue["title"]] = lines
    if not os.environ.get("KEEP_TRANSCRIPTS"):
        assert "\n".join(lines).strip() in "\n".join(part_of_page(PAGE, HEADING))


def test_the_page_shows_all_of_them() -> None:
    if os.environ.get("KEEP_TRANSCRIPTS"):
        write_part(PAGE, HEADING, [line for each in DIALOGUES for line in TRANSCRIPTS[each["title"]]])
    shown = [line[4:] for line in part_of_page(PAGE, HEADING) if line.startswith("### ")]

    assert shown == [each["title"] for each in DIALOGUES]
    assert len(shown) >= 20


def played(town: Town, dialogue: dict[str, Any]) -> list[str]:
    """Play a dialogue; its lines as the page shows them."""
    channel = dialogue["channel"]
    citizen = new_citizen(channel)
    lines = [f"### {dialogue['title']}", "", f"*{CHANNEL_NAMES[channel]}*", ""]
    codes: list[str] = []
    heard = 0
    for turn in dialogue["turns"]:
        if "desk" in turn:
            answer = town.update(codes[-1], turn["desk"], turn["words"], f"{codes[-1]}-{len(lines)}")
            assert answer.status_code == 200, answer.text
            lines += [f"Official: *{turn['desk']}* – {turn['words']}", ""]
        else:
            lines += [say(town, channel, citizen, turn, codes), ""]
        for _ in range(turn.get("answers", 1)):
            heard += 1
            text = town.answer(channel, citizen, heard, within=30).replace(town.url, PUBLIC)
            codes += [code for code in codes_of(text) if code not in codes]
            lines += [*shown(text, codes), ""]
    eventually(lambda: len(town.answers(channel, citizen)) == heard, what="no more answers than that")
    return lines


def say(town: Town, channel: str, citizen: str, turn: dict[str, Any], codes: list[str]) -> str:
    written = WRITTEN | {"code": codes[-1] if codes else ""}
    words = re.sub(r"\{(\w+)\}", lambda found: written[found[1]], turn["say"])
    more: dict[str, Any] = {}
    if "pin" in turn:
        more |= {"lat": turn["pin"][0], "long": turn["pin"][1]}
    if turn.get("reply"):
        more |= {"reply_to": [m for m in town.thread(channel, citizen) if m["direction"] == "out"][-1]["id"]}
    town.say(channel, citizen, words, photos=(jpeg(),) if turn.get("photo") else (), **more)
    marks = [mark for mark in ("photo", "pin") if mark in turn] + (["a reply"] if turn.get("reply") else [])
    said = " ".join(part for part in (words, f"*({', '.join(marks)})*" if marks else "") if part)
    return f"Citizen: **{as_shown(said, codes)}**" if words else f"Citizen: {said}"


def codes_of(text: str) -> list[str]:
    return (
        [code_in(text)]
        if WRITTEN["wrong"] not in text and re.search(r"\b(?=[A-Z2-9]*\d)(?=[A-Z2-9]*[A-Z])[A-Z2-9]{6}\b", text)
        else []
    )


def as_shown(text: str, codes: list[str]) -> str:
    for code, stable in zip(codes, SHOWN, strict=False):
        text = text.replace(code, stable)
    return PROMISED.sub(_one_day, text)


def _one_day(found: re.Match[str]) -> str:
    """The same date for every promise, in the words of its language, brief where it was brief."""
    is_english, is_brief = found[1] in {"fixed by ", "Promised: "}, "," not in found[2]
    whole = "Thursday, 3 December 2026" if is_english else "Kamis, 3 Desember 2026"
    return f"{found[1]}{'3 Dec' if is_english and is_brief else '3 Des' if is_brief else whole}."


def shown(text: str, codes: list[str]) -> list[str]:
    return [f"> {line}".rstrip() + "\\" * bool(line) for line in as_shown(text, codes).strip().split("\n")]
