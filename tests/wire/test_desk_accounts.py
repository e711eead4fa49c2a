"""/desk/accounts over HTTP: each act with an account does what it says, is a deed, and shows no password twice."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path

import httpx
import pytest

from desk.admin_accounts import DONE
from desk.deeds import WHATS
from desk.pages import texts
from router.house import House
from router.invitations import invite, invited, withdraw
from router.outbox import deliver_due, open_connections
from store import accounts
from store.desk import Deed
from store.models import Delivery, Report
from store.officials import Officer
from tests.wire.desk_rooms import (
    Clock,
    add_officer,
    add_report,
    browser,
    entered,
    hidden,
    log_in,
    open_rooms,
    serving,
)
from tests.wire.test_smtp_out import relay

NEW = "tiga kopi tubruk pahit"


@dataclass
class Rooms:
    house: House
    address: str


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    house = open_rooms(tmp_path_factory.mktemp("rooms"), totp_required="auditor")
    add_officer(house, "admin", "admin")
    with serving(house) as address:
        yield Rooms(house=house, address=address)


@pytest.fixture(scope="module")
def admin(rooms: Rooms) -> Iterator[httpx.Client]:
    with entered(rooms.address, "admin") as client:
        yield client


def press(client: httpx.Client, what: str, name: str, **said: str) -> httpx.Response:
    fields = {"csrf": hidden(client.get("/desk/accounts"), "csrf"), "name": name, **said}
    return client.post(f"/desk/accounts/{what}" if what else "/desk/accounts", data=fields)


def officer(house: House, name: str) -> Officer | None:
    with house.store.read() as session:
        return accounts.find_officer(session, name)


def deeds_of(house: House, name: str) -> list[tuple[str, str]]:
    with house.store.read() as session:
        rows = session.query(Deed).filter(Deed.about.startswith(name)).order_by(Deed.id)
        return [(deed.by, deed.what) for deed in rows]


def secret_on(page: httpx.Response) -> str:
    found = re.search(r'<code class="secret">([^<]+)</code>', page.text)
    assert found, page.text
    return found[1]


def link_for(client: httpx.Client, name: str, **said: str) -> str:
    """The path of a new invitation's link, as it is to be handed over."""
    page = press(client, "", name, **{"role": "triage", "way": "invite", **said})
    assert page.status_code == 200, page.text
    return path_of(secret_on(page))


def path_of(link: str) -> str:
    return "/" + link.split("/", 3)[3]


def take(client: httpx.Client, link: str, new: str = NEW, again: str | None = None) -> httpx.Response:
    page = client.get(link)
    return client.post(link, data={"csrf": hidden(page, "csrf"), "new": new, "again": again or new})


# --- what an admin does with an account -----------------------------------------------------------------------


def test_an_account_with_a_one_time_password_shows_it_once(rooms: Rooms, admin: httpx.Client) -> None:
    said = {
        "role": "officer",
        "agency": "kelurahan",
        "area": "Manggarai",
        "way": "password",
        "mail": "lurah@example.org",
    }
    page = press(admin, "", "Lurah Manggarai", **said)
    once = secret_on(page)
    assert page.headers["cache-control"] == "no-store"
    listed = admin.get("/desk/accounts?q=lurah").text
    assert "lurah manggarai" in listed
    assert "lurah@example.org" in listed
    assert once not in listed
    made = officer(rooms.house, "lurah manggarai")
    assert made
    assert (made.role, made.agency_id, made.area_code) == ("officer", "kelurahan", "31.74.01.1007")
    with browser(rooms.address) as client:
        assert log_in(client, "lurah manggarai", once).url.path == "/desk/password"
    assert deeds_of(rooms.house, "lurah manggarai") == [
        ("officer:admin", "account_added"),
        ("officer:admin", "mail_changed"),
    ]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"name": "admin", "role": "triage"}, "sudah ada"),
        ({"name": "<b>", "role": "triage"}, "Nama akun: 1 sampai 64"),
        ({"name": "x1", "role": "raja"}, "Peran itu tidak ada"),
        ({"name": "x1", "role": "officer"}, "perlu satu dinas"),
        ({"name": "x1", "role": "officer", "agency": "atlantis"}, "perlu satu dinas"),
        ({"name": "x1", "role": "officer", "agency": "dbm", "area": "Manggarai"}, "tidak cocok"),
        ({"name": "x1", "role": "triage", "mail": "bukan alamat"}, "tidak bisa dipakai"),
        ({"name": "x1", "role": "triage", "mail": "lapor+x@localhost"}, "tidak bisa dipakai"),
    ],
)
def test_what_cannot_be_an_account_is_refused_in_plain_words(
    rooms: Rooms, admin: httpx.Client, said: dict[str, str], words: str
) -> None:
    for way in ("invite", "password"):
        page = press(admin, "", **{"way": way, **said})
        assert (page.status_code, words in page.text) == (400, True)
    assert officer(rooms.house, "x1") is None


def test_a_role_that_changes_ends_the_log_ins_and_gives_back_what_was_taken(
    rooms: Rooms, admin: httpx.Client
) -> None:
    add_officer(rooms.house, "pindah", "officer", "dbm")
    code = add_report(rooms.house)
    with rooms.house.store.write() as session:
        number = session.query(Officer.id).filter_by(name="pindah").scalar()
        session.query(Report).filter_by(code=code).update({"officer_id": number})
    with entered(rooms.address, "pindah") as client:
        page = press(admin, "changed", "pindah", role="head", agency="dlh")
        assert "Akun sudah diubah" in page.text
        assert client.get("/desk/queue").url.path == "/desk"
    with rooms.house.store.read() as session:
        assert session.query(Report).filter_by(code=code).one().officer_id is None
        assert session.query(Deed.about).filter_by(what="account_changed").scalar() == "pindah: head, dlh"


def test_a_locked_account_lets_nobody_in_until_it_is_unlocked(rooms: Rooms, admin: httpx.Client) -> None:
    add_officer(rooms.house, "terkunci", "triage")
    with rooms.house.store.write() as session:
        key = accounts.make_api_key(session, session.query(Officer).filter_by(name="terkunci").one())
    with entered(rooms.address, "terkunci") as client, browser(rooms.address) as other:
        assert "Terkunci" in press(admin, "locked", "terkunci").text
        assert client.get("/desk/queue").url.path == "/desk"
        assert log_in(other, "terkunci").status_code == 403
        with rooms.house.store.read() as session:
            assert accounts.officer_of_key(session, key) is None
        press(admin, "unlocked", "terkunci")
        assert log_in(other, "terkunci").status_code == 200
    whats = [what for _, what in deeds_of(rooms.house, "terkunci")]
    assert whats == ["account_locked", "account_unlocked"]


def test_a_log_in_that_began_before_the_lock_is_not_good_behind_it(rooms: Rooms) -> None:
    add_officer(rooms.house, "lomba", "triage")
    with rooms.house.store.write() as session:
        held = session.query(Officer).filter_by(name="lomba").one()
        held.locked_at = rooms.house.now()
        token = accounts.open_session(session, held, now=rooms.house.now())
    with rooms.house.store.read() as session:
        assert accounts.find_session(session, token, now=rooms.house.now()) is None
        assert accounts.find_sessions(session, [accounts.sha256(token)], now=rooms.house.now()) == []


def test_the_last_admin_is_neither_removed_nor_locked_nor_made_something_else(
    rooms: Rooms, admin: httpx.Client
) -> None:
    link_for(admin, "calon", role="admin")  # one who never came in is no admin yet
    for what, said in (("removed", {}), ("locked", {}), ("changed", {"role": "triage"})):
        page = press(admin, what, "admin", **said)
        assert (page.status_code, "admin terakhir" in page.text) == (400, True)
    assert deeds_of(rooms.house, "admin") == []


def test_removed_and_reset_accounts_are_gone_and_new(rooms: Rooms, admin: httpx.Client) -> None:
    for name in ("hapus", "setel"):
        add_officer(rooms.house, name, "triage")
    assert "sudah dihapus" in press(admin, "removed", "hapus").text
    assert officer(rooms.house, "hapus") is None
    once = secret_on(press(admin, "reset", "setel"))
    with browser(rooms.address) as client:
        assert log_in(client, "setel").status_code == 403
        assert log_in(client, "setel", once).url.path == "/desk/password"
    assert [what for _, what in deeds_of(rooms.house, "setel")] == ["account_reset"]
    assert press(admin, "removed", "hapus").status_code == 400
    assert press(admin, "terbang", "setel").status_code == 400


def test_every_sentence_is_there_in_both_languages(admin: httpx.Client) -> None:
    for language in ("en", "id"):
        for done in (*DONE, "<b>", ""):
            assert admin.get("/desk/accounts", params={"done": done, "lang": language}).status_code == 200
        for what in WHATS:
            assert f"deed_{what}" in texts(language)


def test_a_page_shows_neither_hash_nor_key(rooms: Rooms, admin: httpx.Client) -> None:
    page = admin.get("/desk/accounts").text
    with rooms.house.store.read() as session:
        for each in session.query(Officer):
            for kept in (each.password_hash, each.api_key_hash, each.invitation):
                assert not kept or kept not in page
    assert "argon2" not in page


# --- invitations ----------------------------------------------------------------------------------------------


def test_an_invitation_is_good_once_and_looking_uses_nothing_up(rooms: Rooms, admin: httpx.Client) -> None:
    link = link_for(admin, "undangan", role="head", agency="dbm")
    kept = officer(rooms.house, "undangan")
    assert kept
    assert kept.invitation not in link
    with browser(rooms.address) as client:
        for _ in range(2):
            page = client.get(link)
            assert "undangan" in page.text
            assert page.headers["referrer-policy"] == "no-referrer"
            assert page.headers["cache-control"] == "no-store"
        assert take(client, link).url.path == "/desk"
        assert "Antrean laporan" in client.get("/desk").text
        assert client.get(link).status_code == 404
    with browser(rooms.address) as client:
        assert log_in(client, "undangan", NEW).status_code == 200
    assert deeds_of(rooms.house, "undangan") == [
        ("officer:admin", "invited"),
        ("officer:undangan", "invite_taken"),
    ]


def test_a_password_that_is_refused_leaves_the_invitation_good(rooms: Rooms, admin: httpx.Client) -> None:
    link = link_for(admin, "siti.rahma")
    with browser(rooms.address) as client:
        for new, again in (("pendek", None), (NEW, NEW + "x"), ("siti.rahma 1990", None), ("Rahasia12345", None)):
            assert take(client, link, new, again).status_code == 400
        assert client.post(link, data={"csrf": "x", "new": NEW, "again": NEW}).status_code == 400
        assert "lapor_desk" not in client.cookies
        assert take(client, link).status_code == 200
        assert "lapor_desk" in client.cookies


def test_a_role_that_needs_it_goes_on_to_the_second_step(rooms: Rooms, admin: httpx.Client) -> None:
    link = link_for(admin, "pengawas", role="auditor")
    with browser(rooms.address) as client:
        take(client, link)
        assert client.get("/desk").url.path == "/desk/account"


def test_an_invitation_ends_after_three_days_by_a_newer_one_and_when_it_is_withdrawn(
    rooms: Rooms, admin: httpx.Client
) -> None:
    clock = rooms.house.now
    assert isinstance(clock, Clock)
    old = link_for(admin, "lambat")
    with browser(rooms.address) as client:
        page = client.get(old)
        clock.on(hours=73)
        log_in(admin, "admin")
        fields = {"csrf": hidden(page, "csrf"), "new": NEW, "again": NEW}
        assert client.get(old).status_code == 404
        assert client.post(old, data=fields).status_code == 404
        assert "Undangan sudah lewat" in admin.get("/desk/accounts?q=lambat").text
        newer = path_of(secret_on(press(admin, "sent", "lambat")))
        assert client.get(old).status_code == 404
        assert client.get(newer).status_code == 200
        assert "sudah ditarik" in press(admin, "withdrawn", "lambat").text
        assert client.get(newer).status_code == 404
    assert officer(rooms.house, "lambat") is None
    whats = [what for _, what in deeds_of(rooms.house, "lambat")]
    assert whats == ["invited", "invite_sent", "invite_withdrawn"]


def test_who_has_come_in_can_be_neither_invited_again_nor_withdrawn(rooms: Rooms, admin: httpx.Client) -> None:
    add_officer(rooms.house, "lama-di-sini", "triage")
    for what in ("sent", "withdrawn"):
        assert press(admin, what, "lama-di-sini").status_code == 400
    assert officer(rooms.house, "lama-di-sini") is not None


async def test_with_a_relay_the_link_goes_by_mail_and_stands_nowhere_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with relay() as post:
        house = open_rooms(tmp_path, smtp_relay=post.url)
        by = {"role": "triage", "agency_id": None, "area_code": None, "by": "officer:admin"}
        assert invite(house, "surat", mail="Surat@example.org", **by) is None
        invite(house, "batal", mail="batal@example.org", **by)
        withdraw(house, "batal", by="officer:admin")
        async with open_connections(house.settings) as connections:
            assert await deliver_due(house, connections, channel="email") == 2
        (mail,) = (message_from_bytes(raw, policy=policy.default) for raw in post.mails)
    assert mail["To"] == "Surat@example.org"
    assert "Undangan ke meja petugas" in mail["Subject"]
    (token,) = re.findall(r"/desk/invitation/([\w-]{43})\b", mail.get_content())
    invited_one = invited(house, token)
    assert invited_one
    assert invited_one.name == "surat"
    with house.store.read() as session:
        rows = {(row.state, row.text, row.last_error) for row in session.query(Delivery)}
    assert rows == {("sent", "", None), ("failed", "", "the invitation has ended")}
    assert token not in caplog.text
    assert "example.org" not in caplog.text
    assert token.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("reports.db*"))


@pytest.mark.parametrize("token", ["x", "a" * 5000, "%00", "None", "é"])
def test_a_link_that_is_none_says_so(rooms: Rooms, token: str) -> None:
    with browser(rooms.address) as client:
        assert client.get(f"/desk/invitation/{token}").status_code == 404
        assert client.post(f"/desk/invitation/{token}", data={"new": NEW}).status_code == 404


def test_one_address_is_one_accounts(rooms: Rooms, admin: httpx.Client) -> None:
    link_for(admin, "pertama", mail="sama@example.org")
    page = press(admin, "", "kedua", role="triage", way="invite", mail="SAMA@example.org")
    assert (page.status_code, "dipakai akun lain" in page.text) == (400, True)
    assert officer(rooms.house, "kedua") is None
