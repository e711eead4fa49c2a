"""Mail out over real SMTP, on both event loops: few connections, and what each way to fail means for the mail."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
import uvloop

from channels.smtp_out import LINES, MAILS_A_LINE, Letter, Lines, wire_of
from normalizer.schema import PermanentFailure, TemporaryFailure
from tests.wire.loopback import until

# The hook that is to replace this fixture would give every asynchronous test of the project a new name.
pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy. fixture")
LOOPS = {"asyncio": asyncio.DefaultEventLoopPolicy, "uvloop": uvloop.EventLoopPolicy}
ANSWERS = {"HELLO": "220 relay", "EHLO": "250-relay\r\n250 SIZE 1000000", "DATA": "354 go on", "QUIT": "221 bye"}
WHOLE = ["HELLO", "EHLO", "MAIL", "RCPT", "DATA", "END"]
HANG_UP = ""
SILENCE = None


@pytest.fixture(params=LOOPS)
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    return LOOPS[request.param]()


def letter(to: str = "siti@example.org", raw: bytes = b"Subject: x\r\n\r\nLaporan\r\n", **more: object) -> Letter:
    return Letter(sender="bounces+7@jakarta.example", to=to, raw=raw, **more)  # type: ignore[arg-type]


@dataclass
class Relay:
    """A relay that answers as it is told: `says(connection, verb, nth)` gives an answer, or one of the above."""

    says: Callable[[int, str, int], str | None] = lambda connection, verb, nth: "as usual"
    talks: list[list[str]] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk: list[str] = []
        self.talks.append(talk)
        self.writers.append(writer)
        number, verb, body = len(self.talks), "HELLO", b""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                talk.append(verb)
                answer = self.says(number, verb, talk.count(verb))
                answer = ANSWERS.get(verb, "250 OK") if answer == "as usual" else answer
                if answer == HANG_UP or verb == "QUIT":
                    break
                if answer is not SILENCE:
                    if verb == "END" and answer.startswith("250"):
                        self.mails.append(body)
                    writer.write(answer.encode() + b"\r\n")
                if verb == "DATA" and answer is not None and answer.startswith("354"):
                    verb, body = "END", await reader.readuntil(b"\r\n.\r\n")
                else:
                    verb = (await reader.readuntil(b"\r\n")).split()[0].decode().upper()
        writer.close()


@contextlib.asynccontextmanager
async def relay(says: Callable[[int, str, int], str | None] | None = None) -> AsyncIterator[Relay]:
    made = Relay(says) if says else Relay()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield made
    server.close()
    for writer in made.writers:
        writer.close()


@contextlib.asynccontextmanager
async def lines(to: Relay, **more: float) -> AsyncIterator[Lines]:
    made = Lines(to.url, **more)
    yield made
    await made.close()


def saying(wanted: str, answer: str | None, *, connection: int = 0, nth: int = 1) -> Callable[..., str | None]:
    """One answer to the nth verb of its kind on a connection (0: on every one), all others as usual."""

    def says(number: int, verb: str, count: int) -> str | None:
        is_it = verb == wanted and count == nth and connection in {0, number}
        return answer if is_it else "as usual"

    return says


async def failing(out: Lines, one: Letter | None = None) -> TemporaryFailure | PermanentFailure:
    with pytest.raises((TemporaryFailure, PermanentFailure)) as failure:
        await out.deliver(one or letter())
    return failure.value


# --- few connections --------------------------------------------------------------------------------------


async def test_many_mails_leave_over_few_connections() -> None:
    async with relay() as there, lines(there) as out:
        raws = [b"Subject: %d\r\n\r\n" % number for number in range(40)]
        await asyncio.gather(*(out.deliver(letter(raw=raw)) for raw in raws))

        assert len(there.talks) == LINES
        assert sorted(there.mails) == sorted(raw + b".\r\n" for raw in raws)
    await until(lambda: all(talk[-1] == "QUIT" for talk in there.talks))


async def test_a_connection_is_left_after_its_number_of_mails() -> None:
    async with relay() as there, lines(there) as out:
        for _ in range(MAILS_A_LINE + 1):
            await out.deliver(letter())

    assert [talk.count("END") for talk in there.talks] == [MAILS_A_LINE, 1]
    assert there.talks[0][-1] == "QUIT"


async def test_a_connection_that_nobody_needs_is_left() -> None:
    async with relay() as there, lines(there, idle_seconds=0.05) as out:
        await out.deliver(letter())
        await until(lambda: there.talks == [[*WHOLE, "QUIT"]])
        await out.deliver(letter())

    assert len(there.talks) == 2


# --- connections that went away ---------------------------------------------------------------------------


async def test_a_connection_that_the_relay_closed_meanwhile_is_replaced_unnoticed() -> None:
    async with relay() as there, lines(there) as out:
        await out.deliver(letter())
        there.writers[0].write(b"421 4.4.2 idle for too long\r\n")
        there.writers[0].close()
        await out.deliver(letter())

    assert (len(there.talks), len(there.mails)) == (2, 2)


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("answer", [HANG_UP, "421 4.7.0 enough of this connection"])
async def test_a_relay_that_has_had_enough_of_a_connection_gets_the_mail_over_another(
    verb: str, answer: str
) -> None:
    async with relay(saying(verb, answer, connection=1, nth=2)) as there, lines(there) as out:
        await out.deliver(letter())
        await out.deliver(letter())

    assert [talk.count("END") for talk in there.talks] == [1, 1]


async def test_a_mail_is_given_a_new_connection_once_only() -> None:
    def says(connection: int, verb: str, nth: int) -> str | None:
        return HANG_UP if verb == "MAIL" and (connection, nth) != (1, 1) else "as usual"

    async with relay(says) as there, lines(there) as out:
        await out.deliver(letter())
        failure = await failing(out)

    assert isinstance(failure, TemporaryFailure)
    assert not failure.uncertain
    assert len(there.talks) == 2


async def test_a_stopped_send_leaves_no_connection_half_way_through_a_mail() -> None:
    async with relay(saying("END", SILENCE, connection=1)) as there, lines(there) as out:
        sending = asyncio.create_task(out.deliver(letter()))
        await until(lambda: there.talks == [WHOLE])
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await out.deliver(letter())

    assert len(there.talks) == 2


# --- what a failure means ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "answer", "of_address"),
    [
        ("RCPT", "550 5.1.1 no such user", True),
        ("RCPT", "550 5.2.1 mailbox disabled", True),
        ("RCPT", "550 unknown", True),
        ("RCPT", "554 5.7.1 relay access denied", False),
        ("RCPT", "550 5.7.1 not from you", False),
        ("END", "550 5.1.1 spam", False),
        ("MAIL", "553 sender", False),
    ],
)
async def test_only_a_no_to_the_mailbox_itself_is_about_the_address(
    verb: str, answer: str, of_address: bool
) -> None:
    async with relay(saying(verb, answer)) as there, lines(there) as out:
        failure = await failing(out)

    assert isinstance(failure, PermanentFailure)
    assert failure.of_address is of_address


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "END"])
@pytest.mark.parametrize(
    ("answer", "kind"), [("450 greylisted", TemporaryFailure), ("554 never", PermanentFailure)]
)
async def test_a_no_is_told_apart_by_its_code_and_the_connection_is_used_again(
    verb: str, answer: str, kind: type[Exception]
) -> None:
    async with relay(saying(verb, answer)) as there, lines(there) as out:
        failure = await failing(out)
        await out.deliver(letter())

    assert type(failure) is kind
    assert answer[:3] in str(failure)
    assert not getattr(failure, "uncertain", False)
    (talk,) = there.talks
    refused = WHOLE[: WHOLE.index(verb) + 1]
    assert talk == [*refused, "RSET", *WHOLE[2:], "QUIT"]


@pytest.mark.parametrize("verb", ["HELLO", "EHLO", "MAIL", "RCPT", "DATA", "END"])
@pytest.mark.parametrize("answer", [HANG_UP, SILENCE, "nonsense"])
async def test_only_a_mail_that_was_written_to_its_end_may_have_arrived(verb: str, answer: str | None) -> None:
    async with relay(saying(verb, answer)) as there, lines(there, send_seconds=1.0) as out:
        failure = await failing(out)

    assert isinstance(failure, TemporaryFailure)
    assert failure.uncertain == (verb == "END")
    assert len(there.talks) == 1


@pytest.mark.parametrize("answer", [HANG_UP, SILENCE])
async def test_a_mail_that_may_have_arrived_is_not_sent_again_over_another_connection(answer: str | None) -> None:
    async with relay(saying("END", answer, nth=2)) as there, lines(there, send_seconds=1.0) as out:
        await out.deliver(letter())
        failure = await failing(out)
        await out.deliver(letter())

    assert failure.uncertain
    assert [talk.count("END") for talk in there.talks] == [2, 1]


@pytest.mark.parametrize(
    ("verb", "answer"), [("HELLO", "554 not you"), ("HELLO", "421 busy"), ("EHLO", "550 who?")]
)
async def test_a_no_while_connecting_is_no_answer_about_the_mail(verb: str, answer: str) -> None:
    def says(connection: int, said: str, nth: int) -> str | None:
        return answer if said == verb or (verb == "EHLO" and said == "HELO") else "as usual"

    async with relay(says) as there, lines(there) as out:
        failure = await failing(out)

    assert isinstance(failure, TemporaryFailure)
    assert not failure.uncertain


async def test_a_relay_that_is_not_there_or_knows_no_such_user_is_tried_later() -> None:
    async with relay(saying("EHLO", "250-relay\r\n250 AUTH PLAIN")) as there:
        refusing = Lines(there.url.replace("//", "//user:secret@"))
        there.says = lambda connection, verb, nth: {"EHLO": "250-relay\r\n250 AUTH PLAIN", "AUTH": "535 no"}.get(
            verb, "as usual"
        )
        failure = await failing(refusing)
    nobody = await failing(Lines(there.url))

    assert "user and password" in str(failure)
    assert "secret" not in str(failure)
    assert isinstance(failure, TemporaryFailure)
    assert isinstance(nobody, TemporaryFailure)
    assert not nobody.uncertain


async def test_mails_that_find_no_free_connection_are_tried_later_and_were_not_sent() -> None:
    async with (
        relay(lambda connection, verb, nth: SILENCE if verb == "MAIL" else "as usual") as there,
        lines(there, wait_seconds=0.2, send_seconds=1.0) as out,
    ):
        failures = await asyncio.gather(*(failing(out) for _ in range(LINES + 3)))

    assert len(there.talks) == LINES
    assert sum("in use" in str(failure) for failure in failures) == 3
    assert not any(failure.uncertain for failure in failures)


@pytest.mark.parametrize(
    "to", ["siti@example.org\r\nRCPT TO:<all@example.org>", "a@b.example, c@d.example", "sití@example.org"]
)
async def test_an_address_that_cannot_be_said_is_refused_for_good(to: str) -> None:
    async with relay() as there, lines(there) as out:
        failure = await failing(out, letter(to=to, utf8=not to.isascii()))
        await out.deliver(letter())

    assert isinstance(failure, PermanentFailure)
    assert len(there.mails) == 1


async def test_other_letters_in_an_address_are_told_to_a_relay_that_can_read_them() -> None:
    async with relay(saying("EHLO", "250-relay\r\n250-8BITMIME\r\n250 SMTPUTF8")) as there, lines(there) as out:
        await out.deliver(letter(to="sití@example.org", raw="Subject: sití\r\n\r\n".encode(), utf8=True))

    assert there.mails == ["Subject: sití\r\n\r\n.\r\n".encode()]


@pytest.mark.parametrize(
    ("raw", "wire"),
    [
        (b"", b"\r\n.\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b"a\n.\nb\r.\r\n..\r\n", b"a\r\n..\r\nb\r\n..\r\n...\r\n.\r\n"),
        (b"a.b\r\n", b"a.b\r\n.\r\n"),
    ],
)
def test_no_line_of_a_mail_ends_it_early(raw: bytes, wire: bytes) -> None:
    assert wire_of(raw) == wire


@pytest.mark.parametrize(("answer", "wait"), [("535 5.7.8 no", 300.0), ("454 4.7.0 later", None)])
async def test_a_relay_that_refuses_the_password_is_not_asked_again_and_again(
    answer: str, wait: float | None
) -> None:
    """Relays lock out who guesses."""
    said = {"EHLO": "250-relay\r\n250 AUTH PLAIN", "AUTH": answer}
    async with relay(lambda _, verb, __: said.get(verb, "as usual")) as there:
        there.url = there.url.replace("smtp://", "smtp://lapor:salah@")
        async with lines(there) as out:
            failure = await failing(out)
    assert isinstance(failure, TemporaryFailure)
    assert (failure.retry_after, "password" in str(failure)) == (wait, True)
