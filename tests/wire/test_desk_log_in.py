"""The desk's door: passwords, the cookie, the token in every form, the lock after five wrong tries."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from router.house import House
from store import account_changes, accounts
from store.desk import Deed
from store.officials import DeskSession, Officer
from store.passwords import check_new
from tests.wire.desk_rooms import (
    PASSWORD,
    add_officer,
    add_report,
    browser,
    hidden,
    log_in,
    open_rooms,
    serving,
    status_of,
)


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with browser(address) as client:
        yield client


def officer(house: House, name: str) -> Officer:
    with house.store.read() as session:
        return session.query(Officer).filter_by(name=name).one()


def test_first_admin_changes_the_one_time_password_before_anything_else(tmp_path: Path) -> None:
    house = open_rooms(tmp_path)
    with house.store.write() as session:
        once = accounts.first_admin(session, house.now())
    assert once is not None
    with house.store.write() as session:
        assert accounts.first_admin(session, house.now()) is None
    with serving(house) as address, browser(address) as client:
        page = log_in(client, "Admin ", once)
        assert page.url.path == "/desk/password"
        assert client.get("/desk/queue").url.path == "/desk/password"
        fields = {"csrf": hidden(page, "csrf"), "old": once, "new": "pendek", "again": "pendek"}
        assert client.post("/desk/password", data=fields).status_code == 400
        fields |= {"new": PASSWORD, "again": PASSWORD + "x"}
        assert client.post("/desk/password", data=fields).status_code == 400
        fields |= {"again": PASSWORD}
        assert "sudah diganti" in client.post("/desk/password", data=fields).text
        assert log_in(client, "admin", once).status_code == 403
        assert "Antrean laporan" in log_in(client, "admin").text


def test_cookie_is_http_only_lax_and_kept_only_as_a_hash(house: House, client: httpx.Client) -> None:
    add_officer(house, "kuki", "triage")
    page = client.get("/desk")
    fields = {"csrf": hidden(page, "csrf"), "name": "kuki", "password": PASSWORD}
    answer = client.post("/desk/login", data=fields, follow_redirects=False)
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("lapor_desk="))
    assert "httponly" in cookie.lower()
    assert "samesite=lax" in cookie.lower()
    assert "secure" not in cookie.lower()
    token = answer.cookies["lapor_desk"]
    with house.store.read() as session:
        assert token not in [row.id for row in session.query(DeskSession)]
        assert accounts.find_session(session, token, now=house.now()) is not None


def test_cookie_is_secure_behind_https(tmp_path: Path) -> None:
    house = open_rooms(tmp_path, public_url="https://lapor.example")
    with serving(house) as address, browser(address) as client:
        cookies = client.get("/desk").headers.get_list("set-cookie")
    assert cookies
    assert all("secure" in cookie.lower() for cookie in cookies)


def test_unknown_name_wrong_password_and_locked_account_look_the_same(house: House, client: httpx.Client) -> None:
    add_officer(house, "kunci", "triage")
    answers = [log_in(client, "tidak-ada", "salah"), *(log_in(client, "kunci", "salah") for _ in range(5))]
    answers.append(log_in(client, "kunci", PASSWORD))  # right, but locked by now
    told = {(answer.status_code, answer.text.replace("tidak-ada", "kunci")) for answer in answers}
    assert len(told) == 1
    assert answers[0].status_code == 403


def test_lock_ends_after_fifteen_minutes_and_a_right_password_counts_from_the_start(house: House) -> None:
    add_officer(house, "sabar", "triage")
    now = house.now()

    def tried(password: str, minutes: float) -> bool:
        at = now + timedelta(minutes=minutes)
        return accounts.check_password(house.store, "sabar", password, now=at) is not None

    assert [tried("salah", 0) for _ in range(4)] == [False] * 4
    assert tried(PASSWORD, 0)
    assert [tried("salah", 1) for _ in range(5)] == [False] * 5
    assert not tried(PASSWORD, 15.9)
    assert tried(PASSWORD, 16.1)


def test_log_in_form_of_another_site_is_refused(house: House, client: httpx.Client) -> None:
    add_officer(house, "asing", "triage")
    fields = {"name": "asing", "password": PASSWORD, "csrf": "0" * 64}
    assert client.post("/desk/login", data=fields).status_code == 403
    client.get("/desk")
    assert client.post("/desk/login", data=fields).status_code == 403
    assert client.get("/desk/queue").url.path == "/desk"


@pytest.mark.parametrize("token", ["", "wrong", "tokén"])
def test_form_without_the_right_token_changes_nothing(house: House, client: httpx.Client, token: str) -> None:
    name = f"token-{token.encode().hex()}"
    add_officer(house, name, "triage")
    code = add_report(house)
    log_in(client, name)
    fields = {"csrf": token, "seen": "1", "status": "accepted"}
    assert client.post(f"/desk/r/{code}", data=fields).status_code == 403
    assert client.post("/desk/logout", data={"csrf": token}).status_code == 403
    assert status_of(house, code) == "assigned"
    assert client.get(f"/desk/r/{code}").status_code == 200


def test_log_out_ends_the_log_in_on_the_server(house: House, client: httpx.Client, address: str) -> None:
    add_officer(house, "pulang", "triage")
    page = log_in(client, "pulang")
    stolen = {"lapor_desk": client.cookies["lapor_desk"]}
    assert "Antrean laporan" in httpx.get(f"{address}/desk", cookies=stolen).text
    client.post("/desk/logout", data={"csrf": hidden(page, "csrf")})
    assert "Kata sandi" in httpx.get(f"{address}/desk", cookies=stolen).text


def test_log_in_lasts_twelve_hours(house: House) -> None:
    add_officer(house, "lama", "triage")
    with house.store.write() as session:
        token = accounts.open_session(session, officer(house, "lama"), now=house.now())
    with house.store.read() as session:
        later = house.now() + timedelta(hours=11)
        assert accounts.find_session(session, token, now=later) is not None
        assert accounts.find_session(session, token, now=later + timedelta(hours=2)) is None


def test_reset_and_removal_end_every_log_in(house: House) -> None:
    add_officer(house, "ganti", "triage")
    with house.store.write() as session:
        token = accounts.open_session(session, officer(house, "ganti"), now=house.now())
        once = account_changes.reset_password(session, "ganti", now=house.now())
        assert accounts.find_session(session, token, now=house.now()) is None
    assert accounts.check_password(house.store, "ganti", once, now=house.now()) is not None
    with house.store.write() as session:
        accounts.open_session(session, officer(house, "ganti"), now=house.now())
    with house.store.write() as session:
        account_changes.remove_officer(session, "ganti", now=house.now())
    assert accounts.check_password(house.store, "ganti", once, now=house.now()) is None


def test_reset_ends_the_api_key_too_and_both_stand_in_the_audit_log(house: House) -> None:
    add_officer(house, "kunci-api", "triage")
    with house.store.write() as session:
        key = accounts.make_api_key(session, session.query(Officer).filter_by(name="kunci-api").one())
        assert accounts.officer_of_key(session, key) is not None
        account_changes.reset_password(session, "kunci-api", now=house.now())
        assert accounts.officer_of_key(session, key) is None
        account_changes.remove_officer(session, "kunci-api", now=house.now())
    with house.store.read() as session:
        written = [(deed.by, deed.what) for deed in session.query(Deed).filter_by(about="kunci-api")]
    assert written == [("console", "account_reset"), ("console", "account_removed")]


def test_the_last_admin_cannot_be_removed(tmp_path: Path) -> None:
    house = open_rooms(tmp_path)
    for name in ("satu", "dua"):
        add_officer(house, name, "admin")
    with house.store.write() as session:
        account_changes.remove_officer(session, "satu", now=house.now())
    with house.store.write() as session, pytest.raises(accounts.AccountError, match="last admin"):
        account_changes.remove_officer(session, "dua", now=house.now())


@pytest.mark.parametrize(
    "new",
    [
        "Rahasia12345!",
        "p4$$w0rd-2026",
        "1q2w3e4r5t6y",
        "839201746512",
        "sandi siti.aminah",
        "jakarta jakarta",
        "a" * 20,
    ],
)
def test_a_password_that_many_would_try_is_refused_and_says_why(
    house: House, client: httpx.Client, new: str
) -> None:
    with house.store.read() as session:
        is_there = session.query(Officer).filter_by(name="siti.aminah").count()
    if not is_there:
        add_officer(house, "siti.aminah", "triage")
    log_in(client, "siti.aminah")
    page = client.get("/desk/password")
    fields = {"csrf": hidden(page, "csrf"), "old": PASSWORD, "new": new, "again": new}
    refused = client.post("/desk/password", data=fields)
    assert (refused.status_code, "terlalu mudah ditebak" in refused.text) == (400, True)


@pytest.mark.parametrize("new", [PASSWORD, "a8f3-99b2-771c", "kopi tubruk di beranda", "7h2k9x4m1p6q"])
def test_a_password_of_ones_own_is_taken(new: str) -> None:
    check_new(new, "siti.aminah")


@pytest.mark.parametrize(
    "wanted", ["https://evil.example", "//evil.example", "/desk/../x", "/desk/r/A\r\nX: y", "/desk?lang=en"]
)
def test_log_in_leads_nowhere_but_to_the_desk(house: House, client: httpx.Client, wanted: str) -> None:
    with house.store.read() as session:
        is_there = session.query(Officer).filter_by(name="arah").count()
    if not is_there:
        add_officer(house, "arah", "triage")
    page = client.get("/desk", params={"next": wanted})
    fields = {"csrf": hidden(page, "csrf"), "name": "arah", "password": PASSWORD, "next": wanted}
    answer = client.post("/desk/login", data=fields, follow_redirects=False)
    assert answer.headers["location"] == "/desk"


def test_link_to_a_report_is_followed_after_the_log_in(house: House, client: httpx.Client) -> None:
    add_officer(house, "tautan", "triage")
    code = add_report(house)
    page = client.get(f"/desk/r/{code}")
    fields = {"csrf": hidden(page, "csrf"), "name": "tautan", "password": PASSWORD, "next": hidden(page, "next")}
    assert client.post("/desk/login", data=fields).url.path == f"/desk/r/{code}"


@pytest.mark.parametrize(
    ("name", "role", "agency_id"),
    [
        ("", "admin", None),
        ("a" * 65, "admin", None),
        ("a\nb<", "admin", None),
        ("x", "boss", None),
        ("x", "officer", None),
        ("x", "triage", "dbm"),
    ],
)
def test_account_that_cannot_be_is_refused(house: House, name: str, role: str, agency_id: str | None) -> None:
    with house.store.write() as session, pytest.raises(accounts.AccountError):
        accounts.add_officer(session, name, role, agency_id, now=house.now())


def test_same_name_twice_is_refused_in_any_case(house: House) -> None:
    add_officer(house, "dua", "triage")
    with house.store.write() as session, pytest.raises(accounts.AccountError):
        accounts.add_officer(session, " DUA", "triage", None, now=house.now())


@pytest.mark.parametrize(
    ("content_type", "size", "status"),
    [
        ("application/x-www-form-urlencoded", 70_000, 413),
        ("text/plain", 10, 415),
        ("multipart/form-data; boundary=x", 10, 415),
    ],
)
def test_odd_forms_are_refused(client: httpx.Client, content_type: str, size: int, status: int) -> None:
    answer = client.post("/desk/login", content=b"a" * size, headers={"content-type": content_type})
    assert answer.status_code == status
