"""Mail loops and caps, over real SMTP against a running installation: nothing answers for ever, nothing grows for ever."""

import smtplib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from email.message import EmailMessage
from itertools import count

import httpx
import pytest
from town import TEXT, Town, code_in, eventually, new_citizen, report

from channels.email import RECIPIENT_LIMIT
from channels.smtp_in import CONNECTION_LIMIT

OURS = "lapor@localhost"
PER_HOUR = 10
_number = count(1)


def mail(sender: str, words: str = TEXT, to: str = OURS, **headers: str) -> EmailMessage:
    written = EmailMessage()
    written["From"], written["To"], written["Subject"] = sender, to, "Halo"
    written["Message-ID"] = f"<limits{next(_number)}@example.org>"
    for name, value in headers.items():
        written[name.replace("_", "-")] = value
    written.set_content(words)
    return written


def send(town: Town, *mails: EmailMessage, envelope: str | None = None, to: str | None = None) -> None:
    with smtplib.SMTP("127.0.0.1", town.smtp, timeout=30) as door:
        for each in mails:
            door.send_message(
                each, from_addr=each["From"] if envelope is None else envelope, to_addrs=to or each["To"]
            )


def worked_off(town: Town) -> bool:
    """Nothing waits in the journal or the outbox."""
    metrics = httpx.get(f"http://127.0.0.1:{town.ops}/metrics").text
    return 'state="waiting"' not in metrics and 'state="sending"' not in metrics


def settled(town: Town) -> None:
    eventually(lambda: worked_off(town), within=60, what="everything is worked off")


def test_the_eleventh_mail_of_an_hour_is_kept_and_not_answered(town: Town) -> None:
    citizen, other = new_citizen("email"), new_citizen("email")
    send(town, *(mail(citizen, "halo") for _ in range(PER_HOUR + 5)))
    eventually(lambda: len(town.answers("email", citizen)) == PER_HOUR, within=60)
    send(town, mail(other, "halo"))
    town.answer("email", other)
    settled(town)

    assert len(town.answers("email", citizen)) == PER_HOUR


def test_a_robot_without_any_mark_of_one_falls_silent(town: Town) -> None:
    """It answers each of our mails at once, with our own words and a proper In-Reply-To."""
    robot = new_citizen("email")
    send(town, mail(robot))
    answered: set[str] = set()
    for _ in range(PER_HOUR * 3):
        settled(town)
        new = [m for m in town.thread("email", robot) if m["direction"] == "out" and m["id"] not in answered]
        if not new:
            break
        answered |= {m["id"] for m in new}
        send(town, *(mail(robot, f"Terima: {m['text']}", In_Reply_To=str(m["id"])) for m in new))

    assert 0 < len(answered) <= PER_HOUR  # the conversation has come to its end, or the hour has


MARKS = {
    "Auto-Submitted": {"Auto_Submitted": "auto-replied"},
    "Precedence": {"Precedence": "bulk"},
    "List-Id": {"List_Id": "<berita.example.org>"},
    "X-Autoreply": {"X_Autoreply": "yes"},
    "X-Loop": {"X_Loop": "lapor@localhost"},
    "X-Auto-Response-Suppress": {"X_Auto_Response_Suppress": "DR, OOF, AutoReply"},
    "FirstClass": {"X_FC_MachineGenerated": "true"},
}


@pytest.mark.parametrize("mark", MARKS)
def test_what_marks_itself_as_automatic_is_never_answered(town: Town, mark: str) -> None:
    robot, citizen = new_citizen("email"), new_citizen("email")
    send(town, mail(robot, **MARKS[mark]), mail(citizen))
    town.answer("email", citizen)
    settled(town)

    assert town.answers("email", robot) == []


def test_bounces_are_kept_without_answer_and_without_report(town: Town) -> None:
    citizen = new_citizen("email")
    send(town, mail(citizen))
    code = code_in(town.answer("email", citizen))
    before = len(town.requests())
    bounce = mail("MAILER-DAEMON@example.org", f"Your mail about {code} could not be delivered")
    send(town, bounce, envelope="")
    send(town, mail(citizen, "kembali"), to=f"bounces+{code.lower()}.aaaaaaaaaaaaaaaa@localhost")
    send(town, mail(OURS, "dari kami sendiri"))
    settled(town)

    assert len(town.requests()) == before
    assert len(town.answers("email", citizen)) == 1
    assert town.answers("email", "mailer-daemon@example.org") == town.answers("email", OURS) == []


def test_the_same_mail_from_many_connections_at_once_is_one_report(town: Town) -> None:
    citizen = new_citizen("email")
    same = mail(citizen)
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: send(town, same), range(40)))
    code = code_in(town.answer("email", citizen))
    settled(town)

    assert len(town.answers("email", citizen)) == 1
    assert report(town, code)["agency_id"] == "dbm"


def test_too_many_recipients_are_told_to_come_again(town: Town) -> None:
    with smtplib.SMTP("127.0.0.1", town.smtp, timeout=30) as door:
        door.ehlo()
        door.mail("warga@example.org")
        codes = [door.rcpt(f"lapor+{n}@localhost")[0] for n in range(RECIPIENT_LIMIT + 2)]

    assert codes == [250] * RECIPIENT_LIMIT + [452] * 2


@pytest.fixture
def crowd(town: Town) -> Iterator[list[socket.socket]]:
    """As many open connections as the door holds."""
    held: list[socket.socket] = []
    for _ in range(CONNECTION_LIMIT):
        held.append(socket.create_connection(("127.0.0.1", town.smtp), timeout=30))
        assert held[-1].recv(200).startswith(b"220")
    yield held
    for each in held:
        each.close()


def test_a_full_door_says_421_and_opens_again(town: Town, crowd: list[socket.socket]) -> None:
    with closing(socket.create_connection(("127.0.0.1", town.smtp), timeout=30)) as late:
        assert late.recv(200).startswith(b"421")
        assert late.recv(200) == b""
    crowd.pop().close()

    def opens() -> bool:
        with closing(socket.create_connection(("127.0.0.1", town.smtp), timeout=30)) as again:
            return again.recv(200).startswith(b"220")

    eventually(opens, what="the door opens again")
    assert town.client.get("/healthz").status_code in {200, 503}


def test_an_sms_flood_of_one_number_is_answered_but_not_for_ever(town: Town) -> None:
    flood, other = new_citizen("sms"), new_citizen("sms")
    for _ in range(70):
        town.say("sms", flood, "halo")
    town.say("sms", other, TEXT)
    town.answer("sms", other, within=60)
    settled(town)

    assert len(town.answers("sms", flood)) == 60
