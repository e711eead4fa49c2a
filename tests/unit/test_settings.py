"""A setting that is wrong or missing names itself in one line; the sandbox never opens to the world."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import ROOT, ApiKey, Listen, Settings, SettingsError, is_loopback, read_settings
from router.check import channel_lines, check_all
from run_bots import main

POSTGRES = "postgresql+psycopg://lapor@127.0.0.1/lapor"
X = {"x_api_key": "a", "x_api_secret": "b", "x_access_token": "c", "x_access_secret": "d"}


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def read(**given: object) -> Settings:
    return read_settings(_env_file=None, **given)


def test_without_any_setting_everything_runs_on_this_machine() -> None:
    settings = read()
    assert settings.sandbox_in_effect
    assert settings.is_loopback
    assert settings.is_sqlite
    assert settings.migrates_itself
    assert settings.base_url == "http://127.0.0.1:8080"
    assert settings.media == str(Path("data/media"))
    assert settings.api_keys == ()


LACKING = {
    "TWILIO_AUTH_TOKEN": {"twilio_account_sid": "AC1", "twilio_number": "+62"},
    "TWILIO_ACCOUNT_SID": {"twilio_auth_token": "t", "twilio_number": "+62"},
    "TWILIO_NUMBER": {"twilio_account_sid": "AC1", "twilio_auth_token": "t"},
    "SMTP_TLS_KEY": {"smtp_tls_cert": "cert.pem"},
    "SMTP_TLS_CERT": {"smtp_tls_key": "key.pem"},
    "SECRET_KEY": {"database_url": POSTGRES, "contact_key": "c" * 20},
    "CONTACT_KEY": {"database_url": POSTGRES, "secret_key": "s" * 20},
    **{name.upper(): {other: X[other] for other in X if other != name} for name in X},
}


@pytest.mark.parametrize("name", LACKING)
def test_a_missing_companion_names_itself_in_one_line(name: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(**LACKING[name])

    assert str(refused.value).startswith(f"{name} is missing")
    assert "\n" not in str(refused.value)


def test_several_missing_companions_are_all_named() -> None:
    with pytest.raises(SettingsError, match="X_API_SECRET, X_ACCESS_TOKEN, X_ACCESS_SECRET is missing"):
        read(x_api_key="a")


WRONG = {
    "HTTP_LISTEN": "8080",
    "SMTP_LISTEN": "127.0.0.1:99999",
    "OPS_LISTEN": "127.0.0.1:http",
    "SMTP_MODE": "uucp",
    "SANDBOX": "perhaps",
    "AUTO_MIGRATE": "maybe",
    "QUIET_SECONDS": "-1",
    "JOIN_SECONDS": "soon",
    "X_POLL_SECONDS": "0",
    "LOG_FORMAT": "xml",
    "LOG_LEVEL": "loud",
    "PUBLIC_URL": "lapor.jakarta.go.id",
    "TELEGRAM_WEBHOOK_SECRET": "rahasia dengan spasi",
    "DATA_DIR": "/dev/null",
    "EMAIL_ADDRESS": "lapor",
    "OPEN311_API_KEYS": "crm",
    "TWILIO_CONTENT_SIDS": "status",
    "TWILIO_API_URL": "ftp://example",
    "TELEGRAM_API_URL": "example",
    "X_API_URL": "https://",
    "MAPS_LINK_URL": "https://[",
    "SMTP_RELAY": "smtp://lapor:rahasia@host:port",
    "REDIS_URL": "redis://:rahasia@host:port/0",
    "DATABASE_URL": "sqlite:///:memory:",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_refused_by_its_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, WRONG[name])
    with pytest.raises(SettingsError) as refused:
        read()

    assert str(refused.value).startswith(name)
    assert "\n" not in str(refused.value)
    assert "rahasia" not in str(refused.value)


@pytest.mark.parametrize(
    "mark",
    [
        "https://u:rahasia@lapor.example",
        "http://127.0.0.1@evil.example/",
        "https://lapor.example?a=1",
        "https://lapor.example#a",
    ],
)
def test_links_begin_with_a_plain_address(mark: str) -> None:
    with pytest.raises(SettingsError, match="PUBLIC_URL") as refused:
        read(public_url=mark)
    assert "rahasia" not in str(refused.value)


@pytest.mark.parametrize("address", ["lapor@", "@b", "a b@c", "a@b@c", "a@b\r\nX: y", "<a@b>", "lapor+x@b"])
def test_what_is_no_address_of_ours_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match="EMAIL_ADDRESS"):
        read(email_address=address)


@pytest.mark.parametrize("name", ["QUIET_SECONDS", "JOIN_SECONDS", "UNDO_SECONDS", "X_POLL_SECONDS"])
@pytest.mark.parametrize("never", ["nan", "inf"])
def test_a_time_that_never_comes_is_refused(name: str, never: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, never)
    with pytest.raises(SettingsError, match=name):
        read()


def test_two_listeners_at_one_address_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_LISTEN", "127.0.0.1:8080")
    with pytest.raises(SettingsError, match="which HTTP_LISTEN is already"):
        read()


def test_a_refusal_never_repeats_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("crm:", ":rahasia12345", "rahasia12345"):
        monkeypatch.setenv("OPEN311_API_KEYS", wrong)
        with pytest.raises(SettingsError) as refused:
            read()
        assert "rahasia12345" not in str(refused.value)


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TELEGRAM_TOKEN", "SMTP_RELAY", "TWILIO_AUTH_TOKEN", "HTTP_LISTEN", "QUIET_SECONDS"):
        monkeypatch.setenv(name, "")

    assert read() == Settings(_env_file=None)


def test_the_env_file_is_read_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("EMAIL_ADDRESS=lapor@file.example\nQUIET_SECONDS=3\nUNKNOWN=1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUIET_SECONDS", "5")
    settings = read_settings()

    assert (settings.email_address, settings.quiet_seconds) == ("lapor@file.example", 5)


def test_an_env_file_that_is_no_text_names_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_bytes(b"EMAIL_ADDRESS=\xff\xfe\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"^\.env cannot be read"):
        read_settings()


def test_a_file_that_is_no_database_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "reports.db").write_bytes(b"no database" * 1000)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    assert "file is not a database" in said_by(capsys, "verify")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read().sandbox = "off"  # type: ignore[misc]


# --- said by a command --------------------------------------------------------------------------------------


def said_by(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line in which a command says what is wrong."""
    assert main(arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


KEPT_KEYS = {"SECRET_KEY": "s" * 20, "CONTACT_KEY": "c" * 20}
CANNOT_BE_USED = {
    "unable to open database file": {"DATABASE_URL": "sqlite:////dev/null/reports.db"},
    "connection failed": {"DATABASE_URL": "postgresql+psycopg://u:rahasia@127.0.0.1:1/lapor", **KEPT_KEYS},
    "postgresql+psycopg://user": {"DATABASE_URL": "postgresql+psycopg://u:rahasia@host:port/lapor", **KEPT_KEYS},
    "run `run_bots.py migrate`": {},
    "entry 2 names an agency": {"OPEN311_API_KEYS": "crm:kunci,app:kunci2:rahasia"},
}


@pytest.mark.parametrize("words", CANNOT_BE_USED)
def test_what_cannot_be_used_is_said_in_one_line_without_a_secret(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"DATA_DIR": str(tmp_path / "data"), **CANNOT_BE_USED[words]}.items():
        monkeypatch.setenv(name, value)
    line = said_by(capsys, "verify")

    assert line.startswith("run_bots.py: ")
    assert words in line
    assert "rahasia" not in line


def test_a_worker_without_redis_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("REDIS_URL", "redis://:rahasia@127.0.0.1:1/0")
    line = said_by(capsys, "work")

    assert line.startswith("run_bots.py: Redis (REDIS_URL) cannot be used: ")
    assert "rahasia" not in line


@pytest.mark.parametrize(
    "arguments",
    [["replay"], ["replay", "--failed", "2026-11-28:1"], ["forget"], ["explain", "banjir", "--lat", "-6"]],
)
def test_words_that_do_not_go_together_are_a_wrong_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert f"usage: run_bots.py {arguments[0]}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("secret_key", "kurz", "SECRET_KEY must have"),
        ("contact_key", ",", "CONTACT_KEY must have"),
        ("open311_api_keys", "crm:kunci:nowhere", "entry 1 names an agency"),
    ],
)
def test_check_finds_the_keys_that_the_server_would_refuse(
    name: str, value: str, words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert check_all(read(data_dir=tmp_path, **{name: value})) == 1
    (line,) = (each for each in capsys.readouterr().out.splitlines() if each.startswith("WRONG"))
    assert words in line
    assert not (tmp_path / "keys.json").exists()


@pytest.mark.parametrize("pin", [("nan", "106.8"), ("-6.2", "inf"), ("-6.2", "999")])
def test_explain_takes_no_pin_that_is_nowhere(
    pin: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "degrees" in said_by(capsys, "explain", "lampu mati", "--lat", pin[0], "--long", pin[1])
    line = f'{{"text": "lampu mati", "lat": "{pin[0]}", "long": "{pin[1]}"}}\n'
    monkeypatch.setattr("sys.stdin", io.StringIO(line))
    assert main(["explain", "--jsonl"]) == 1
    assert list(json.loads(capsys.readouterr().out)) == ["error"]


def explained(*lines: bytes, **environment: str) -> list[str]:
    """What `explain --jsonl` answers to these lines in that environment; the keys of each answer."""
    command = [sys.executable, str(ROOT / "run_bots.py"), "explain", "--jsonl"]
    done = subprocess.run(
        command,
        input=b"\n".join(lines),
        capture_output=True,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
    )
    assert done.stderr == b""
    return [json.loads(line).get("error") or "" for line in done.stdout.splitlines()]


def test_each_line_has_its_answer_whatever_it_is_and_whatever_the_locale() -> None:
    words = '{"text": "jalan rusak \u2014 \U0001f600"}'.encode()
    wrong = [b"\xff\xfe", b"[1]", b'{"photos": "foto.jpg"}', b'{"lat": -6.2}', b'{"photos": ["/nowhere.jpg"]}']
    answers = explained(words, *wrong, words, PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert [bool(answer) for answer in answers] == [False, *[True] * len(wrong), False]
    assert answers[2:5] == [
        "TypeError: a line must be a JSON object",
        "TypeError: photos must be a list of paths",
        "ValueError: lat and long belong together",
    ]


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("explain banjir >/dev/full", 1, "run_bots.py: [Errno 28] No space left on device"),
        ("explain banjir >&-", 0, ""),
        ("explain banjir 2>&-", 0, ""),
        ("explain --jsonl <&-", 0, ""),
    ],
)
def test_a_stream_that_takes_nothing_is_no_traceback(command: str, status: int, said: str) -> None:
    shell = ["/bin/sh", "-c", f'exec "$0" run_bots.py {command}', sys.executable]
    done = subprocess.run(shell, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr.strip()) == (status, said)


def test_who_stops_reading_hears_no_complaint(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "run_bots.py"), "explain", "--jsonl"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        process.stdout.close()
        process.stdin.write(b'{"text": "lampu mati"}\n')
        process.stdin.close()
        assert process.stderr.read() == b""


# --- sandbox ------------------------------------------------------------------------------------------------

REAL = {
    "twilio": {"twilio_account_sid": "AC1", "twilio_auth_token": "t", "twilio_number": "+62"},
    "telegram": {"telegram_token": "1:a"},
    "x": X,
    "a relay": {"smtp_relay": "smtp://relay.example:25"},
    "an address that others reach": {"http_listen": "0.0.0.0:8080"},
    "a public address": {"public_url": "https://lapor.jakarta.go.id"},
}


@pytest.mark.parametrize("real", REAL)
def test_with_anything_real_there_are_no_stand_ins_unless_asked_for(real: str) -> None:
    assert not read(**REAL[real]).sandbox_in_effect


@pytest.mark.parametrize("real", ["twilio", "telegram", "x", "a relay"])
def test_stand_ins_beside_real_accounts_only_where_nobody_else_comes(real: str) -> None:
    assert read(sandbox="on", **REAL[real]).sandbox_in_effect
    assert not read(sandbox="off").sandbox_in_effect


@pytest.mark.parametrize("reach", ["an address that others reach", "a public address"])
def test_the_sandbox_is_refused_where_others_could_come(reach: str) -> None:
    with pytest.raises(SettingsError, match=r"^SANDBOX=on is refused"):
        read(sandbox="on", **REAL[reach])


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("0.0.0.0", False),
        ("::", False), ("10.0.0.1", False), ("localhost.example.org", False), ("127.0.0.1.example.org", False),
        ("", False), (None, False),
    ],
)  # fmt: skip
def test_only_this_machine_is_loopback(host: str | None, is_ours: bool) -> None:
    assert is_loopback(host) is is_ours


@pytest.mark.parametrize("url", ["http://localhost.evil.example", "https://[::]/"])
def test_a_public_url_cannot_pretend_to_be_local(url: str) -> None:
    assert not read(public_url=url).sandbox_in_effect


# --- values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "listen"),
    [
        ("127.0.0.1:8080", Listen("127.0.0.1", 8080)),
        ("[::1]:25", Listen("::1", 25)),
        ("localhost:0", Listen("localhost", 0)),
    ],
)
def test_a_listen_address_is_host_and_port(said: str, listen: Listen) -> None:
    assert read(http_listen=said).http_listen == listen
    assert str(listen) == said


@given(st.text(max_size=30))
def test_no_text_breaks_the_listen_address(said: str) -> None:
    try:
        read(smtp_listen=said)
    except SettingsError as refused:
        assert str(refused).startswith("SMTP_LISTEN: ")


def test_api_keys_have_a_name_and_perhaps_an_agency() -> None:
    assert read(open311_api_keys=" crm:k1 ,dbm:k2:dbm,, ").api_keys == (
        ApiKey(name="crm", key="k1", agency_id=None),
        ApiKey(name="dbm", key="k2", agency_id="dbm"),
    )


def test_one_api_key_is_one_clients() -> None:
    """Two keys of one client are: the new one and the one that it takes the place of."""
    assert len(read(open311_api_keys="crm:k1,crm:k2").api_keys) == 2
    with pytest.raises(SettingsError, match="two entries have the same key"):
        read(open311_api_keys="crm:k1,dbm:k1:dbm")


def test_addresses_are_made_without_a_double_slash() -> None:
    assert read(public_url="https://lapor.example/").base_url == "https://lapor.example"


def test_postgresql_is_not_migrated_unless_asked_for() -> None:
    keys = {"database_url": POSTGRES, "secret_key": "s" * 20, "contact_key": "c" * 20}
    assert not read(**keys).migrates_itself
    assert read(**keys, auto_migrate="ON").migrates_itself
    assert not read(auto_migrate="off").migrates_itself


@pytest.mark.parametrize(
    "issuer", ["http://idp.example", "idp.example", "https://idp.example?x", "https://u@idp.example", "ftp://x"]
)
def test_secrets_go_to_no_provider_in_the_clear(issuer: str) -> None:
    client = {"oidc_client_id": "a", "oidc_client_secret": "b"}
    with pytest.raises(SettingsError, match="OIDC_ISSUER"):
        read(oidc_issuer=issuer, **client)
    assert read(oidc_issuer="https://idp.example/city", **client).has_oidc
    with pytest.raises(SettingsError, match="OIDC_CLIENT_SECRET"):
        read(oidc_issuer="https://idp.example", oidc_client_id="a")


def test_check_names_who_needs_a_second_step(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    check_all(read(data_dir=tmp_path, totp_required="auditor, admin"))
    assert "second step needed by: admin, auditor" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("address", "is_remarked"),
    [
        ("https://lapor.example.org", False),
        ("https://lapor.example.org/", False),
        ("https://example.org/lapor", True),
    ],
)
def test_check_says_that_our_pages_need_a_host_name_of_their_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, address: str, *, is_remarked: bool
) -> None:
    check_all(read(data_dir=tmp_path, public_url=address))
    assert ("a host name of their own" in capsys.readouterr().out) is is_remarked


@pytest.mark.parametrize(
    ("more", "is_remarked"),
    [
        ({}, False),
        ({"twilio_whatsapp_number": "+622150009999"}, True),
        ({"twilio_whatsapp_number": "+622150009999", "twilio_content_sids": "id:HX1"}, False),
    ],
)
def test_check_says_what_whatsapp_does_not_bring_without_templates(
    more: dict[str, str], *, is_remarked: bool
) -> None:
    twilio = {"twilio_account_sid": "AC1", "twilio_auth_token": "rahasia", "twilio_number": "+622150001234"}
    said = {name: words for name, _, words in channel_lines(read(**twilio, **more))}
    assert ("set TWILIO_CONTENT_SIDS" in said["sms"]) is is_remarked


def test_the_city_is_found_from_wherever_it_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert (read().city / "city.toml").is_file()
