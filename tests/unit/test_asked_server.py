"""What a command says when the server that it asks does not answer as it should."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import ClassVar

import pytest

from config.settings import Listen, Settings, read_settings
from router.operate import _ask


class Answers(BaseHTTPRequestHandler):
    said: ClassVar[bytes] = b""

    def do_GET(self) -> None:
        self.wfile.write(self.said)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def asked() -> Iterator[Settings]:
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield read_settings(_env_file=None, ops_listen=Listen("127.0.0.1", server.server_port))
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"HTTP/1.0 503 Away\r\n\r\nSedang ada gangguan\n", "answered 503: the database is away"),
        (b"HTTP/1.0 500 Oops\r\n\r\n[]", "answered 500"),
        (b'HTTP/1.0 404 No\r\n\r\n{"error": "there is no kept message x"}', "there is no kept message x"),
        (b"HTTP/1.0 200 OK\r\n\r\n<html>", "is not this server"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not answer"),
        (b"", "does not answer"),
    ],
)
def test_whatever_the_server_answers_it_is_one_sentence(
    asked: Settings, monkeypatch: pytest.MonkeyPatch, said: bytes, words: str
) -> None:
    monkeypatch.setattr(Answers, "said", said)
    with pytest.raises((LookupError, OSError), match=words):
        _ask(asked, "/stuck", None)
