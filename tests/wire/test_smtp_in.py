"""Our SMTP server on the wire, on both event loops: hostile clients, slow ones, too many of them, TLS."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from channels import smtp_in
from channels.email import Door
from channels.smtp_in import Room
from config.settings import Settings, SettingsError
from desk.server import check_ports
from tests.wire.loopback import until

OURS = "lapor@jakarta.example"
MAIL = b"From: Siti <siti@example.org>\r\nMessage-ID: <1@example.org>\r\n\r\nLampu mati\r\n"
BEGIN = b"MAIL FROM:<siti@example.org>\r\nRCPT TO:<lapor@jakarta.example>\r\nDATA\r\n"
END = b"\r\n.\r\n"

# The hook that is to replace this fixture would give every asynchronous test of the project a new name.
pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy. fixture")
LOOPS = {"asyncio": asyncio.DefaultEventLoopPolicy, "uvloop": uvloop.EventLoopPolicy}


@pytest.fixture(params=LOOPS)
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    return LOOPS[request.param]()


@dataclass
class Kept:
    """An accept() that keeps in memory; breaks while `error` is set, waits while `gate` is closed."""

    raws: list[bytes] = field(default_factory=list)
    error: Exception | None = None
    gate: asyncio.Event | None = None

    async def __call__(self, *, external_id: str, lane: str, raw: bytes, meta: Mapping[str, str]) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.raws.append(raw)


@contextlib.asynccontextmanager
async def serving(
    kept: Kept,
    *,
    mode: str = "smtp",
    room: Room | None = None,
    timeout: float = 300.0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    settings = Settings(email_address=OURS, _env_file=None)  # type: ignore[call-arg]
    make = smtp_in.server_for(
        partial(Door, settings, kept), mode=mode, hostname="here", tls=tls, room=room, timeout=timeout
    )
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


class Client:
    """Says what it is told to, in one piece."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.lines: list[str] = []

    async def answers(self, count: int = 1) -> list[str]:
        """The codes of so many answers; '' when the server has hung up."""
        codes = []
        self.lines = []
        async with asyncio.timeout(10):
            while len(codes) < count:
                try:
                    line = (await self.reader.readline()).decode()
                except ConnectionError:
                    line = ""
                self.lines.append(line)
                if line[3:4] != "-":
                    codes.append(line[:3])
        return codes

    async def say(self, words: bytes, count: int = 1) -> list[str]:
        self.writer.write(words)
        await self.writer.drain()
        return await self.answers(count)


@contextlib.asynccontextmanager
async def client(port: int, hello: bytes = b"EHLO x\r\n") -> AsyncIterator[Client]:
    made = Client(*await asyncio.open_connection("127.0.0.1", port))
    assert await made.answers() == ["220"]
    if hello:
        assert await made.say(hello) == ["250"]
    yield made
    made.writer.close()


# --- where a mail ends ------------------------------------------------------------------------------------


async def test_commands_behind_the_end_mark_are_obeyed_and_a_second_mail_is_a_mail_of_its_own() -> None:
    kept = Kept()
    async with serving(kept) as port, client(port) as one:
        codes = await one.say(BEGIN + MAIL + b".\r\nNOOP\r\n" + BEGIN + b"Lagi" + END + b"QUIT\r\n", 11)

    assert codes == ["250", "250", "354", "250", "250", "250", "250", "354", "250", "221", ""]
    assert kept.raws == [MAIL, b"Lagi\r\n"]


@pytest.mark.parametrize("false", [b"\n.\n", b"\r.\r", b"\r\n.\n", b"\n.\r\n", b"\r\n.\r", b"\r\n.\r\r\n"])
async def test_a_false_end_smuggles_no_second_mail(false: bytes) -> None:
    kept = Kept()
    async with serving(kept) as port, client(port) as one:
        assert await one.say(BEGIN, 3) == ["250", "250", "354"]
        for piece in (MAIL, b"one", false, BEGIN, b"two", false):
            one.writer.write(piece)
            await one.writer.drain()
        assert await one.say(END + b"QUIT\r\n", 3) == ["250", "221", ""]

    (raw,) = kept.raws
    assert BEGIN in raw


async def test_a_client_that_hangs_up_in_the_middle_leaves_nothing_behind() -> None:
    kept, room = Kept(), Room()
    async with serving(kept, room=room) as port:
        async with client(port) as one:
            assert await one.say(BEGIN, 3) == ["250", "250", "354"]
            one.writer.write(MAIL * 1000 + b"\r\n.\r")
            await until(lambda: room.held > 50_000)
        await until(lambda: not room.seats)

    assert (kept.raws, room.held) == ([], 0)


async def test_a_dot_that_begins_a_line_is_a_dot_less_and_no_other_is() -> None:
    kept = Kept()
    async with serving(kept) as port, client(port) as one:
        await one.say(BEGIN, 3)
        for byte in b"..\r\n...\r\n\n..\n\r\n..x.\r\n.\r\n":
            one.writer.write(bytes([byte]))
            await one.writer.drain()
        assert await one.answers() == ["250"]

    assert kept.raws == [b".\r\n..\r\n\n..\n\r\n.x.\r\n"]


# --- limits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("large", "code"),
    [
        (b"x" * (smtp_in.LINE_LIMIT - 2), "250"),
        (b"x" * (smtp_in.LINE_LIMIT - 1), "500"),
        ((b"y" * 998 + b"\r\n") * (smtp_in.SIZE_LIMIT // 1000), "250"),
        ((b"y" * 998 + b"\r\n") * (smtp_in.SIZE_LIMIT // 1000 + 1), "552"),
    ],
)
async def test_a_mail_over_a_limit_is_read_to_its_end_and_refused_and_the_next_one_is_kept(
    large: bytes, code: str
) -> None:
    kept, room = Kept(), Room()
    async with serving(kept, room=room) as port, client(port) as one:
        assert await one.say(BEGIN + large + END, 4) == ["250", "250", "354", code]
        assert await one.say(BEGIN + MAIL + b".\r\n", 4) == ["250", "250", "354", "250"]

    assert len(kept.raws) == (2 if code == "250" else 1)
    assert room.held == 0


async def test_lmtp_answers_each_recipient_whatever_the_answer_is() -> None:
    kept = Kept()
    begin = BEGIN.replace(b"DATA", b"RCPT TO:<lapor+x@jakarta.example>\r\nDATA")
    async with serving(kept, mode="lmtp") as port, client(port, b"LHLO x\r\n") as one:
        taken = await one.say(begin + MAIL + b".\r\n", 6)
        refused = await one.say(begin + b"x" * smtp_in.LINE_LIMIT + END, 6)
        kept.error = RuntimeError("lost its key")
        broken = await one.say(begin + MAIL + b".\r\n", 6)
        assert await one.say(b"NOOP\r\n") == ["250"]

    assert (taken[4:], refused[4:], broken[4:]) == (["250", "250"], ["500", "500"], ["451", "451"])
    assert len(kept.raws) == 1


async def test_our_own_mistake_is_told_as_451_and_the_next_mail_is_kept() -> None:
    kept = Kept(error=RuntimeError("secret"))
    async with serving(kept) as port, client(port) as one:
        assert await one.say(BEGIN + MAIL + b".\r\n", 4) == ["250", "250", "354", "451"]
        kept.error = None
        assert await one.say(BEGIN + MAIL + b".\r\n", 4) == ["250", "250", "354", "250"]

    assert kept.raws == [MAIL]


async def test_large_mails_wait_while_too_much_is_on_its_way_in_and_small_ones_do_not() -> None:
    kept, room = Kept(), Room(held_limit=2_000_000)
    lines = b"x" * 998 + b"\r\n"
    async with serving(kept, room=room) as port, client(port) as one, client(port) as two:
        await one.say(BEGIN, 3)
        one.writer.write(lines * 1500)
        await until(lambda: room.held >= 1_500_000)
        large = await two.say(BEGIN + lines * 1500 + b".\r\n", 4)
        small = await two.say(BEGIN + MAIL + b".\r\n", 4)
        waiting = await one.say(b".\r\n")

    assert (large[-1], small[-1], waiting) == ("452", "250", ["250"])
    assert (len(kept.raws), room.held) == (2, 0)


async def test_who_comes_when_all_seats_are_taken_is_told_421_and_a_seat_that_is_left_is_given_again() -> None:
    room = Room(limit=2)
    async with serving(Kept(), room=room) as port:
        async with client(port), client(port):
            late = Client(*await asyncio.open_connection("127.0.0.1", port))
            assert await late.answers(2) == ["421", ""]
            late.writer.close()
        await until(lambda: not room.seats)
        async with client(port):
            pass


# --- time -------------------------------------------------------------------------------------------------


async def test_a_mail_that_drips_is_hung_up_on() -> None:
    kept, room = Kept(), Room()
    async with serving(kept, room=room, timeout=0.3) as port, client(port) as one:
        await one.say(BEGIN, 3)
        dripping = asyncio.create_task(_drip(one.writer))
        assert await one.answers(2) == ["421", ""]
        dripping.cancel()
        await until(lambda: not room.seats)

    assert (kept.raws, room.held) == ([], 0)


async def _drip(writer: asyncio.StreamWriter) -> None:
    while not writer.is_closing():
        writer.write(b"x\r\n")
        await asyncio.sleep(0.02)


async def test_who_says_nothing_is_hung_up_on() -> None:
    async with serving(Kept(), timeout=0.1) as port, client(port, b"") as one:
        assert await one.answers(2) == ["421", ""]


async def test_who_does_not_read_our_answers_keeps_no_seat() -> None:
    room = Room()
    async with serving(Kept(), room=room, timeout=0.3) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.transport.pause_reading()
        writer.write(b"EHLO x\r\n" + b"HELP\r\n" * 200_000)
        await until(lambda: room.seats.total() == 1)
        await until(lambda: not room.seats)
        writer.transport.abort()


async def test_who_hangs_up_while_a_mail_is_being_kept_stops_nothing() -> None:
    kept, room = Kept(gate=asyncio.Event()), Room()
    async with serving(kept, room=room) as port:
        async with client(port) as one:
            await one.say(BEGIN, 3)
            one.writer.write(MAIL + b".\r\n")
            await one.writer.drain()
        await until(lambda: not room.seats)
        kept.gate = None
        async with client(port) as two:
            assert (await two.say(BEGIN + MAIL + b".\r\n", 4))[-1] == "250"

    assert (kept.raws, room.held) == ([MAIL], 0)


# --- STARTTLS ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and its own certificate for localhost, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(private + made.public_bytes(pem))
    return path


@pytest.mark.parametrize("spoilt", ["missing", "no PEM", "locked"])
def test_a_certificate_that_does_not_serve_is_said_before_anything_starts(
    certificate: Path, tmp_path: Path, spoilt: str
) -> None:
    key = tmp_path / "key.pem"
    if spoilt == "no PEM":
        key.write_bytes(b"hello")
    if spoilt == "locked":
        plain = serialization.load_pem_private_key(certificate.read_bytes(), None)
        lock = serialization.BestAvailableEncryption(b"rahasia")
        pem = serialization.Encoding.PEM
        key.write_bytes(plain.private_bytes(pem, serialization.PrivateFormat.PKCS8, lock))
    settings = Settings(smtp_tls_cert=certificate, smtp_tls_key=key, _env_file=None)  # type: ignore[call-arg]
    with pytest.raises(SettingsError, match="SMTP_TLS_CERT and SMTP_TLS_KEY"):
        check_ports(settings)


async def test_a_mail_comes_over_starttls_and_what_was_slipped_in_before_it_is_dropped(certificate: Path) -> None:
    kept, tls = Kept(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=certificate)
    photo = MAIL + (b"A" * 76 + b"\r\n") * 4000
    async with serving(kept, tls=tls) as port, client(port) as one:
        assert await one.say(b"STARTTLS\r\nEHLO attacker\r\n" + BEGIN) == ["220"]
        await one.writer.start_tls(trusting, server_hostname="localhost")
        assert await one.say(b"NOOP\r\nMAIL FROM:<a@b.example>\r\n", 2) == ["250", "503"]  # no EHLO so far
        assert await one.say(b"EHLO x\r\n" + BEGIN, 4) == ["250", "250", "250", "354"]
        assert await one.say(photo + b".\r\nQUIT\r\n", 2) == ["250", "221"]

    assert kept.raws == [photo]


@pytest.mark.parametrize("hello", [b"EHLO x\r\n", b"LHLO x\r\n"])
async def test_nobody_is_asked_to_log_in_behind_tls_either(certificate: Path, hello: bytes) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=certificate)
    mode = "lmtp" if hello.startswith(b"LHLO") else "smtp"
    async with serving(Kept(), mode=mode, tls=tls) as port, client(port, hello) as one:
        assert await one.say(b"STARTTLS\r\n") == ["220"]
        await one.writer.start_tls(trusting, server_hostname="localhost")
        assert await one.say(hello) == ["250"]
        assert [line for line in one.lines if "AUTH" in line] == []
        assert await one.say(b"AUTH PLAIN AGEAYg==\r\nAUTH LOGIN\r\n", 2) == ["500", "500"]
        assert await one.say(b"HELP\r\n") == ["250"]
        assert [line for line in one.lines if "AUTH" in line] == []
