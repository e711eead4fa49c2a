"""One person on many channels, seen from outside: linked, reached elsewhere, silent when asked, forgotten."""

import re
from collections.abc import Callable

from town import TEXT, Town, code_in, eventually, jpeg, new_citizen


def link(town: Town, maker: tuple[str, str], other: tuple[str, str]) -> None:
    """`maker` asks for a code, `other` sends it; both are told."""
    before = len(town.answers(*maker))
    town.say(*maker, "HUBUNGKAN")
    found = re.search(r"HUBUNGKAN (\d{6})", town.answer(*maker, before + 1))
    assert found
    town.say(*other, f"HUBUNGKAN {found[1]}")
    town.answer(*maker, before + 2)


def test_sms_and_telegram_show_the_same_reports_once_linked(town: Town) -> None:
    phone, bot = ("sms", new_citizen("sms")), ("telegram", new_citizen("telegram"))
    town.say(*phone, TEXT)
    town.say(*bot, "pohon tumbang di Jl. Kemang Raya, Kelurahan Bangka")
    codes = {code_in(town.answer(*phone)), code_in(town.answer(*bot))}
    link(town, phone, bot)

    for who in (phone, bot):
        before = len(town.answers(*who))
        town.say(*who, "LAPORAN SAYA")
        listed = town.answer(*who, before + 1)
        assert all(code in listed for code in codes)


def test_who_said_stop_by_sms_hears_on_telegram_instead(town: Town) -> None:
    phone, bot = ("sms", new_citizen("sms")), ("telegram", new_citizen("telegram"))
    town.say(*phone, TEXT)
    code = code_in(town.answer(*phone))
    link(town, phone, bot)
    town.answer(*bot)
    town.say(*phone, "STOP")  # Twilio answers that itself, and would refuse ours
    eventually(lambda: _all_is_heard(town), what="STOP is heard")
    before = len(town.answers(*phone))
    assert town.update(code, "IN_PROGRESS", "Tim berangkat").status_code == 200

    assert "Tim berangkat" in town.answer(*bot, 2)
    assert len(town.answers(*phone)) == before


def _all_is_heard(town: Town) -> bool:
    """Whether nothing waits in the journal: a STOP is answered by nobody that a test could wait for."""
    metrics = town.client.get(f"http://127.0.0.1:{town.ops}/metrics").text
    return not re.search(r'lapor_journal_entries\{state="waiting"\} [1-9]', metrics)


def test_what_twilio_refuses_after_stop_goes_to_the_linked_channel(town: Town) -> None:
    phone, bot = ("sms", new_citizen("sms")), ("telegram", new_citizen("telegram"))
    town.say(*phone, TEXT)
    code = code_in(town.answer(*phone))
    link(town, phone, bot)
    town.answer(*bot)
    town.say(*phone, "STOP")
    town.say(*phone, "MULAI")  # for us; Twilio goes on refusing until START
    eventually(lambda: _all_is_heard(town), what="both are heard")
    town.update(code, "IN_PROGRESS", "Tim berangkat")

    assert "Tim berangkat" in town.answer(*bot, 2)


def test_a_forgotten_person_leaves_no_byte_and_the_history_verifies(new_town: Callable[..., Town]) -> None:
    town = new_town().start()
    phone = ("sms", "+6281277776666")
    town.say(*phone, f"{TEXT}, rumah Bu Rahasiawati", photos=(jpeg("orange"),))
    code = code_in(town.answer(*phone))
    town.update(code, "FIXED", "Lampu diganti")
    town.answer(*phone, 2)
    town.say(*phone, "belum pak, Rahasiawati masih gelap-gelapan")
    town.answer(*phone, 3)
    town.say(*phone, "HAPUS DATA SAYA")
    found = re.search(r"HAPUS (\d{4})", town.answer(*phone, 4))
    assert found
    town.say(*phone, f"HAPUS {found[1]}")
    assert "sudah dihapus" in town.answer(*phone, 5)
    eventually(lambda: _left(town) == [], what="no trace")

    assert town.run("verify").returncode == 0
    assert town.run("forget", phone[1], "--now").returncode == 1  # nobody is known by it any more
    town.say(*phone, TEXT)
    assert code_in(town.answer(*phone, 6)) != code


def _left(town: Town) -> list[str]:
    """The files of database and media in which something of that person stands."""
    data = town.folder / "data"
    files = [*data.glob("reports.db*"), *(path for path in (data / "media").rglob("*") if path.is_file())]
    traces = (b"81277776666", b"Rahasiawati")
    return [path.name for path in files if any(trace in path.read_bytes() for trace in traces)]


def test_an_operator_forgets_a_person_only_with_a_yes(town: Town) -> None:
    phone = ("sms", "+6281277776667")
    town.say(*phone, TEXT)
    code = code_in(town.answer(*phone))
    refused = town.run("forget", code, stdin="no\n")
    done = town.run("forget", f"sms:{phone[1]}", stdin="yes\n")

    assert (refused.returncode, done.returncode) == (1, 0)
    assert "1 addresses, 1 messages, 0 photos, 1 answers" in done.stdout
    assert phone[1] not in done.stdout + done.stderr
    assert town.run("verify").returncode == 0
