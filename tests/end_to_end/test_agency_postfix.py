"""By mail with a real Postfix between, configured as docs/deploy says: agencies live in their mailboxes."""

import io
import re
import smtplib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTPUTF8
from itertools import count
from pathlib import Path

import httpx
import pytest
from mail_programs import answer, words_of
from milter import Judge
from PIL import Image
from postfix import Postfix, missing, running
from town import ROOT, Town, code_in, eventually, jpeg, report

from config.settings import Settings
from router.house import open_house
from router.way_changes import add_way
from store.migrate import migrate

pytestmark = pytest.mark.skipif(missing() is not None, reason=f"LEFT OUT: {missing()}")

OURS, BOX, SERVER = "lapor@lapor.example.org", "pju@dbm.example", "mail.dbm.example"
FULL, GONE, GREY = "penuh@dlh.example", "pindáh@dsda.example", "tunda@dishub.example"
WAYS = {"dbm": BOX, "dlh": FULL, "dsda": GONE, "dishub": GREY}
FORGED = "mail.example.org; dmarc=pass header.from=dbm.example"
_spots = count(1)


@dataclass
class City:
    """An installation behind a Postfix, and everybody's mailboxes behind that."""

    town: Town
    postfix: Postfix
    read: list[EmailMessage] = field(default_factory=list)

    def unread(self, box: str, code: str = "") -> list[EmailMessage]:
        """The mails in a box, about one report or any, that no test has read."""
        kept = self.postfix.boxes.kept[box]
        return [mail for mail in kept if mail not in self.read and code in str(mail["Subject"])]

    def next(self, box: str, code: str = "") -> EmailMessage:
        """Wait for the next mail in a box."""
        found = eventually(lambda: self.unread(box, code), within=30, what=f"a mail to {box} about {code or 'it'}")
        self.read.append(found[0])
        return found[0]

    def tell(self, citizen: str, words: str, *, photo: bytes | None = None, **more: bool) -> str:
        """A citizen's mail; the code in its answer."""
        mail = EmailMessage(policy=SMTPUTF8)
        mail["From"], mail["To"], mail["Subject"] = citizen, OURS, "Laporan"
        mail["Message-ID"] = f"<{next(_spots)}@example.net>"
        mail.set_content(words, cte="8bit")
        if photo is not None:
            mail.add_attachment(photo, maintype="image", subtype="jpeg", filename="foto.jpg")
        self.postfix.send(mail.as_bytes(), sender=citizen, to=OURS, **more)
        return code_in(words_of(self.next(citizen)))

    def answers(self, mail: EmailMessage, program: str, words: str, *, helo: str = SERVER, **more: object) -> None:
        """The agency answers a mail of ours with one of the programs that people have."""
        to = str(more.pop("to", mail["Reply-To"]))
        said = {"quoted": words_of(mail), "subject": str(mail["Subject"]), **more}
        self.postfix.send(answer(program, words, sender=BOX, to=to, **said), sender=BOX, to=to, helo=helo)  # type: ignore[arg-type]

    def status(self, code: str) -> str:
        return str(report(self.town, code)["extended_status"])

    def turns(self, code: str, status: str) -> None:
        eventually(lambda: self.status(code) == status, within=30, what=f"{code} is {status}")

    def ways(self, command: str, *said: str) -> str:
        return self.town.run("agency", command, *said).stdout


@contextmanager
def a_city(folder: Path, mode: str, ways: Mapping[str, str]) -> Iterator[City]:
    judge = Judge(name="mail.example.org", servers={SERVER: "dbm.example"}).start()
    town = Town(folder=folder, env={"SMTP_MODE": mode, "EMAIL_ADDRESS": OURS, "SANDBOX": "off"})
    with running(town.smtp, mode=mode, judge=judge) as postfix:
        town.environment["SMTP_RELAY"] = f"smtp://127.0.0.1:{postfix.relay}"
        town.environment["TRUSTED_AUTHSERV_ID"] = "mail.example.org"
        town.environment["PUBLIC_URL"] = town.url
        postfix.boxes.says[FULL] = ["552 5.2.2 Mailbox full"]
        postfix.boxes.says[GONE] = ["550 5.1.1 User unknown"]
        postfix.boxes.says[GREY] = ["450 4.2.0 Greylisted, please try again", "250 2.1.5 OK"]
        add_ways(folder / "data", ways)
        town.start()
        try:
            yield City(town=town, postfix=postfix)
        finally:
            town.stop()
            town.client.close()
            judge.listener.close()


def add_ways(data: Path, ways: Mapping[str, str]) -> None:
    """What `agency add` does, before the installation runs: nobody has to hear of them then."""
    house = open_house(
        Settings(_env_file=None, city=ROOT / "config" / "jakarta", data_dir=data, email_address=OURS)
    )
    migrate(house.store.engine)
    for agency, address in ways.items():
        add_way(house, agency, "mail", address)
    house.store.engine.dispose()


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with a_city(tmp_path_factory.mktemp("town"), "lmtp", WAYS) as made:
        yield made


def lamp(number: int) -> str:
    """A report of a spot of its own."""
    return f"Lampu jalan mati total di Jl. Manggarai Utara {number + 3} No {number}, Kelurahan Manggarai"


def test_a_whole_life_from_the_agencys_mailbox(city: City) -> None:
    citizen = "warga1@example.net"
    code = city.tell(citizen, lamp(1), photo=jpeg("gray", 300))
    mail = city.next(BOX, code)
    assert str(mail["Subject"]).startswith(f"[{code}]")
    assert [part.get_content_type() for part in mail.iter_attachments()] == ["image/jpeg"]
    assert citizen not in mail.as_string()
    link = re.search(r"http://\S+/a/\S+", words_of(mail))
    assert link
    page = httpx.get(link[0])
    assert page.status_code == 200
    assert code in page.text

    city.answers(mail, "gmail_phone", "TERIMA")
    city.turns(code, "accepted")
    assert "Bina Marga" in words_of(city.next(citizen))
    assert words_of(city.next(BOX, code)).startswith(f"Tercatat. Laporan {code}")
    city.answers(mail, "outlook_html_only", "PROSES. Tim berangkat siang ini")
    city.turns(code, "in_progress")
    told = words_of(city.next(citizen))
    assert "Tim berangkat siang ini" in told
    assert "Hormat kami" not in told
    city.answers(mail, "thunderbird_below", "SELESAI. Lampu diganti, kabel baru", photos=(jpeg("green", 500),))
    city.turns(code, "resolved")
    assert "Lampu diganti, kabel baru" in words_of(city.next(citizen))
    assert httpx.get(link[0]).text.count('<img src="/a/photo/') == 2
    assert city.status(code) == "resolved"


def test_not_ours_by_mail_is_anothers_and_the_old_thread_says_so(city: City) -> None:
    code = city.tell("warga2@example.net", lamp(2))
    mail = city.next(BOX, code)
    city.answers(mail, "outlook_phone", "Bukan wewenang kami: lampu taman")
    said = words_of(city.next(BOX, code))
    assert f"Laporan {code} diteruskan ke" in said
    city.answers(mail, "apple_html_only", "SELESAI, sudah diganti")
    assert "tidak lagi pada" in words_of(city.next(BOX, code))
    assert city.status(code) == "assigned"


def test_without_the_token_only_the_agencys_own_server_is_believed(city: City) -> None:
    code = city.tell("warga3@example.net", lamp(3))
    mail = city.next(BOX, code)
    pretended = answer("gmail_phone", "PROSES", sender=BOX, to=OURS, subject=str(mail["Subject"]))
    pretended = f"Authentication-Results: {FORGED}\r\n".encode() + pretended
    city.postfix.send(pretended, sender=BOX, to=OURS, helo="mail.orang-lain.example")
    assert "DMARC" in words_of(city.next(BOX, code))
    assert city.status(code) == "assigned"
    stranger = answer(
        "gmail_phone", f"SELESAI {code} beres", sender="iseng@example.net", to=OURS, subject=str(mail["Subject"])
    )
    city.postfix.send(stranger, sender="iseng@example.net", to=OURS)
    city.next("iseng@example.net")
    assert city.status(code) == "assigned"
    city.answers(mail, "gmail_phone", "PROSES", to=OURS)
    city.turns(code, "in_progress")
    city.next(BOX, code)


def test_nobody_at_the_office_moves_nothing_and_starts_no_talk(city: City) -> None:
    code = city.tell("warga4@example.net", lamp(4))
    mail = city.next(BOX, code)
    assert mail["Auto-Submitted"] == "auto-generated"
    away = "Terima kasih, saya sedang cuti. Selesai tanggal 30."
    city.answers(mail, "out_of_office", away, subject="Balasan otomatis: cuti")
    city.answers(mail, "out_of_office", f"TERIMA. {away}", subject="Cuti", mark="X-Autoreply: yes")
    city.answers(mail, "out_of_office", f"PROSES. {away}", to=f"bounces+{mail['Reply-To'].partition('+')[2]}")
    city.answers(mail, "gmail_phone", "TERIMA")
    city.turns(code, "accepted")
    assert words_of(city.next(BOX, code)).startswith("Tercatat")
    assert city.unread(BOX, code) == []


@pytest.mark.parametrize(
    ("agency", "words", "reason"),
    [
        ("dlh", "Sampah menumpuk di Jl. Manggarai Utara 2, Kelurahan Manggarai", "5.2.2"),
        ("dsda", "Saluran air mampet di Jl. Manggarai Selatan 9, Kelurahan Manggarai", "5.1.1"),
    ],
)
def test_a_mail_that_comes_back_is_seen_on_its_hand_over(city: City, agency: str, words: str, reason: str) -> None:
    code = city.tell(f"warga-{agency}@example.net", words)
    look = lambda: re.search(rf"{code} report.assigned: failed .*{reason}", city.ways("log", agency))  # noqa: E731
    eventually(look, within=30, what=f"the hand-over to {agency} has failed")
    assert re.search(rf"{agency} .*; failed .*{reason}", city.ways("list"))
    assert city.status(code) == "assigned"


def test_a_greylisting_server_is_waited_for(city: City) -> None:
    code = city.tell("warga5@example.net", "Parkir liar nutup trotoar Jl. Manggarai Utara 8, Kelurahan Manggarai")
    assert code in str(city.next(GREY, code)["Subject"])
    assert city.postfix.boxes.tries[GREY] == 2
    assert f"{code} report.assigned: sent after 1 tries" in city.ways("log", "dishub")


def noise(side: int) -> bytes:
    """A photo that no format makes small."""
    out = io.BytesIO()
    Image.effect_noise((side, side), 90).convert("RGB").save(out, "JPEG", quality=95)
    return out.getvalue()


def test_a_large_mail_is_taken_and_one_too_large_is_refused_at_the_door(city: City) -> None:
    code = city.tell("warga6@example.net", lamp(6))
    mail = city.next(BOX, code)
    large = noise(3000)
    assert 5_000_000 < len(large) < 12_000_000
    city.answers(mail, "gmail_phone", "SELESAI. Lampu diganti", photos=(large,))
    city.turns(code, "resolved")
    with pytest.raises(smtplib.SMTPSenderRefused) as refused:
        city.answers(mail, "gmail_phone", "SELESAI", photos=(b"\xff\xd8" + bytes(20_000_000),))
    assert refused.value.smtp_code == 552
    city.next(BOX, code)


def test_letters_beyond_ascii_in_the_address_and_unencoded_words_go_both_ways(city: City) -> None:
    code = city.tell("pelapór@example.net", lamp(7) + ", kafé", utf8=True)
    assert city.status(code) == "assigned"
    city.next(BOX, code)


@pytest.mark.long
def test_the_same_life_with_smtp_instead_of_lmtp(tmp_path: Path) -> None:
    with a_city(tmp_path, "smtp", {"dbm": BOX}) as city:
        test_a_whole_life_from_the_agencys_mailbox(city)
