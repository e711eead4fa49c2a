"""A message that Twilio has and our webhook never took is one report with one answer all the same."""

import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text
from town import TEXT, Town, code_in, eventually, jpeg, new_citizen, report

from sandbox.memory import keep_message, open_memory, person
from sandbox.photos import read_photo
from tests.faults.crowd import a_citizen, becomes_quiet, counted, looking_into, post_sms, signed, sms_form
from tests.faults.test_disks_and_databases import fill, small_disk


def twilio_hears(town: Town, form: dict[str, str], *photos: bytes) -> None:
    """A phone's message reaches Twilio; our webhook hears nothing of it."""
    channel = "whatsapp" if form["From"].startswith("whatsapp:") else "sms"
    number = form["From"].removeprefix("whatsapp:")
    with contextlib.closing(open_memory(town.folder / "data")) as db:
        keep_message(
            db,
            channel=channel,
            person=person(db, channel, number, number).key,
            id=form["MessageSid"],
            direction="in",
            text=form["Body"],
            wire={"from": form["From"], "to": form["To"], "status": "received"},
            photos=[read_photo(each) for each in photos],
        )


def whatsapp_form(town: Town, number: str, words: str) -> dict[str, str]:
    kept = json.loads((town.folder / "data" / "sandbox.json").read_text())
    to = kept["twilio_whatsapp_number"].removeprefix("whatsapp:")
    sid = f"MM{int(number.lstrip('+')):032x}"
    return {"MessageSid": sid, "From": f"whatsapp:{number}", "To": f"whatsapp:{to}", "Body": words}


def photos(town: Town) -> list[str]:
    with looking_into(town) as ours:
        return [state for (state,) in ours.execute(text("SELECT state FROM photos"))]


def worked_off(town: Town) -> set[str]:
    """The ids of what the journal has handed on: messages, and receipts of answers that Twilio tells again."""
    file = max((town.folder / "data" / "journal").glob("*.sqlite"))
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as journal:
        return {each for (each,) in journal.execute("SELECT external_id FROM entries WHERE state = 'done'")}


def post(town: Town, form: dict[str, str]) -> int:
    body, headers = signed(town, "/hooks/twilio", form)
    return town.client.post("/hooks/twilio", content=body, headers=headers).status_code


def test_what_came_while_the_server_was_down_is_one_report_however_late_its_webhook_is_and_however_often_listed(
    new_town: Callable[..., Town],
) -> None:
    town = new_town().start()
    early, late = a_citizen("sms"), a_citizen("sms")
    assert post_sms(town, early) == 200
    twilio_hears(town, sms_form(town, early))
    town.answer("sms", early.name)
    town.stop()
    twilio_hears(town, sms_form(town, late))
    chat = whatsapp_form(town, new_citizen("whatsapp"), TEXT)
    twilio_hears(town, chat, jpeg())
    town.start()

    code = code_in(town.answer("sms", late.name))
    assert report(town, code)["agency_id"] == "dbm"
    whatsapp = chat["From"].removeprefix("whatsapp:")
    code = code_in(town.answer("whatsapp", whatsapp))
    eventually(lambda: photos(town) == ["kept"], what="the photo is fetched")
    for form in (sms_form(town, late), chat | {"NumMedia": "0"}):
        assert post(town, form) == 200
    becomes_quiet(town)
    assert counted(town, "lapor_reports") == 3
    for channel, number in (("sms", early.name), ("sms", late.name), ("whatsapp", whatsapp)):
        assert len(town.answers(channel, number)) == 1

    # a journal that does not know them: each day has a file of its own, what Twilio lists again meets the database
    town.stop()
    for file in (town.folder / "data" / "journal").glob("*.sqlite*"):
        file.unlink()
    town.start()
    said = {sms_form(town, early)["MessageSid"], sms_form(town, late)["MessageSid"], chat["MessageSid"]}
    eventually(lambda: said <= worked_off(town), what="they are kept once more")
    becomes_quiet(town)
    assert counted(town, "lapor_reports") == 3
    for channel, number in (("sms", early.name), ("sms", late.name), ("whatsapp", whatsapp)):
        assert len(town.answers(channel, number)) == 1


def test_what_heard_503_from_a_full_disk_is_one_report_once_there_is_room(tmp_path: Path) -> None:
    town = Town(folder=tmp_path)
    with small_disk(tmp_path / "data" / "journal", 8) as disk, contextlib.ExitStack() as stack:
        stack.callback(town.client.close)
        stack.callback(town.stop)
        town.start()
        filler = fill(disk)
        refused = a_citizen("sms")
        eventually(lambda: post_sms(town, refused) == 503, what="Twilio hears 503")
        twilio_hears(town, sms_form(town, refused))
        assert town.answers("sms", refused.name) == []
        filler.unlink()

        town.answer("sms", refused.name, within=30)  # nobody says it again
        becomes_quiet(town)
        assert len(town.answers("sms", refused.name)) == 1
        assert counted(town, "lapor_reports") == 1
