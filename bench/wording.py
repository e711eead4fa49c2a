"""What the load says: signed Twilio forms and mails, each a message of its own, from a citizen of its own."""

import base64
import hmac
import io
import random
import uuid
from email.message import EmailMessage
from email.policy import SMTP
from urllib.parse import urlencode

ACCOUNT = "AC" + "0" * 32
TOKEN = "bench-token"  # nobody's: the server under measure is started with it
NUMBER = "+15005550006"
MAILBOX = "lapor@localhost"
PHOTO_BYTES = 200_000

TEXTS = (
    "Lampu jalan mati total di Jl. Manggarai Utara 2, Kelurahan Manggarai, gelap banget",
    "Jalan berlubang besar di Jl. Kemang Raya, Bangka, Mampang Prapatan, sudah dua motor jatuh",
    "Sampah menumpuk di Jl. Tebet Barat Dalam, Kelurahan Tebet Barat, tiga hari tidak diangkut",
    "Banjir setinggi lutut di Kelurahan Kampung Melayu RT 5 RW 3, mohon dibantu",
    "Trotoar rusak di Jl. Cikini Raya, Menteng, bahaya buat pejalan kaki",
    "Pohon tumbang menutup jalan di Jl. Panglima Polim, Melawai, Kebayoran Baru",
    "Saluran air mampet di Jl. Pramuka, Kelurahan Palmeriam, baunya menyengat",
    "Street light is out on Jl. Senopati, Selong, Kebayoran Baru, very dark at night",
)
_PLACES = {f"{side}{what}": "" for side in ("From", "To") for what in ("City", "State", "Zip", "Country")}


def citizen(number: int) -> str:
    """The phone number of the load's nth citizen."""
    return f"+62812{number:08d}"


def form(url: str, number: int) -> tuple[bytes, str]:
    """Body and X-Twilio-Signature of the nth SMS: https://www.twilio.com/docs/usage/security."""
    sid = f"SM{number:032x}"
    fields = _PLACES | {
        "ToCountry": "US",
        "FromCountry": "ID",
        "SmsMessageSid": sid,
        "NumMedia": "0",
        "SmsSid": sid,
        "SmsStatus": "received",
        "Body": TEXTS[number % len(TEXTS)],
        "To": NUMBER,
        "NumSegments": "1",
        "MessageSid": sid,
        "AccountSid": ACCOUNT,
        "From": citizen(number),
        "ApiVersion": "2010-04-01",
    }
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    signature = base64.b64encode(hmac.digest(TOKEN.encode(), signed.encode(), "sha1")).decode()
    return urlencode(fields).encode(), signature


def request(port: int, number: int, *, keep: bool = True) -> bytes:
    """The nth SMS as Twilio posts it to /hooks/twilio on that port."""
    body, signature = form(f"http://127.0.0.1:{port}/hooks/twilio", number)
    head = (
        f"POST /hooks/twilio HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: TwilioProxy/1.1\r\n"
        f"Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\nContent-Length: {len(body)}\r\n"
        f"X-Twilio-Signature: {signature}\r\nAccept: */*\r\n"
        f"Connection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    )
    return head.encode() + body


def mail(*, photo: bool) -> tuple[bytes, bytes]:
    """A mail of about 1 KB, or with a 200 KB photo, in two parts: a Message-ID belongs between them."""
    letter = EmailMessage(policy=SMTP)
    letter["From"] = "Warga <warga@example.org>"
    letter["To"] = MAILBOX
    letter["Subject"] = "Lampu jalan mati"
    letter["Date"] = "Mon, 03 Nov 2025 08:00:00 +0700"
    letter["Message-ID"] = "<number@example.org>"
    letter.set_content("\n".join(TEXTS[:7]))
    if photo:
        letter.add_attachment(_photo(), maintype="image", subtype="jpeg", filename="foto.jpg")
    before, _, after = letter.as_bytes().partition(b"<number@example.org>")
    return before, after + b".\r\n"


def message_id(number: int) -> bytes:
    return f"<{number}.{uuid.uuid4().hex}@example.org>".encode()


def _photo() -> bytes:
    """A JPEG of PHOTO_BYTES, the same each time: noise, so that it does not shrink, then zeros."""
    from PIL import Image

    noise = random.Random(1).randbytes(300 * 300 * 3)
    out = io.BytesIO()
    Image.frombytes("RGB", (300, 300), noise).save(out, "JPEG", quality=85)
    return out.getvalue().ljust(PHOTO_BYTES, b"\0")
