"""One person on many channels: linked by their own act, taken apart by it, and never by anybody else's."""

import re

import pytest

from store.models import Address, Delivery, Message, Report, Reporter
from tests.unit.houses import WHOLE, Town

SMS = {"channel": "sms", "sender": "+6281234"}
BOT = {"channel": "telegram", "sender": "77", "account": "bot"}
MAIL = {"channel": "email", "sender": "siti@example.org", "account": "lapor@localhost"}


def code_for(town: Town, **who: str) -> str:
    town.tell("HUBUNGKAN", **who)
    found = re.search(r"HUBUNGKAN (\d{6})", said_to(town, who["channel"])[-1])
    assert found
    return found[1]


def said_to(town: Town, channel: str) -> list[str]:
    return town.answers(channel=channel)


def link(town: Town) -> None:
    """SMS makes the code, Telegram sends it."""
    town.tell(f"hubungkan {code_for(town, **SMS)}", **BOT)


def test_two_channels_become_one_person_and_both_are_told(town: Town) -> None:
    town.tell(WHOLE, **SMS)
    town.tell("pohon tumbang di Jl. Kemang Raya, Kelurahan Bangka", **BOT)
    link(town)

    (person,) = town.rows(Reporter)
    assert {row.reporter_id for row in (*town.rows(Address), *town.rows(Report))} == {person.id}
    assert said_to(town, "telegram")[-1].startswith("Sudah terhubung dengan SMS Anda.")
    assert said_to(town, "sms")[-1].startswith("Telegram Anda kini terhubung ke sini.")
    for who in (SMS, BOT):
        town.tell("laporan saya", **who)
        assert all(report.code in said_to(town, who["channel"])[-1] for report in town.reports())


def test_who_is_new_is_linked_by_their_first_message(town: Town) -> None:
    town.tell(WHOLE, **SMS)
    link(town)
    town.tell("status", **BOT)

    assert town.report().code in said_to(town, "telegram")[-1]
    assert len(town.rows(Reporter)) == 1


def test_the_language_of_who_made_the_code_stays(town: Town) -> None:
    town.tell("Street light out on Jl. Kemang Raya, Kelurahan Bangka, it is dark", **BOT)
    link(town)

    assert [row.language for row in town.rows(Reporter)] == ["id"]


def test_the_code_is_kept_as_a_keyed_hash_and_is_good_once(town: Town) -> None:
    code = code_for(town, **SMS)
    (person,) = town.rows(Reporter)
    assert code not in (person.link_code or "")
    town.tell(f"HUBUNGKAN {code}", **BOT)
    town.tell(f"HUBUNGKAN {code}", **MAIL)

    assert "salah" in said_to(town, "email")[-1]
    assert len(town.rows(Reporter)) == 2


@pytest.mark.parametrize(("minutes", "people"), [(14, 1), (16, 2)])
def test_a_code_is_good_for_fifteen_minutes(town: Town, minutes: int, people: int) -> None:
    code = code_for(town, **SMS)
    town.clock.on(minutes=minutes)
    town.tell(f"hubungkan {code}", **BOT)

    assert len(town.rows(Reporter)) == people


@pytest.mark.parametrize("words", ["HUBUNGKAN {0}", "/hubungkan {0}", "tolong hubungkan {1} {2}", "Link {0}."])
def test_people_write_a_code_in_their_own_way(town: Town, words: str) -> None:
    code = code_for(town, **SMS)
    town.tell(words.format(code, code[:3], code[3:]), **BOT)

    assert len(town.rows(Reporter)) == 1


def test_five_wrong_codes_an_hour_are_all_that_an_address_may_try(town: Town) -> None:
    code = code_for(town, **SMS)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for _ in range(5):
        town.tell(f"HUBUNGKAN {wrong}", **BOT)
    town.tell(f"HUBUNGKAN {code}", **BOT)
    assert "Terlalu banyak" in said_to(town, "telegram")[-1]
    assert len(town.rows(Reporter)) == 2

    town.clock.on(minutes=61)
    town.tell(f"HUBUNGKAN {code_for(town, **SMS)}", **BOT)
    assert len(town.rows(Reporter)) == 1


def test_who_is_linked_already_is_told_so(town: Town) -> None:
    link(town)
    town.tell(f"HUBUNGKAN {code_for(town, **SMS)}", **BOT)
    town.tell(f"HUBUNGKAN {code_for(town, **SMS)}", **SMS)

    assert said_to(town, "telegram")[-1].startswith("Keduanya sudah terhubung.")
    assert said_to(town, "sms")[-1].startswith("Keduanya sudah terhubung.")


def test_a_mail_that_proves_nothing_links_nothing(town: Town) -> None:
    town.tell(f"HUBUNGKAN {code_for(town, **SMS)}", **MAIL, proven=False)

    assert len(town.rows(Reporter)) == 2
    assert town.rows(Message)[-1].kind == "note"


def test_where_others_read_along_there_are_no_codes(town: Town) -> None:
    who = {"channel": "x", "sender": "siti"}
    code = code_for(town, **SMS)
    town.tell("hubungkan", **who)
    town.tell(f"hubungkan {code}", **who)

    assert all("orang lain ikut membaca" in words for words in said_to(town, who["channel"]))
    assert len(town.rows(Reporter)) == 2


def test_unlinked_an_address_has_its_own_reports_again(town: Town) -> None:
    town.tell(WHOLE, **SMS)
    town.tell("pohon tumbang di Jl. Kemang Raya, Kelurahan Bangka", **BOT)
    link(town)
    town.tell("putuskan", **BOT)
    town.tell("laporan saya", **BOT)
    town.tell("laporan saya", **SMS)

    lamp, tree = town.reports()
    assert lamp.reporter_id != tree.reporter_id
    assert tree.code in said_to(town, "telegram")[-1]
    assert lamp.code not in said_to(town, "telegram")[-1]
    assert tree.code not in said_to(town, "sms")[-1]


def test_who_is_linked_to_nobody_has_nothing_to_take_apart(town: Town) -> None:
    town.tell("putuskan", **SMS)

    assert said_to(town, "sms") == ["Belum ada nomor, akun, atau surel lain yang terhubung ke sini."]


def test_every_text_about_codes_fits_one_sms(town: Town) -> None:
    link(town)
    for words in ("hubungkan", "hubungkan 123456", "hubungkan", "putuskan", "putuskan", "hapus data saya"):
        town.tell(words, **SMS)

    assert all(len(words) <= 160 and "..." not in words for words in said_to(town, "sms"))
    assert len(town.rows(Delivery, channel="sms")) == 8
