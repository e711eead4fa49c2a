"""Log in with the city's own account, against a provider on loopback: who gets in, and every lie that does not."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pyotp
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from config.settings import read_settings
from router.check import check_all
from router.house import House
from router.invitations import invite
from router.oidc import NEEDED, ProviderAwayError, say_provider
from store import account_changes, accounts
from store.desk import Deed
from store.officials import DeskSession, Officer
from store.second_step import set_up
from tests.town import free_port
from tests.wire.desk_rooms import Clock, add_officer, browser, hidden, log_in, open_rooms, serving
from tests.wire.oidc_stand_in import CLIENT, SECRET, Claims, StandIn, provider


@dataclass
class Rooms:
    house: House
    address: str
    provider: StandIn


@contextmanager
def open_with(folder, **settings: object) -> Iterator[Rooms]:  # type: ignore[no-untyped-def]
    """A desk whose PUBLIC_URL is where it really is, and a provider that knows siti@example.org."""
    clock = Clock()
    port = free_port()
    with provider(clock) as stand_in:
        house = open_rooms(
            folder,
            public_url=f"http://127.0.0.1:{port}",
            oidc_issuer=stand_in.issuer,
            oidc_client_id=CLIENT,
            oidc_client_secret=SECRET,
            **settings,
        )
        house = replace(house, now=clock)
        with serving(house, port) as address:
            yield Rooms(house=house, address=address, provider=stand_in)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    with open_with(tmp_path_factory.mktemp("rooms")) as rooms:
        yield rooms


@pytest.fixture
def rooms(opened: Rooms) -> Rooms:
    """With one official, `siti`, whose address an admin put there; the provider tells the truth again."""
    fresh = StandIn(now=opened.provider.now, issuer=opened.provider.issuer, key=opened.provider.key)
    for name in ("person", "lies", "answers", "says", "sign"):
        setattr(opened.provider, name, getattr(fresh, name))
    with opened.house.store.write() as session:
        for each in session.query(Officer):
            account_changes.delete_officer(session, each)
        session.query(Deed).delete()
    add_official(opened.house, "siti", "siti@example.org")
    return opened


def add_official(house: House, name: str, mail: str, role: str = "triage") -> None:
    add_officer(house, name, role)
    with house.store.write() as session:
        held = account_changes.existing(session, name)
        account_changes.set_mail(session, held, mail, house.store.sealer, now=house.now(), by="console")


def officer(house: House, name: str = "siti") -> Officer:
    with house.store.read() as session:
        return session.query(Officer).filter_by(name=name).one()


def come(rooms: Rooms, client: httpx.Client, to: str = "/desk") -> httpx.Response:
    """The whole way: to the provider, back, and to where they wanted."""
    return client.get("/desk/login/oidc", params={"next": to})


def is_in(client: httpx.Client) -> bool:
    return client.get("/desk/account").url.path == "/desk/account"


# --- who gets in ----------------------------------------------------------------------------------------------


def test_a_verified_address_that_an_admin_put_there_links_once_and_then_the_subject_counts(rooms: Rooms) -> None:
    with browser(rooms.address) as client:
        page = come(rooms, client, "/desk/rapor")
        assert (page.status_code, page.url.path) == (200, "/desk/rapor")
        assert "lapor_oidc" not in client.cookies
    linked = officer(rooms.house)
    assert (linked.oidc_issuer, linked.oidc_subject) == (rooms.provider.issuer, "u-1")
    assert linked.last_login_at is not None
    rooms.provider.person = {"sub": "u-1", "email": "another@example.org", "email_verified": False}
    with browser(rooms.address) as client:
        come(rooms, client)
        assert is_in(client)
    with rooms.house.store.read() as session:
        deeds = [(deed.by, deed.what) for deed in session.query(Deed).order_by(Deed.id)]
    assert deeds == [("console", "mail_changed"), ("officer:siti", "account_linked")]


def test_an_address_that_only_userinfo_tells_is_as_good(rooms: Rooms) -> None:
    rooms.provider.person = {"sub": "u-1"}
    with browser(rooms.address) as client:
        come(rooms, client)
        assert is_in(client)


@pytest.mark.parametrize(
    "person",
    [
        {"sub": "u-1", "email": "siti@example.org", "email_verified": False},
        {"sub": "u-1", "email": "siti@example.org", "email_verified": "true"},
        {"sub": "u-1", "email": "siti@example.org"},
        {"sub": "u-1", "email": "nobody@example.org", "email_verified": True},
        {"sub": "u-1", "email": ["siti@example.org"], "email_verified": True},
        {"sub": "u-1", "email": None},
        {"sub": "u-2"},  # userinfo speaks of u-1
        {"sub": ""},
        {"sub": 7, "email": "siti@example.org", "email_verified": True},
    ],
)
def test_nobody_gets_in_by_an_address_that_is_not_verified_or_not_known(rooms: Rooms, person: Claims) -> None:
    rooms.provider.person = person
    with browser(rooms.address) as client:
        assert come(rooms, client).status_code == 403
        assert not is_in(client)
    with rooms.house.store.read() as session:
        assert [(each.name, each.oidc_subject) for each in session.query(Officer)] == [("siti", None)]


def test_another_person_with_the_same_address_does_not_take_a_linked_account_over(rooms: Rooms) -> None:
    with browser(rooms.address) as client:
        come(rooms, client)
    rooms.provider.person = {**rooms.provider.person, "sub": "u-2"}
    with browser(rooms.address) as client:
        page = come(rooms, client)
        assert "belum terhubung" in page.text
        assert not is_in(client)
    assert officer(rooms.house).oidc_subject == "u-1"


def test_an_invitation_is_taken_by_the_office_account_and_a_one_time_password_ends(rooms: Rooms) -> None:
    by = "officer:admin"
    invite(rooms.house, "budi", "triage", None, None, "budi@example.org", by=by)
    rooms.provider.person = {"sub": "u-3", "email": "Budi@Example.org", "email_verified": True}
    with browser(rooms.address) as client:
        come(rooms, client)
        assert is_in(client)
    assert officer(rooms.house, "budi").invitation is None
    with rooms.house.store.write() as session:
        once = account_changes.reset_password(session, "siti", now=rooms.house.now())
    rooms.provider.person = {"sub": "u-1", "email": "siti@example.org", "email_verified": True}
    with browser(rooms.address) as client:
        come(rooms, client)
        assert is_in(client)
    assert accounts.check_password(rooms.house.store, "siti", once, now=rooms.house.now()) is None


def test_a_locked_account_is_locked_here_too(rooms: Rooms) -> None:
    with browser(rooms.address) as client:
        come(rooms, client)
    add_officer(rooms.house, "admin", "admin")
    with rooms.house.store.write() as session:
        account_changes.lock(session, "siti", now=rooms.house.now(), by="officer:admin")
    with browser(rooms.address) as client:
        assert come(rooms, client).status_code == 403
        assert not is_in(client)


def test_the_log_out_leads_on_to_the_provider(rooms: Rooms) -> None:
    with browser(rooms.address) as client:
        page = come(rooms, client)
        page = client.post("/desk/logout", data={"csrf": hidden(page, "csrf")})
        assert "Keluar juga dari akun kantor" in page.text
        assert not is_in(client)
        there = client.get("/desk/logout/oidc")
    assert (there.text, there.url.path) == ("bye", "/bye")
    assert there.url.params["post_logout_redirect_uri"] == f"{rooms.house.settings.base_url}/desk"


# --- the second step ------------------------------------------------------------------------------------------


def with_second_step(house: House) -> str:
    with house.store.write() as session:
        held = session.query(Officer).filter_by(name="siti").one()
        secret = set_up(held, house.store.sealer)
        held.totp_since = house.now()
    return secret


def test_the_second_step_is_asked_for_as_ever(rooms: Rooms) -> None:
    secret = with_second_step(rooms.house)
    with browser(rooms.address) as client:
        page = come(rooms, client, "/desk/rapor")
        assert "Langkah kedua" in page.text
        assert not is_in(client)
        code = pyotp.TOTP(secret).generate_otp(int(rooms.house.now().timestamp()) // 30)
        fields = {"ticket": hidden(page, "ticket"), "next": hidden(page, "next"), "code": code}
        assert client.post("/desk/login/code", data=fields).url.path == "/desk/rapor"


@pytest.mark.parametrize(("trusts", "path"), [("on", "/desk"), ("off", "/desk/account")])
def test_a_provider_is_trusted_with_the_second_step_only_where_it_is_said(
    tmp_path_factory: pytest.TempPathFactory, trusts: str, path: str
) -> None:
    said = {"totp_required": "triage", "oidc_trusts_second_step": trusts}
    with open_with(tmp_path_factory.mktemp(trusts), **said) as rooms:
        add_official(rooms.house, "siti", "siti@example.org")
        with browser(rooms.address) as client:
            come(rooms, client)
            assert client.get("/desk").url.path == path
        with browser(rooms.address) as client:  # a password is never trusted so
            log_in(client, "siti")
            assert client.get("/desk").url.path == "/desk/account"


# --- lies -----------------------------------------------------------------------------------------------------

OTHER = RSAKey.generate_key(2048, {"kid": "k1"})
LIES: dict[str, Callable[[Claims], Claims]] = {
    "another nonce": lambda claims: {**claims, "nonce": "x"},
    "no nonce": lambda claims: {name: value for name, value in claims.items() if name != "nonce"},
    "another audience": lambda claims: {**claims, "aud": "shop"},
    "one of two audiences, without the party": lambda claims: {**claims, "aud": [CLIENT, "shop"], "azp": "shop"},
    "another issuer": lambda claims: {**claims, "iss": "https://evil.example"},
    "expired": lambda claims: {**claims, "exp": claims["iat"] - 100},
    "no expiry": lambda claims: {name: value for name, value in claims.items() if name != "exp"},
    "of the future": lambda claims: {**claims, "nbf": claims["iat"] + 3600},
    "a wrong hash of the access token": lambda claims: {**claims, "at_hash": "x"},
}


@pytest.mark.parametrize("lie", LIES)
def test_an_id_token_that_lies_lets_nobody_in(rooms: Rooms, lie: str) -> None:
    rooms.provider.lies = LIES[lie]
    with browser(rooms.address) as client:
        page = come(rooms, client)
        assert (page.status_code, "tidak berhasil" in page.text) == (403, True)
        assert not is_in(client)


def unsigned(claims: Claims) -> str:
    head, body, _ = jwt.encode({"alg": "RS256"}, claims, OTHER).split(".")
    assert head
    none = "eyJhbGciOiJub25lIn0"  # {"alg":"none"}
    return f"{none}.{body}."


@pytest.mark.parametrize(
    "how", ["none", "another key", "HS256 with the public key", "HS256 with our secret", "no JWT"]
)
def test_a_signature_that_is_not_the_providers_lets_nobody_in(rooms: Rooms, how: str) -> None:
    public = rooms.provider.key.as_pem(private=False)
    signs: dict[str, Callable[[Claims], str]] = {
        "none": unsigned,
        "another key": lambda claims: jwt.encode({"alg": "RS256", "kid": "k1"}, claims, OTHER),
        "HS256 with the public key": lambda claims: _hs256(claims, public),
        "HS256 with our secret": lambda claims: _hs256(claims, SECRET.encode()),
        "no JWT": lambda claims: "x",
    }
    rooms.provider.sign = signs[how]
    with browser(rooms.address) as client:
        assert come(rooms, client).status_code == 403
        assert not is_in(client)


def _hs256(claims: Claims, key: bytes) -> str:
    import base64
    import hmac
    import json

    def part(said: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")

    signed = f"{part({'alg': 'HS256', 'kid': 'k1'})}.{part(claims)}"
    seal = hmac.digest(key, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(seal).decode().rstrip('=')}"


def way_there(client: httpx.Client) -> httpx.Response:
    """To the provider and back, but not in at our door yet."""
    there = client.get("/desk/login/oidc", follow_redirects=False)
    return httpx.get(there.headers["location"], follow_redirects=False)


def test_an_answer_is_good_once_in_the_browser_that_asked_and_for_ten_minutes(rooms: Rooms) -> None:
    with browser(rooms.address) as client, browser(rooms.address) as other:
        back = way_there(client).headers["location"]
        assert other.get(back).status_code == 403  # a stolen link
        way_there(other)
        assert other.get(back).status_code == 403  # into a log-in of another browser
        assert client.get(back).status_code == 200
        kept = client.cookies["lapor_desk"]
        assert client.get(back).status_code == 403  # again
        assert client.cookies["lapor_desk"] == kept
        late = way_there(client).headers["location"]
        clock = rooms.house.now
        assert isinstance(clock, Clock)
        clock.at += timedelta(minutes=11)
        assert client.get(late).status_code == 403
        assert not is_in(other)


def test_a_cookie_that_somebody_made_up_lets_nobody_in(rooms: Rooms) -> None:
    asked = list(rooms.provider.asked)
    with browser(rooms.address) as client:
        back = urlsplit(way_there(client).headers["location"])
        code, state = (parse_qs(back.query)[name][0] for name in ("code", "state"))
        for cookie in (
            "",
            "x",
            f"{'a' * 22}.9999999999.%2Fdesk",
            f"{state[:22]}.99999999999.https%3A%2F%2Fevil.example",
        ):
            said = {"code": code, "state": state, "iss": rooms.provider.issuer}
            answer = httpx.get(f"{rooms.address}{back.path}", params=said, cookies={"lapor_oidc": cookie})
            assert answer.status_code == 403
    assert rooms.provider.asked == asked


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"state": "x"},
        {"code": None, "error": "access_denied"},
        {"code": "made-up"},
    ],
)
def test_an_answer_of_another_provider_or_without_what_it_needs_is_refused(
    rooms: Rooms, change: dict[str, str | None]
) -> None:
    def changed(back: Claims) -> Claims:
        return {name: value for name, value in {**back, **change}.items() if value is not None}

    rooms.provider.answers = changed
    with browser(rooms.address) as client:
        page = come(rooms, client)
        assert (page.status_code, "tidak berhasil" in page.text) == (403, True)
        assert not is_in(client)


@pytest.mark.parametrize("to", ["https://evil.example", "//evil.example", "/desk/../x", "/desk/r/A\r\nX: y"])
def test_it_leads_nowhere_but_to_the_desk(rooms: Rooms, to: str) -> None:
    with browser(rooms.address) as client:
        assert str(come(rooms, client, to).url) == f"{rooms.address}/desk"


def test_a_new_key_of_the_provider_is_asked_for_once_a_minute(rooms: Rooms) -> None:
    with browser(rooms.address) as client:
        come(rooms, client)
    clock, stand_in = rooms.house.now, rooms.provider
    assert isinstance(clock, Clock)
    old = stand_in.key
    stand_in.key = RSAKey.generate_key(2048, {"kid": "k2"})
    try:
        clock.at += timedelta(minutes=2)
        with browser(rooms.address) as client:
            come(rooms, client)
            assert is_in(client)
        asked = stand_in.asked.count("keys")
        stand_in.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "k9"}, claims, OTHER)
        for _ in range(3):
            with browser(rooms.address) as client:
                assert come(rooms, client).status_code == 403
        assert stand_in.asked.count("keys") == asked
    finally:
        stand_in.key = old


# --- a provider that is none ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "says",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": None},
        {"padding": "x" * 300_000},
    ],
)
def test_a_provider_that_does_not_say_what_it_must_is_away(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str], says: Claims
) -> None:
    with open_with(tmp_path_factory.mktemp("odd")) as rooms:
        rooms.provider.says = says
        with browser(rooms.address) as client:
            page = come(rooms, client)
            assert (page.status_code, "tidak menjawab" in page.text) == (503, True)
            assert "lapor_oidc" not in client.cookies
        check_all(rooms.house.settings)
        assert "WRONG  log-in " in capsys.readouterr().out


@pytest.mark.parametrize("head", [b"X-Odd: ", b"Content-Length: 9999\r\n\r\n"])
def test_a_provider_whose_answer_has_no_end_is_away(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then; each of four log-ins that wait for it would hold up the others' for ever."""
    monkeypatch.setattr("router.oidc.SECONDS", 0.3)

    def drip(listening: socket.socket) -> None:
        line, _ = listening.accept()
        with line, suppress(OSError):
            line.sendall(b"HTTP/1.1 200 OK\r\n" + head)
            while not over.wait(0.05):
                line.sendall(b" ")

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=drip, args=(listening,), daemon=True).start()
        issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
        given = read_settings(_env_file=None, oidc_issuer=issuer, oidc_client_id="a", oidc_client_secret="b")
        with pytest.raises(ProviderAwayError):
            say_provider(given)
        over.set()


def test_a_provider_is_asked_through_the_environments_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = "http://127.0.0.1:1"
    says = json.dumps({"issuer": issuer} | dict.fromkeys(NEEDED, f"{issuer}/there")).encode()

    def answer(listening: socket.socket) -> None:
        line, _ = listening.accept()
        with line:
            asked.append(line.recv(9999).partition(b" HTTP/")[0])
            line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(says), says))

    asked: list[bytes] = []
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=answer, args=(listening,), daemon=True).start()
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{listening.getsockname()[1]}")
        given = read_settings(_env_file=None, oidc_issuer=issuer, oidc_client_id="a", oidc_client_secret="b")
        assert "which answers" in say_provider(given)
    assert asked == [f"GET {issuer}/.well-known/openid-configuration".encode()]


def test_without_settings_it_is_not_there(tmp_path_factory: pytest.TempPathFactory) -> None:
    house = open_rooms(tmp_path_factory.mktemp("none"))
    with serving(house) as address, browser(address) as client:
        assert "akun kantor" not in client.get("/desk").text
        for path in ("/desk/login/oidc", "/desk/login/oidc/back", "/desk/logout/oidc"):
            assert client.get(path).status_code == 404
    with house.store.read() as session:
        assert session.query(DeskSession).count() == 0
