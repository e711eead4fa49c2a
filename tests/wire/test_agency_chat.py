"""An agency in its group on Telegram: linked by a code, told of its reports, moving them by answers; over HTTP."""

import asyncio
from argparse import Namespace
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from town import jpeg

from desk import ways_console
from router.chat_codes import GOOD_FOR
from router.limits import GROUP_RATE, LONGEST_WAIT, Limits
from router.outbox import open_connections
from router.photos import fetch_owed
from router.status import Actor, change_status
from router.way_changes import add_way, new_code, remove_way, resume_way, try_way
from store.desk import Deed
from store.models import Address, AgencyWay, Delivery, Message, Photo, Report, StatusUpdate
from tests.wire.chat import BOT, Chats, chats_in
from tests.wire.desk_rooms import add_photo, add_report, answers_to, move, status_of
from tests.wire.test_telegram import refusal

GROUP, OTHER = -1001887766554, -1002000000000


@pytest.fixture
def chats(tmp_path: Path) -> Iterator[Chats]:
    with chats_in(tmp_path, public_url="https://lapor.example") as chats:
        yield chats


def code_of(chats: Chats, agency: str = "dbm") -> str:
    added = add_way(chats.room.house, agency, "telegram")
    assert added.secret is not None
    return added.secret


@pytest.fixture
def linked(chats: Chats) -> Chats:
    chats.say(f"/dinas {code_of(chats)}", chat=GROUP)
    assert "menerima laporan warga untuk Dinas Bina Marga" in chats.answer()
    return chats


def way(chats: Chats, number: int = 0) -> AgencyWay:
    found: AgencyWay = chats.rows(AgencyWay)[number]
    return found


def membership(status: str, chat: int = GROUP) -> dict[str, Any]:
    group = {"id": chat, "type": "supergroup", "title": "Piket PJU"}
    return {"my_chat_member": {"chat": group, "from": {"id": 3}, "new_chat_member": {"status": status}}}


def handed(chats: Chats, **said: Any) -> tuple[str, int, dict[str, Any]]:
    """A report that the group was told of: its code, the number of our message, and what it said."""
    code = add_report(chats.room.house, **said)
    (message,) = chats.heard()
    return code, chats.api.number - 1, message


# --- the link -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["/dinas {}", "/dinas@lapor_dki_bot  {}", "/Dinas {}"])
def test_the_code_links_the_group_that_it_is_written_in_once(chats: Chats, written: str) -> None:
    code = code_of(chats)
    add_report(chats.room.house)
    assert chats.heard() == []  # no group yet: nothing is owed
    chats.say(written.format(code.lower()), chat=GROUP)
    assert "TERIMA" in chats.answer()
    assert str(GROUP).encode() not in (way(chats).sealed or b"")
    chats.say(f"/dinas {code}", chat=OTHER)
    assert chats.heard() == []
    _, _, message = handed(chats)
    assert message["chat_id"] == GROUP
    assert chats.rows(Message, channel="telegram") == []  # the code lies nowhere


def test_a_wrong_or_old_code_is_met_with_silence(chats: Chats) -> None:
    code = code_of(chats)
    chats.say("/dinas ABCDEFGHJK", chat=GROUP)
    chats.say("/dinas", chat=GROUP)
    chats.room.house.now.on(hours=GOOD_FOR / timedelta(hours=1))  # type: ignore[attr-defined]
    chats.say(f"/dinas {code}", chat=GROUP)
    assert chats.heard() == []
    assert way(chats).sealed is None
    newer = new_code(chats.room.house, 1)
    assert newer != code
    chats.say(f"/dinas {newer}", chat=GROUP)
    assert len(chats.heard()) == 1


def test_a_group_that_is_open_to_everybody_is_not_linked_and_admins_see_why(chats: Chats) -> None:
    code = code_of(chats)
    chats.say(f"/dinas {code}", chat=GROUP, username="piket")
    assert chats.heard() == []
    assert way(chats).sealed is None
    assert "open to everybody" in (way(chats).last_error or "")


def test_a_group_is_one_agencys(linked: Chats) -> None:
    linked.say(f"/dinas {code_of(linked, 'dlh')}", chat=GROUP)
    assert way(linked, 1).sealed is None
    assert "linked already: way 1" in (way(linked, 1).last_error or "")


def test_an_operator_makes_a_new_code_by_command(
    chats: Chats, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = code_of(chats)
    monkeypatch.setenv("DATA_DIR", str(chats.room.house.settings.data_dir))
    assert ways_console.code(Namespace(number=1)) == 0
    said = capsys.readouterr().out
    assert "/dinas " in said
    assert code not in said
    assert ways_console.list_ways(Namespace()) == 0
    assert "no group yet" in capsys.readouterr().out
    chats.say(f"/dinas {said.strip().rpartition(' ')[2]}", chat=GROUP)
    assert len(chats.heard()) == 1


# --- what the group is told ---------------------------------------------------------------------------------


def test_a_report_is_one_message_with_place_promise_and_buttons_and_without_its_reporter(linked: Chats) -> None:
    code, _, message = handed(linked)
    said = message["text"]
    assert code in said
    assert "Jl. Manggarai Utara 12" in said
    assert "openstreetmap.org/?mlat=-6.214679" in said
    assert "paling lambat" in said
    assert "https://lapor.example/a/" in said
    assert "0812" not in said
    assert message["link_preview_options"] == {"is_disabled": True}
    (terima,), (proses,) = message["reply_markup"]["inline_keyboard"]
    assert (terima["callback_data"], proses["callback_data"]) == ("TERIMA", "PROSES")


def test_the_photo_stands_above_the_words_and_long_words_are_cut_to_fit_below_it(linked: Chats) -> None:
    house = linked.room.house
    words = "Lubangnya dalam sekali. " * 100
    code = add_report(house, public_description=words, agency_id=None)
    add_photo(house, code, jpeg("gray", 300), copy_key=house.store.media.put(jpeg("gray", 300)))
    with house.store.write() as session:
        report = session.query(Report).filter_by(code=code).one()
        change_status(session, report, "assigned", by=Actor(name="officer:ani"), house=house, agency_id="dbm")
    (message,) = linked.heard()
    assert "text" not in message
    assert message["photo"].filename == "foto.jpg"
    assert len(message["caption"].encode("utf-16-le")) // 2 <= 1024
    assert "Lubangnya dalam sekali" in message["caption"]
    assert "SELESAI" in message["caption"]
    linked.say("TERIMA", chat=GROUP, reply_to=linked.api.number - 1)
    assert status_of(house, code) == "accepted"


def test_what_happens_later_answers_the_first_message(linked: Chats) -> None:
    code, number, _ = handed(linked)
    move(linked.room.house, code, "in_progress")  # by an officer of no agency
    (message,) = linked.heard()
    assert message["reply_parameters"]["message_id"] == number
    assert "Ada perkembangan" in message["text"]


def test_a_test_arrives_in_the_group(linked: Chats) -> None:
    try_way(linked.room.house, 1)
    assert "pesan uji" in linked.answer()


# --- what the group answers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("TERIMA", "accepted"),
        ("proses, regu berangkat", "in_progress"),
        ("@lapor_dki_bot SELESAI lubang ditambal", "resolved"),
        ("Tolak: ini jalan tol", "rejected"),
    ],
)
def test_an_answer_to_our_message_moves_the_report_and_says_so(linked: Chats, text: str, status: str) -> None:
    code, number, _ = handed(linked)
    answer = linked.say(text, chat=GROUP, reply_to=number)
    assert status_of(linked.room.house, code) == status
    (said,) = linked.heard()
    assert f"Tercatat. Laporan {code}" in said["text"]
    assert said["reply_parameters"]["message_id"] == answer
    assert [line.status for line in linked.rows(StatusUpdate, by="agency:dbm")] == [status]
    (deed,) = linked.rows(Deed)
    assert (deed.by, deed.what, deed.about) == ("agency:dbm Sri", "chat_moved", status)
    assert linked.rows(Report)[0].code == code
    assert len(linked.rows(Report)) == 1


def test_an_answer_to_what_came_later_or_to_our_answer_counts_too(linked: Chats) -> None:
    code, number, _ = handed(linked)
    linked.say("TERIMA", chat=GROUP, reply_to=number)
    linked.heard()
    linked.say("PROSES", chat=GROUP, reply_to=linked.api.number - 1)
    assert status_of(linked.room.house, code) == "in_progress"


def test_a_pressed_button_is_an_answer(linked: Chats) -> None:
    code, number, _ = handed(linked)
    linked.press("TERIMA", number, chat=GROUP)
    assert status_of(linked.room.house, code) == "accepted"
    (said,) = linked.heard()
    assert said["reply_parameters"]["message_id"] == number
    linked.press("TERIMA", number, chat=GROUP)
    assert "tidak dapat dicatat" in linked.answer()


def test_bukan_gives_the_report_to_the_next_agency_and_the_group_is_done_with_it(linked: Chats) -> None:
    code, number, _ = handed(linked)
    linked.say("BUKAN wewenang kami: jalan lingkungan", chat=GROUP, reply_to=number)
    assert linked.rows(Report)[0].agency_id != "dbm"
    assert "diteruskan ke" in linked.answer()
    linked.say("PROSES", chat=GROUP, reply_to=number)
    assert "tidak lagi pada" in linked.answer()
    assert status_of(linked.room.house, code) == "assigned"


def fetch(chats: Chats) -> None:
    async def once() -> None:
        async with open_connections(chats.room.house.settings) as connections:
            await fetch_owed(chats.room.house, connections)

    asyncio.run(once())


def test_a_photo_with_selesai_and_the_rest_of_its_album_show_what_was_done(linked: Chats) -> None:
    code, number, _ = handed(linked)
    linked.api.files["file_1.jpg"] = jpeg("green", 500)
    sizes = [{"file_id": "AgAC1", "width": 500, "height": 500}]
    done = {"photo": sizes, "caption": "SELESAI lubang ditambal", "media_group_id": "9"}
    linked.say(chat=GROUP, reply_to=number, **done)
    assert status_of(linked.room.house, code) == "resolved"
    assert "lubang ditambal" in answers_to(linked.room.house, code)[-1]
    fetch(linked)
    more = [{"file_id": "AgAC2", "width": 500, "height": 500}]
    linked.say(chat=GROUP, reply_to=number, photo=more, media_group_id="9")
    fetch(linked)
    photos = linked.rows(Photo)
    assert [(each.is_after, each.state, each.width, each.public_state) for each in photos] == [
        (True, "kept", 500, "owed"),
        (True, "kept", 500, "owed"),
    ]
    # the same picture twice is doubted, as with every other way
    assert any("Foto sesudah" in (line.notes or "") for line in linked.rows(StatusUpdate))
    assert len(linked.heard()) == 1


def test_selesai_without_words_is_asked_for_them(linked: Chats) -> None:
    code, number, _ = handed(linked)
    linked.say("SELESAI", chat=GROUP, reply_to=number)
    assert "tulis sesudah kata pertama" in linked.answer()
    assert status_of(linked.room.house, code) == "assigned"


def test_talk_below_our_messages_changes_nothing_and_is_answered_once_an_hour_at_most(linked: Chats) -> None:
    code, number, _ = handed(linked)
    for words in ("siap pak", "besok dicek ya", "terima kasih pak"):
        linked.say(words, chat=GROUP, reply_to=number)
    (said,) = linked.heard()
    assert "belum kami pahami" in said["text"]
    assert status_of(linked.room.house, code) == "assigned"


def test_what_is_edited_is_never_scolded(linked: Chats) -> None:
    code, number, _ = handed(linked)
    answer = linked.say("TERIMA", chat=GROUP, reply_to=number)
    linked.heard()
    edited = {
        "message_id": answer,
        "chat": {"id": GROUP, "type": "supergroup"},
        "from": {"id": 3, "first_name": "Sri", "is_bot": False},
        "reply_to_message": {"message_id": number, "from": {"id": BOT, "is_bot": True}},
        "date": 1_793_000_000,
    }
    linked.push({"edited_message": {**edited, "edit_date": 1_793_000_009, "text": "TERIMA ya"}})
    assert linked.heard() == []
    linked.push({"edited_message": {**edited, "edit_date": 1_793_000_020, "text": "PROSES"}})
    assert status_of(linked.room.house, code) == "in_progress"


def test_the_same_answer_twice_has_one_effect(linked: Chats) -> None:
    _, number, _ = handed(linked)
    said = {
        "message_id": 77,
        "chat": {"id": GROUP, "type": "supergroup"},
        "from": {"id": 3, "first_name": "Sri", "is_bot": False},
        "reply_to_message": {"message_id": number, "from": {"id": BOT, "is_bot": True}},
        "date": 1_793_000_000,
        "text": "TERIMA",
    }
    for _ in range(2):
        linked.push({"message": said})
    assert len(linked.heard()) == 1
    assert len(linked.rows(Message, kind="agency")) == 1


# --- who is not heard ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("chat", [GROUP, OTHER])
@pytest.mark.parametrize(
    "text",
    [
        "lampu jalan mati total di Jl. Manggarai Utara 2, Kelurahan Manggarai",
        "@lapor_dki_bot got mampet di Jl. Tebet Barat IV",
        "/lapor banjir di Menteng",
        "/ikuti Menteng",
        "/start",
        "HAPUS DATA SAYA",
        "SELESAI sudah beres",
    ],
)
def test_a_group_is_no_citizen(linked: Chats, chat: int, text: str) -> None:
    linked.say(text, chat=chat)
    assert linked.heard() == []
    assert linked.rows(Report) == []
    assert linked.rows(Address) == []
    assert linked.rows(Message) == []


def test_nothing_but_the_linked_group_moves_a_report(linked: Chats) -> None:
    code, number, _ = handed(linked)
    linked.say("SELESAI sudah beres", chat=OTHER, reply_to=number)  # the same number in another group
    linked.press("TERIMA", number, chat=OTHER)
    linked.say("SELESAI sudah beres", chat=GROUP)  # to nobody
    linked.say("SELESAI sudah beres", chat=GROUP, reply_to=number + 500)  # to what we said of nothing
    assert linked.heard() == []
    linked.say("SELESAI sudah beres", chat=8, reply_to=number)  # somebody in a chat of their own
    assert status_of(linked.room.house, code) == "assigned"
    assert [line.status for line in linked.rows(StatusUpdate)] == ["assigned"]


def test_another_agencys_group_does_not_move_it_either(linked: Chats) -> None:
    linked.say(f"/dinas {code_of(linked, 'dlh')}", chat=OTHER)
    linked.heard()
    code, number, _ = handed(linked)
    linked.say("SELESAI sudah beres", chat=OTHER, reply_to=number)
    linked.press("TERIMA", number, chat=OTHER)
    assert linked.heard() == []
    assert status_of(linked.room.house, code) == "assigned"


def test_a_group_that_was_opened_to_everybody_moves_nothing(linked: Chats) -> None:
    code, number, _ = handed(linked)
    linked.say("SELESAI sudah beres", chat=GROUP, reply_to=number, username="piket")
    assert "terbuka untuk umum" in linked.answer()
    assert status_of(linked.room.house, code) == "assigned"


def test_after_its_way_was_removed_a_group_is_not_heard(linked: Chats) -> None:
    code, number, _ = handed(linked)
    remove_way(linked.room.house, 1)
    linked.say("SELESAI sudah beres", chat=GROUP, reply_to=number)
    assert linked.heard() == []
    assert status_of(linked.room.house, code) == "assigned"
    assert (way(linked).sealed, way(linked).lookup) == (None, None)


# --- a group that moves, ends, or is full -------------------------------------------------------------------


def test_a_group_that_became_a_supergroup_is_followed(chats: Chats) -> None:
    old, group = -4242, {"id": -4242, "type": "group", "title": "Piket"}
    code = code_of(chats)
    chats.say(f"/dinas {code}", chat=old)
    chats.heard()
    said = {"message_id": 1, "date": 1, "from": {"id": 3, "is_bot": False}, "chat": group}
    chats.push({"message": {**said, "migrate_to_chat_id": GROUP}})
    chats.push(membership("left", chat=old))
    _, number, message = handed(chats)
    assert message["chat_id"] == GROUP
    chats.say("TERIMA", chat=GROUP, reply_to=number)
    assert "Tercatat" in chats.answer()


def test_a_group_that_moved_unheard_is_followed_when_telegram_says_so(linked: Chats) -> None:
    words = "Bad Request: group chat was upgraded to a supergroup chat"
    linked.api.script["sendMessage"] = [refusal(400, words, migrate_to_chat_id=OTHER)]
    add_report(linked.room.house)
    assert [message["chat_id"] for message in linked.heard()] == [GROUP, OTHER]
    linked.say("TERIMA", chat=OTHER, reply_to=linked.api.number - 1)
    assert "Tercatat" in linked.answer()


def test_who_puts_the_bot_out_is_sent_nothing_and_admins_see_it_until_it_is_back(linked: Chats) -> None:
    linked.push(membership("kicked"))
    add_report(linked.room.house)
    assert linked.heard() == []
    assert way(linked).paused_at is not None
    assert "no longer in the group" in (way(linked).last_error or "")
    linked.push(membership("member"))
    assert (way(linked).paused_at, way(linked).last_error) == (None, None)
    handed(linked)


def test_a_refusal_says_the_same(linked: Chats) -> None:
    linked.api.script["sendMessage"] = [refusal(403, "Forbidden: bot was kicked from the supergroup chat")]
    add_report(linked.room.house)
    linked.heard()
    assert way(linked).paused_at is not None
    assert way(linked).last_error == "Telegram said 403: kicked"
    add_report(linked.room.house)
    assert linked.heard() == []
    assert resume_way(linked.room.house, 1) == 0  # none anew: a thousand messages help nobody
    handed(linked)


def test_a_group_gets_no_more_than_telegram_takes() -> None:
    clock = [0.0]
    limits = Limits(now=lambda: clock[0])
    sent = 0
    for clock[0] in range(60):
        sent += limits.take("way 1", str(GROUP)) <= LONGEST_WAIT
    assert GROUP_RATE.burst < sent <= GROUP_RATE.burst + (60 + LONGEST_WAIT) / GROUP_RATE.each
    assert limits.take("way 2", str(OTHER)) == 0.0
    assert limits.take("email", "-warga@contoh.example") == 0.0


def test_deliveries_of_a_group_stand_in_its_log(linked: Chats) -> None:
    handed(linked)
    rows = linked.rows(Delivery, channel="telegram")
    assert [(row.subject, row.state) for row in rows] == [("answer", "sent"), ("report.assigned", "sent")]
    assert all(row.tries for row in rows)
