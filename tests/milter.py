"""A mail filter as a border server asks one (the milter protocol, version 6): writes down whether DMARC passed."""

import socket
import struct
import threading
from dataclasses import dataclass, field
from email.utils import parseaddr

ADDS_HEADERS = 0x01
NOT_ASKED = 0x01 | 0x08 | 0x10 | 0x40 | 0x100 | 0x200  # connect, rcpt, body, end of headers, unknown, data


@dataclass
class Judge:
    """Stands in for OpenDMARC: a mail passes when the server that says HELO is its From domain's own.

    What it finds is the mail's topmost `Authentication-Results`, signed with `name`, as OpenDMARC's is.
    """

    name: str
    servers: dict[str, str]  # HELO -> the domain it may write for
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def start(self) -> "Judge":
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(peer,), daemon=True).start()

    def _talk(self, peer: socket.socket) -> None:
        helo = sender = ""
        with peer, peer.makefile("rwb") as wire:
            while head := wire.read(5):
                length, command = struct.unpack(">Ic", head)
                said = wire.read(length - 1)
                if command == b"Q":
                    return
                if command in b"DA":  # macros, abort: not answered
                    continue
                if command == b"O":
                    _say(wire, b"O", struct.pack(">III", 6, ADDS_HEADERS, NOT_ASKED))
                    continue
                if command == b"H":
                    helo = said.rstrip(b"\0").decode()
                if command == b"L" and said.lower().startswith(b"from\0"):
                    sender = parseaddr(said.split(b"\0")[1].decode("utf-8", "replace"))[1]
                if command == b"E":
                    self._write_down(wire, helo, sender.rpartition("@")[2])
                _say(wire, b"c")

    def _write_down(self, wire: object, helo: str, domain: str) -> None:
        found = "pass" if domain and self.servers.get(helo) == domain else "fail"
        value = f"{self.name}; dmarc={found} (p=reject dis=none) header.from={domain}"
        _say(wire, b"i", struct.pack(">I", 0) + f"Authentication-Results\0{value}\0".encode())


def _say(wire: object, command: bytes, said: bytes = b"") -> None:
    wire.write(struct.pack(">I", len(said) + 1) + command + said)  # type: ignore[attr-defined]
    wire.flush()  # type: ignore[attr-defined]
