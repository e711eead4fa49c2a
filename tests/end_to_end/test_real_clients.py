"""Clients that nobody here wrote: swaks and smtplib bring mail, curl posts a form that twilio's library signed."""

import json
import shutil
import smtplib
import subprocess
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlencode

import pytest
from town import TEXT, Town, code_in, eventually, jpeg, new_citizen, report
from twilio.request_validator import RequestValidator


def with_tool(name: str) -> str:
    return shutil.which(name) or pytest.skip(f"LEFT OUT: there is no {name} on this machine")


def photos_of(town: Town, code: str) -> int:
    return len([p for p in [report(town, code).get("media_url")] if p])


def test_a_mail_by_swaks_with_a_photo_becomes_a_report_once(town: Town, tmp_path: Path) -> None:
    citizen = new_citizen("email")
    photo = tmp_path / "lampu.jpg"
    photo.write_bytes(jpeg(side=400))
    command = [with_tool("swaks"), "--server", "127.0.0.1", "--port", str(town.smtp), "--from", citizen]
    command += ["--to", "lapor@localhost", "--header", "Subject: Lampu mati", "--body", TEXT]
    command += ["--header", f"Message-ID: <swaks-{citizen}>", "--header", "Date: Sun, 22 Nov 2026 08:00:00 +0700"]
    command += ["--attach-type", "image/jpeg", "--attach", f"@{photo}"]
    mime = ["--header", "X-Same: yes"]

    for _ in range(2):
        sent = subprocess.run([*command, *mime], capture_output=True, text=True, timeout=60, check=False)
        assert sent.returncode == 0, sent.stdout[-500:]

    code = code_in(town.answer("email", citizen))
    assert report(town, code)["service_code"] == "lampu_jalan"
    assert photos_of(town, code) == 1


def test_a_mail_by_smtplib_sent_twice_is_one_report(town: Town) -> None:
    citizen = new_citizen("email")
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = citizen, "lapor@localhost", "Jalan rusak"
    mail["Message-ID"] = f"<once-{citizen}>"
    mail.set_content(TEXT)
    mail.add_attachment(jpeg(), maintype="image", subtype="jpeg", filename="foto.jpg")

    for _ in range(2):
        with smtplib.SMTP("127.0.0.1", town.smtp, timeout=20) as client:
            assert client.send_message(mail) == {}
    other = new_citizen("email")
    with smtplib.SMTP("127.0.0.1", town.smtp, timeout=20) as client:
        client.sendmail(other, ["lapor@localhost"], f"From: {other}\r\nSubject: x\r\n\r\n{TEXT}".encode())

    code = code_in(town.answer("email", citizen))
    assert photos_of(town, code) == 1
    town.answer("email", other)
    assert len(town.answers("email", citizen)) == 1


def post(town: Town, form: dict[str, str], *, token: str | None = None) -> tuple[str, str]:
    """curl posts a form, signed with the real library; the status and the content type."""
    kept = json.loads((town.folder / "data" / "sandbox.json").read_text())
    url = f"{town.url}/hooks/twilio"
    signature = RequestValidator(token or kept["twilio_auth_token"]).compute_signature(url, form)
    command = [with_tool("curl"), "-s", "-o", "/dev/null", "-w", "%{http_code} %{content_type}", url]
    command += ["-H", f"X-Twilio-Signature: {signature}", "--data-binary", urlencode(form)]
    status, _, kind = subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=True
    ).stdout.partition(" ")
    return status, kind


def form_of(town: Town, citizen: str, sid: str) -> dict[str, str]:
    kept = json.loads((town.folder / "data" / "sandbox.json").read_text())
    return {
        "MessageSid": sid,
        "AccountSid": kept["twilio_account_sid"],
        "From": citizen,
        "To": kept["twilio_number"],
        "Body": TEXT,
        "NumMedia": "0",
        "Empty": "",
    }


def test_a_form_by_curl_signed_by_twilios_library_sent_twice_is_one_report(town: Town) -> None:
    citizen = new_citizen("sms")
    form = form_of(town, citizen, "SM" + "a1" * 16)
    answers = [post(town, form) for _ in range(2)]

    assert [status for status, _ in answers] == ["200", "200"]
    assert answers[0][1].startswith("text/xml")
    sent = eventually(lambda: [r for r in town.requests() if r["channel"] == "sms"], what="the report")
    assert len(sent) == 1
    assert sent[0]["service_code"] == "lampu_jalan"


def test_a_wrong_signature_is_refused_and_nothing_is_kept(town: Town) -> None:
    before = len(town.requests())
    status, _ = post(town, form_of(town, new_citizen("sms"), "SM" + "b2" * 16), token="guessed")

    assert status == "403"
    town.say("telegram", new_citizen("telegram"), TEXT)  # something behind it comes through
    eventually(lambda: len(town.requests()) > before)
    assert len(town.requests()) == before + 1
