"""A running installation: what a citizen said is found, an undone move is not told, an answer arrives at once."""

import re

from town import Town, code_in, eventually

WORDS = "Lampu jalan mati di dekat warung Zamrud, Jl. Kemang Raya 7, Kelurahan Bangka, gelap sekali"
PASSWORD = "gerobak-bakso-lewat-sini"


def log_in(town: Town, name: str, password: str) -> str:
    """The token of the forms."""
    desk = town.client
    fields = {"csrf": csrf_on(desk.get("/desk").text), "name": name, "password": password}
    return desk.post("/desk/login", data=fields, follow_redirects=True).text


def csrf_on(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]


def new_officer(town: Town) -> str:
    """Log a new officer of the lamps' agency in; the token of their forms."""
    once = town.run("user", "add", "sri", "--role", "officer", "--agency", "dbm").stdout.strip()
    page = log_in(town, "sri", once)
    fields = {"csrf": csrf_on(page), "old": once, "new": PASSWORD, "again": PASSWORD}
    town.client.post("/desk/password", data=fields)
    return csrf_on(log_in(town, "sri", PASSWORD))


def test_found_undone_and_answered(town: Town) -> None:
    who = "+6281277700001"
    town.say("sms", who, WORDS)
    code = code_in(town.answer("sms", who))
    desk, csrf = town.client, new_officer(town)
    eventually(lambda: f'id="r-{code}"' in desk.get("/desk", params={"q": "zamrud"}).text, what="it is found")

    def press(path: str, **fields: str) -> str:
        said = desk.post(path, data={"csrf": csrf, **fields}, follow_redirects=True)
        assert said.status_code == 200
        return said.text

    def seen() -> str:
        found = re.search(r'name="seen" value="(\d+)"', desk.get(f"/desk/r/{code}").text)
        assert found
        return found[1]

    press(f"/desk/r/{code}", status="in_progress", note="Salah tekan", seen=seen())
    assert "dibatalkan" in press("/desk/undo", codes=code)
    press(f"/desk/r/{code}", status="accepted", note="Regu berangkat", seen=seen())
    press(f"/desk/r/{code}/answer", answer="Mohon tunggu di lokasi")

    assert "Mohon tunggu di lokasi" in town.answer("sms", who, 3, within=5)  # it took the move's message along
    answers = town.answers("sms", who)
    assert "Regu berangkat" in answers[1]
    assert not any("Salah tekan" in answer for answer in answers)
    history = town.client.get(f"/r/{code}").text
    assert "Perubahan sebelumnya dibatalkan petugas" in history
