"""A real Postfix of the test's own, with docs/deploy/postfix as its configuration, and the mailboxes behind it."""

import os
import shutil
import smtplib
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from milter import Judge
from prepare import SBIN
from town import ROOT, connects, eventually, free_port

DEPLOY = ROOT / "docs" / "deploy" / "postfix"
SERVICES = """
127.0.0.1:{mx} inet n - n - - smtpd -o smtpd_relay_restrictions=reject_unauth_destination
127.0.0.1:{relay} inet n - n - - smtpd -o smtpd_milters=
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:{SBIN}"


def missing() -> str | None:
    """Why no Postfix can be started here; None where one can."""
    if shutil.which("postfix") is None:
        return "there is no Postfix on this machine"
    return None if os.geteuid() == 0 else "Postfix is started by root only"


@dataclass
class Boxes:
    """The mail servers of citizens and agencies: they keep what comes, or say what they were told to say."""

    kept: dict[str, list[EmailMessage]] = field(default_factory=lambda: defaultdict(list))
    says: dict[str, list[str]] = field(default_factory=dict)  # address -> answers to RCPT, the last one for ever
    tries: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        said = self.says.get(address, ["250 2.1.5 OK"])
        answer = said[min(self.tries[address], len(said) - 1)]
        self.tries[address] += 1
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        for address in envelope.rcpt_tos:
            self.kept[address].append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 2.0.0 OK"


@dataclass
class Postfix:
    """Takes mail for our domain on `mx`, and ours to the world, which is `boxes`, on `relay`."""

    folder: Path
    boxes: Boxes
    mx: int
    relay: int

    def send(
        self, raw: bytes, *, sender: str, to: str, helo: str = "mail.example.net", utf8: bool = False
    ) -> None:
        """A mail comes in from the world, as the server that calls itself `helo` hands it over."""
        options = ["BODY=8BITMIME", *(["SMTPUTF8"] if utf8 else [])]
        with smtplib.SMTP("127.0.0.1", self.mx, local_hostname=helo, timeout=30) as client:
            client.ehlo()
            client.sendmail(sender, [to], raw, mail_options=options)

    def log(self) -> str:
        return (self.folder / "log").read_text()


@contextmanager
def running(listen: int, *, mode: str, judge: Judge) -> Iterator[Postfix]:
    """A Postfix that hands our mail to port `listen` by SMTP or LMTP, and all other mail to its `boxes`."""
    boxes = Boxes()
    world = Controller(boxes, hostname="127.0.0.1", port=free_port(), enable_SMTPUTF8=True, data_size_limit=0)
    world.start()
    folder = Path(mkdtemp(prefix="lapor-test-postfix-", dir="/tmp"))  # where Postfix's own user may look
    made = Postfix(folder=folder, boxes=boxes, mx=free_port(), relay=free_port())
    _configure(made, listen, mode=mode, judge=judge, world=world.port)
    control = ["postfix", "-c", str(folder / "etc")]
    try:
        started = subprocess.run([*control, "start"], capture_output=True, text=True, timeout=60)
        assert started.returncode == 0, started.stderr + started.stdout
        eventually(lambda: connects(made.mx) and connects(made.relay), within=30, what="Postfix comes up")
        yield made
    finally:
        with suppress(subprocess.TimeoutExpired):
            subprocess.run([*control, "stop"], capture_output=True, timeout=30)
        world.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _configure(made: Postfix, listen: int, *, mode: str, judge: Judge, world: int) -> None:
    """docs/deploy's files with this test's ports, its folders and short waits in the place of theirs."""
    etc, folder = made.folder / "etc", made.folder
    for each in (etc, folder / "spool", folder / "lib"):
        each.mkdir()
    folder.chmod(0o755)
    shutil.chown(folder / "lib", "postfix")
    main = (DEPLOY / "main.cf").read_text()
    for theirs, ours in {
        "lapor:inet:[127.0.0.1]:8025": f"{'lapor:inet' if mode == 'lmtp' else 'smtp'}:[127.0.0.1]:{listen}",
        "inet:127.0.0.1:8893": f"inet:127.0.0.1:{judge.port}",
        "queue_run_delay = 60s": "queue_run_delay = 1s",
        "minimal_backoff_time = 60s": "minimal_backoff_time = 1s",
        "maximal_backoff_time = 900s": "maximal_backoff_time = 2s",
    }.items():
        assert theirs in main, theirs
        main = main.replace(theirs, ours)
    here = {
        "compatibility_level": "3.6",
        "queue_directory": folder / "spool",
        "data_directory": folder / "lib",
        "maillog_file": folder / "log",
        "maillog_file_prefixes": "/tmp",
        "inet_interfaces": "127.0.0.1",
        "inet_protocols": "ipv4",
        "mydestination": "",
        "alias_maps": "",
        "relayhost": f"[127.0.0.1]:{world}",
        "smtp_tls_security_level": "none",
        "smtputf8_enable": "yes",
    }
    lines = [f"{name} = {value}" for name, value in here.items()]
    (etc / "main.cf").write_text(main + "\n" + "\n".join(lines) + "\n")
    services = SERVICES.format(mx=made.mx, relay=made.relay).lstrip()
    (etc / "master.cf").write_text(services + (DEPLOY / "master.cf").read_text())


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(name="mail.example.org", servers={"mail.dbm.example": "dbm.example"}).start()
