"""An area's news in a chat on Telegram: asked for in words or by a link, each morning, ended by a word; over HTTP."""

import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from router.area_news import APART
from router.clock import tick
from router.copies import write_copy
from router.forget import forget_all, forget_listed
from router.forgotten import LIST
from router.subscriptions import MOST_AREAS
from store.models import Delivery, Subscription
from tests.wire.chat import Chats, chats_in
from tests.wire.desk_rooms import add_report, move
from tests.wire.test_telegram import refusal

AREA, KECAMATAN = "31.74.01.1003", "31.74.01"  # where desk_rooms' reports are
MORNING = datetime(2026, 11, 5, 23, 0, tzinfo=UTC)  # 06.00 in Jakarta, when the quiet hours end


@pytest.fixture
def chats(tmp_path: Path) -> Iterator[Chats]:
    with chats_in(tmp_path, telegram_name="LaporUjiBot") as chats:
        yield chats


def codes(chats: Chats) -> list[str]:
    return [row.area_code for row in chats.rows(Subscription)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("/ikuti kelurahan Menteng", "31.71.06.1001"),
        ("tolong ikuti kecamatan menteng dong kak", "31.71.06"),
        ("follow Bangka", "31.74.03.1002"),
        ("saya mau mengikuti kabar kelurahan Bangka ya", "31.74.03.1002"),
        ("/ikuti@LaporUjiBot Jaksel", "31.74"),
        ("/ikuti Kebayoran Baru, Jakarta Selatan", "31.74.07"),
        ("/start ikuti_31_74_01_1003", AREA),
    ],
)
def test_who_names_an_area_follows_it(chats: Chats, text: str, code: str) -> None:
    chats.say(text)
    said = chats.answer()
    assert codes(chats) == [code]
    assert f"/area/{code}" in said
    assert "/berhenti_ikuti" in said
    assert chats.town.reports() == []


def test_a_name_of_two_areas_is_asked_back_and_a_press_chooses(chats: Chats) -> None:
    chats.say("/ikuti Menteng")
    (asked,) = chats.heard()
    assert codes(chats) == []
    buttons = [row[0] for row in asked["reply_markup"]["inline_keyboard"]]
    assert [button["text"] for button in buttons] == ["Kecamatan Menteng", "Kelurahan Menteng, Kecamatan Menteng"]
    assert all(len(button["callback_data"].encode()) <= 64 for button in buttons)
    chats.press(buttons[1]["callback_data"], 1000)
    assert "Kelurahan Menteng" in chats.answer()
    assert codes(chats) == ["31.71.06.1001"]


@pytest.mark.parametrize("text", ["/ikuti Wakanda", "/start ikuti_99_99", "ikuti planet"])
def test_an_unknown_place_is_said_to_be_unknown(chats: Chats, text: str) -> None:
    chats.say(text)
    assert "tidak mengenal" in chats.answer()
    assert codes(chats) == []


def test_a_problem_that_begins_with_such_a_word_is_a_report(chats: Chats) -> None:
    chats.say("ikuti got mampet di Jl. Manggarai Utara 2, Kelurahan Manggarai")
    assert codes(chats) == []
    assert len(chats.town.reports()) == 1


def test_each_morning_brings_one_message_of_what_is_new_and_solved_and_none_without_news(chats: Chats) -> None:
    chats.say(f"/ikuti {AREA}")
    chats.say(f"/ikuti {KECAMATAN}")
    chats.heard()
    house = chats.room.house
    new, solved, far = add_report(house), add_report(house), add_report(house, area_code="31.71.01.1001")
    move(house, solved, "accepted", "in_progress", "resolved")
    assert chats.wake_at(MORNING - timedelta(hours=1)) == []

    (message,) = chats.wake_at(MORNING + timedelta(minutes=1))
    said = message["text"]
    news, _, ends = said.partition("Selesai dikerjakan (1):")
    assert message["chat_id"] == 7
    assert f"/r/{new}" in news
    assert f"/r/{solved}" in ends
    assert f"/r/{new}" not in ends.partition("Laporan baru")[0]
    assert far not in said
    assert "0812" not in said
    assert "/berhenti_ikuti" in said
    assert chats.wake_at(MORNING + timedelta(hours=3)) == []
    assert chats.wake_at(MORNING + timedelta(days=1, minutes=1)) == []


def test_a_server_that_was_down_in_the_morning_writes_by_day_and_never_at_night(chats: Chats) -> None:
    chats.say(f"/ikuti {AREA}")
    chats.heard()
    add_report(chats.room.house)
    assert chats.wake_at(MORNING + timedelta(hours=16)) == []  # 22.00
    assert len(chats.wake_at(MORNING + timedelta(days=1, minutes=1))) == 1


def test_many_chats_are_told_one_after_the_other_so_that_answers_go_in_between(chats: Chats) -> None:
    for chat in range(20, 25):
        chats.say(f"/ikuti {AREA}", chat=chat)
    chats.heard()
    add_report(chats.room.house)
    chats.room.house.now.at = MORNING + timedelta(minutes=1)  # type: ignore[attr-defined]
    while tick(chats.room.house):
        pass
    due = [row.next_attempt_at for row in chats.rows(Delivery) if row.subscription_id]
    assert [later - earlier for earlier, later in pairwise(due)] == [APART["telegram"]] * 4
    assert len(chats.heard()) == 5


def test_a_word_ends_one_area_or_all_and_nothing_of_the_chat_stays(chats: Chats) -> None:
    for area in (AREA, KECAMATAN, "31.74"):
        chats.say(f"/ikuti {area}")
    chats.heard()
    chats.say("berhenti ikuti Kecamatan Tebet")
    assert "Kelurahan" in chats.answer()
    assert codes(chats) == [AREA, "31.74"]
    chats.say("/berhenti_ikuti Menteng")
    assert "Anda mengikuti" in chats.answer()  # what they do not follow ends nothing
    assert len(codes(chats)) == 2
    chats.say("stop ikuti")
    assert "berhenti" in chats.answer()
    assert codes(chats) == []
    chats.say("/ikuti")
    assert "belum mengikuti" in chats.answer()


def test_stop_ends_the_news_with_everything_else(chats: Chats) -> None:
    chats.say(f"/ikuti {AREA}")
    chats.heard()
    chats.say("/berhenti")
    assert "juga kabar wilayah" in chats.answer()
    assert codes(chats) == []
    add_report(chats.room.house)
    assert chats.wake_at(MORNING + timedelta(minutes=1)) == []


def test_the_list_says_what_is_followed(chats: Chats) -> None:
    chats.say(f"/ikuti {AREA}")
    chats.say(f"/ikuti {AREA}")
    chats.say("/ikuti 31.74")
    chats.heard()
    chats.say("ikuti")
    said = chats.answer()
    assert "Kelurahan " in said
    assert "Jakarta Selatan" in said
    assert len(codes(chats)) == 2


def test_a_chat_follows_ten_areas_at_most(chats: Chats) -> None:
    areas = [code for code, area in chats.room.house.pack.areas.items() if area.level == "kecamatan"]
    for code in areas[: MOST_AREAS + 1]:
        chats.say(f"/ikuti {code}")
        chats.room.house.now.on(minutes=10)  # type: ignore[attr-defined]
    assert len(codes(chats)) == MOST_AREAS
    refused = [each["text"] for each in chats.heard() if f"Paling banyak {MOST_AREAS}" in each["text"]]
    assert len(refused) == 1


def test_a_chat_that_blocked_us_is_erased(chats: Chats) -> None:
    chats.say(f"/ikuti {AREA}")
    chats.heard()
    add_report(chats.room.house)
    chats.api.script["sendMessage"] = [refusal(403, "Forbidden: bot was blocked by the user")]
    chats.wake_at(MORNING + timedelta(minutes=1))
    chats.wake_at(MORNING + timedelta(minutes=2))
    assert codes(chats) == []


def test_what_is_followed_is_in_the_copy_of_ones_data_and_goes_with_the_person(
    chats: Chats, tmp_path: Path
) -> None:
    chats.say(f"/ikuti {AREA}")
    chats.heard()
    house = chats.room.house
    (row,) = chats.rows(Subscription)
    kept = {name: getattr(row, name) for name in Subscription.__table__.columns.keys()}  # noqa: SIM118
    assert b"7" not in {row.sealed, row.lookup.encode()}
    write_copy("telegram:7", tmp_path / "copy.zip", house)
    told = json.loads(zipfile.ZipFile(tmp_path / "copy.zip").read("data.json"))
    assert [(each["kind"], each["area_code"]) for each in told["people"][0]["subscriptions"]] == [
        ("telegram", AREA)
    ]

    assert forget_all("telegram:7", house).subscriptions == 1
    assert codes(chats) == []
    with house.store.write() as session:  # as an older copy of the database has it
        session.add(Subscription(**kept))
    gone, _ = forget_listed(house.settings.data_dir / LIST, house)
    assert (gone.subscriptions, codes(chats)) == (1, [])


def test_the_page_of_an_area_leads_to_the_bot(chats: Chats) -> None:
    page = chats.room.http.get(f"/area/{AREA}").text
    payload = "ikuti_31_74_01_1003"
    assert f'href="https://t.me/LaporUjiBot?start={payload}"' in page
    longest = max(len(f"ikuti_{code}") for code in chats.room.house.pack.areas)
    assert longest <= 64


def test_without_a_name_of_the_bot_the_page_leads_nowhere(tmp_path: Path) -> None:
    with chats_in(tmp_path) as chats:
        assert "t.me/" not in chats.room.http.get(f"/area/{AREA}").text


def test_elsewhere_it_is_said_where_to_follow(chats: Chats) -> None:
    for channel in ("sms", "whatsapp"):
        chats.town.tell("ikuti kelurahan Bangka", channel=channel)
        chats.town.tell("berhenti ikuti Bangka", channel=channel, sender="+628777")
    said = chats.town.answers()
    assert len(said) == 4
    assert all("surel atau Telegram" in each for each in said)
    assert said[0].endswith("/area/31.74.03.1002")
    assert codes(chats) == []
