"""Who the stand-ins are: random ids, tokens and a mail port, made once and kept beside the other state."""

import json
import os
import secrets
import socket
import string
from dataclasses import asdict, dataclass, replace
from pathlib import Path

HOST = "127.0.0.1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Credentials in the providers' own forms; `sink` names our mail sink in its greeting."""

    telegram_token: str
    twilio_account_sid: str
    twilio_auth_token: str
    twilio_number: str
    twilio_whatsapp_number: str
    x_api_key: str
    x_api_secret: str
    x_access_token: str
    x_access_secret: str
    x_bearer_token: str
    sink: str
    smtp_port: int

    @property
    def smtp_relay(self) -> str:
        return f"smtp://{HOST}:{self.smtp_port}"


def identity(data_dir: Path) -> Identity:
    """Read `sandbox.json` in DATA_DIR, or make it (mode 0600); every process sees the same one.

    Where a stranger listens on the kept mail port, another one is chosen and written down.
    """
    path = _path(data_dir)
    data_dir.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _write(path, _new(), anew=True)
    kept = read_identity(data_dir)
    if _port_is_a_strangers(kept):
        kept = replace(kept, smtp_port=_free_port())
        _write(path, kept, anew=False)
    return kept


def read_identity(data_dir: Path) -> Identity:
    """The kept one, as it is: for a loop that must not wait for its own sink's greeting."""
    return Identity(**json.loads(_path(data_dir).read_text(encoding="utf-8")))


def _path(data_dir: Path) -> Path:
    return data_dir / "sandbox.json"


def greeting(sink: str) -> str:
    """What the mail sink says first, so that a second process knows it for ours."""
    return f"sandbox sink {sink}"


def _port_is_a_strangers(kept: Identity) -> bool:
    try:
        with socket.create_connection((HOST, kept.smtp_port), timeout=5) as line:
            return greeting(kept.sink).encode() not in line.recv(512)
    except ConnectionError:
        return False
    except OSError:
        return True


def _write(path: Path, kept: Identity, *, anew: bool) -> None:
    """Put the file in place in one step; with `anew` the first of several processes wins."""
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(kept), file, indent=1)
    if not anew:
        scratch.replace(path)
        return
    try:
        os.link(scratch, path)
    except FileExistsError:
        pass
    finally:
        scratch.unlink()


def _new() -> Identity:
    return Identity(
        telegram_token=f"{_digits(10)}:{_letters(35)}",
        twilio_account_sid=f"AC{secrets.token_hex(16)}",
        twilio_auth_token=secrets.token_hex(16),
        twilio_number=f"+1646555{_digits(4)}",
        twilio_whatsapp_number=f"+1415555{_digits(4)}",
        x_api_key=_letters(25),
        x_api_secret=_letters(50),
        x_access_token=f"{_digits(18)}-{_letters(30)}",
        x_access_secret=_letters(45),
        x_bearer_token=f"AAAAAAAAAAAAAAAAAAAAA{_letters(80)}",
        sink=secrets.token_hex(8),
        smtp_port=_free_port(),
    )


def _digits(count: int) -> str:
    return secrets.choice("123456789") + "".join(secrets.choice(string.digits) for _ in range(count - 1))


def _letters(count: int) -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(count))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
