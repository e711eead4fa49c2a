"""Commands whose database or Redis is away: one line on stderr, exit code 1, and no password in it."""

from collections.abc import Callable

import pytest
from town import Town, free_port

PASSWORD = "kata-sandi-rahasia"


def away() -> dict[str, str]:
    return {
        "DATABASE_URL": f"postgresql+psycopg://lapor:{PASSWORD}@127.0.0.1:{free_port()}/lapor",
        "REDIS_URL": f"redis://:{PASSWORD}@127.0.0.1:{free_port()}/0",
        "SECRET_KEY": "test-secret-key-0123456789",
        "CONTACT_KEY": "test-contact-key-0123456789",
    }


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("", "DATABASE_URL"),
        ("migrate", "DATABASE_URL"),
        ("user add sri --role triage", "DATABASE_URL"),
        ("verify", "DATABASE_URL"),
        ("agency list", "DATABASE_URL"),
        ("work", "REDIS_URL"),
    ],
)
def test_it_says_which_one_in_one_line(new_town: Callable[..., Town], command: str, names: str) -> None:
    ended = new_town(**away()).run(*command.split())

    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
    assert names in ended.stderr
    assert PASSWORD not in ended.stderr + ended.stdout
