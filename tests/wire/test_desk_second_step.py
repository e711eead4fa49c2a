"""The second step of the log-in over HTTP: set up, each code once, wrong ones locked, recovery, roles that need it."""

import re
from collections.abc import Iterator

import httpx
import pyotp
import pytest

from router.house import House
from store import account_changes
from store.desk import Deed
from store.officials import Officer, RecoveryCode
from tests.wire.desk_rooms import Clock, add_officer, browser, hidden, log_in

SETTINGS = {"totp_required": "auditor"}


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with browser(address) as client:
        yield client


def later(house: House, **by: float) -> None:
    clock = house.now
    assert isinstance(clock, Clock)
    clock.on(**by)


def code_now(house: House, secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).generate_otp(int(house.now().timestamp()) // 30 + steps)


def officer(house: House, name: str) -> Officer:
    with house.store.read() as session:
        return session.query(Officer).filter_by(name=name).one()


def turned_on(house: House, client: httpx.Client, name: str, role: str = "triage") -> tuple[str, list[str]]:
    """The secret and the recovery codes of a new official who set it up and logged out."""
    add_officer(house, name, role)
    log_in(client, name)
    page = client.get("/desk/account")
    shown = re.search(r'<code class="number">([A-Z2-7 ]+)</code>', page.text)
    assert shown
    assert "<svg" in page.text
    secret = shown[1].replace(" ", "")
    fields = {"csrf": hidden(page, "csrf"), "code": code_now(house, secret)}
    codes = re.findall(r"<li><code>([\w-]+)</code>", client.post("/desk/account", data=fields).text)
    client.post("/desk/logout", data=fields)
    later(house, minutes=2)
    return secret, codes


def say_code(client: httpx.Client, page: httpx.Response, code: str) -> httpx.Response:
    fields = {"ticket": hidden(page, "ticket"), "next": hidden(page, "next"), "code": code}
    return client.post("/desk/login/code", data=fields)


def test_code_lets_in_once_and_the_password_alone_does_not(house: House, client: httpx.Client) -> None:
    secret, codes = turned_on(house, client, "dua-langkah")
    assert len(set(codes)) == 8
    page = log_in(client, "dua-langkah")
    assert "Langkah kedua" in page.text
    assert "lapor_desk" not in client.cookies
    assert client.get("/desk/queue").url.path == "/desk"
    code = code_now(house, secret)
    assert "Antrean laporan" in say_code(client, page, code).text
    assert secret not in client.get("/desk/account").text
    client.cookies.clear()
    assert say_code(client, log_in(client, "dua-langkah"), code).status_code == 403


@pytest.mark.parametrize(("steps", "status"), [(-2, 403), (-1, 200), (1, 200), (2, 403)])
def test_clock_of_a_phone_may_differ_by_one_step(
    house: House, client: httpx.Client, steps: int, status: int
) -> None:
    secret, _ = turned_on(house, client, f"jam{steps}")
    page = log_in(client, f"jam{steps}")
    later(house, seconds=35 - house.now().timestamp() % 30)  # early in a step
    assert say_code(client, page, code_now(house, secret, steps)).status_code == status


def test_recovery_code_is_good_once_and_kept_as_a_hash(house: House, client: httpx.Client) -> None:
    _, codes = turned_on(house, client, "cadangan")
    with house.store.read() as session:
        assert not {each.hash for each in session.query(RecoveryCode)} & set(codes)
    typed = codes[0].upper().replace("-", " ")
    assert say_code(client, log_in(client, "cadangan"), typed).status_code == 200
    assert "Tersisa 7 kode" in client.get("/desk/account").text
    client.cookies.clear()
    assert say_code(client, log_in(client, "cadangan"), codes[0]).status_code == 403


def test_new_recovery_codes_end_the_old_ones_and_need_a_code(house: House, client: httpx.Client) -> None:
    secret, old = turned_on(house, client, "kode-baru")
    say_code(client, log_in(client, "kode-baru"), code_now(house, secret))
    later(house, minutes=2)
    csrf = hidden(client.get("/desk/account"), "csrf")
    assert client.post("/desk/account/codes", data={"csrf": csrf, "code": "000000x"}).status_code == 400
    with house.store.read() as session:
        number = officer(house, "kode-baru").id
        assert session.query(RecoveryCode).filter_by(officer_id=number).count() == 8
    page = client.post("/desk/account/codes", data={"csrf": csrf, "code": code_now(house, secret)})
    new = re.findall(r"<li><code>([\w-]+)</code>", page.text)
    assert (len(set(new)), set(new) & set(old)) == (8, set())
    assert page.headers["cache-control"] == "no-store"
    client.cookies.clear()
    assert say_code(client, log_in(client, "kode-baru"), old[0]).status_code == 403
    assert say_code(client, log_in(client, "kode-baru"), new[0]).status_code == 200
    with house.store.read() as session:
        written = session.query(Deed).filter_by(what="recovery_codes", about="kode-baru").one()
    assert written.by == "officer:kode-baru"


def test_five_wrong_codes_close_the_account_also_when_the_password_is_said_between(
    house: House, client: httpx.Client
) -> None:
    secret, _ = turned_on(house, client, "salah")
    page = log_in(client, "salah")
    for _ in range(5):
        page = log_in(client, "salah")
        assert say_code(client, page, "000000x").status_code == 403
    assert say_code(client, page, code_now(house, secret)).status_code == 403
    assert log_in(client, "salah").status_code == 403
    later(house, minutes=16)
    assert say_code(client, log_in(client, "salah"), code_now(house, secret)).status_code == 200


def test_ticket_is_of_one_browser_and_five_minutes(house: House, client: httpx.Client, address: str) -> None:
    secret, _ = turned_on(house, client, "tiket")
    page = log_in(client, "tiket")
    with browser(address) as other:
        other.get("/desk")
        assert say_code(other, page, code_now(house, secret)).status_code == 403
    fields = {"ticket": hidden(page, "ticket").replace(".", "0.", 1), "code": code_now(house, secret)}
    for ticket in (fields["ticket"], "", "..", "1.2.3", "9" * 30 + ".1.x"):
        said = client.post("/desk/login/code", data={**fields, "ticket": ticket})
        assert said.status_code == 403
        assert "lapor_desk" not in client.cookies
    later(house, minutes=6)
    assert say_code(client, page, code_now(house, secret)).status_code == 403


def test_secret_is_sealed_and_a_reset_takes_the_second_step_off(house: House, client: httpx.Client) -> None:
    secret, _ = turned_on(house, client, "setel")
    sealed = officer(house, "setel").totp_sealed
    assert sealed
    assert secret.encode() not in sealed
    assert house.store.sealer.open(sealed) == secret
    with house.store.write() as session:
        once = account_changes.reset_password(session, "setel", now=house.now())
    assert log_in(client, "setel", once).url.path == "/desk/password"
    kept = officer(house, "setel")
    assert kept.totp_sealed is None
    assert kept.totp_since is None


def test_role_that_needs_it_sees_nothing_before(house: House, client: httpx.Client) -> None:
    add_officer(house, "pengawas", "auditor")
    page = log_in(client, "pengawas")
    assert client.get("/desk/queue").url.path == "/desk/account"
    assert client.get("/desk").url.path == "/desk/account", page.url
    assert client.get("/desk/live").status_code == 401
    page = client.get("/desk/account")
    assert "Peran Anda memerlukan" in page.text
    assert client.post("/desk/account", data={"csrf": hidden(page, "csrf"), "code": "1"}).status_code == 400
    assert client.get("/desk/queue").url.path == "/desk/account"


def test_log_out_everywhere_ends_every_log_in_of_this_official(
    house: House, client: httpx.Client, address: str
) -> None:
    add_officer(house, "di-mana-mana", "triage")
    add_officer(house, "rekan", "triage")
    with browser(address) as elsewhere, browser(address) as colleague:
        for each, name in ((elsewhere, "di-mana-mana"), (client, "di-mana-mana"), (colleague, "rekan")):
            assert log_in(each, name).status_code == 200
        page = client.get("/desk/account")
        assert page.text.count("<li>Masuk ") == 2
        said = client.post("/desk/account/out", data={"csrf": hidden(page, "csrf")})
        assert "keluar di semua perangkat" in said.text
        assert elsewhere.get("/desk/account").url.path == "/desk"
        assert colleague.get("/desk/account").url.path == "/desk/account"
