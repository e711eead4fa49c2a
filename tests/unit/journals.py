"""What tests of the journal share: messages that are kept, a disk that ends early, a wire that can be cut."""

import contextlib
import resource
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from email.message import EmailMessage
from pathlib import Path

from normalizer.schema import TemporaryFailure
from store.journal import Journal
from tests.unit.houses import WHOLE, Clock


def opened(folder: Path, clock: Clock) -> contextlib.closing[Journal]:
    """A journal that is closed at the end: opened again it is the same after a restart."""
    return contextlib.closing(Journal(folder, clock))


def keep(
    journal: Journal, external_id: str, *, lane: str = "a", raw: bytes = b"raw", channel: str = "sms"
) -> "Future[bool]":
    return journal.put(channel=channel, external_id=external_id, lane=lane, raw=raw, meta={"to": "us"})


def ids(journal: Journal, limit: int = 100) -> list[str]:
    return [entry.external_id for entry in journal.waiting(limit)]


def recovers(journal: Journal, external_id: str) -> bool:
    try:
        return keep(journal, external_id, lane="later").result(timeout=30)
    except TemporaryFailure:
        return False


def mail(journal: Journal, number: int, sender: str = "", words: str = WHOLE) -> None:
    """Keep a mail as the SMTP door does."""
    sender = sender or f"warga{number}@example.org"
    written = EmailMessage()
    written["From"], written["Subject"], written["Message-ID"] = sender, "Halo", f"<{number}@example.org>"
    written.set_content(words)
    journal.put(
        channel="email",
        external_id=f"mail{number}",
        lane=sender,
        raw=written.as_bytes(),
        meta={"account": "lapor@localhost", "mail_from": sender, "recipients": "lapor@localhost"},
    ).result()


class Cable:
    """A wire to a server that can be cut and mended, and held: nothing arrives then, and nothing ends."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._is_cut = False
        self._flows = threading.Event()
        self._flows.set()
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near = self._server.accept()[0]
                if self._is_cut:
                    near.close()
                    continue
                far = socket.create_connection(self._to)
                self._ends += [near, far]
                for here, there in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(here, there), daemon=True).start()

    def _pass_on(self, here: socket.socket, there: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while said := here.recv(65_536):
                self._flows.wait()
                there.sendall(said)
        for end in (here, there):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        self._is_cut = True
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def mend(self) -> None:
        self._is_cut = False

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        self._flows.clear()
        try:
            yield
        finally:
            self._flows.set()

    def close(self) -> None:
        self.cut()
        self._server.close()


@contextlib.contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
