"""What the load says: signed Twilio forms and mails, each a message of its own, from a citizen of its own."""

import base64
import hmac
import io
import random
from collections.abc import Iterable, Iterator
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache
from urllib.parse import quote_plus, urlencode

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
    body, signed = _template(url, TEXTS[number % len(TEXTS)])
    sid, sender = f"SM{number:032x}", citizen(number)
    words = signed.format(sid=sid, sender=sender).encode()
    signature = base64.b64encode(hmac.digest(TOKEN.encode(), words, "sha1")).decode()
    return body.format(sid=sid, sender=quote_plus(sender)).encode(), signature


@cache
def _template(url: str, text: str) -> tuple[str, str]:
    """The form's body and what is signed of it, `{sid}` and `{sender}` still open: 60 us a form without."""
    fields = _PLACES | {
        "ToCountry": "US",
        "FromCountry": "ID",
        "SmsMessageSid": "{sid}",
        "NumMedia": "0",
        "SmsSid": "{sid}",
        "SmsStatus": "received",
        "Body": text,
        "To": NUMBER,
        "NumSegments": "1",
        "MessageSid": "{sid}",
        "AccountSid": ACCOUNT,
        "From": "{sender}",
        "ApiVersion": "2010-04-01",
    }
    return urlencode(fields, safe="{}"), url + "".join(name + fields[name] for name in sorted(fields))


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


PAGES = (
    *("/", "/?area=31.74", "/?service=lampu_jalan", "/area/31.74.01", "/feed.atom", "/rapor"),
    "/map.json?bbox=106.7,-6.3,106.95,-6.1&zoom=12",
)


def pages(port: int) -> list[bytes]:
    """What a browser asks in a flood: the public's pages, compressed, one after the other."""
    more = f"Host: 127.0.0.1:{port}\r\nUser-Agent: bench\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n"
    return [f"GET {path} HTTP/1.1\r\n{more}".encode() for path in PAGES]


def mails(numbers: Iterable[int], *, photo: bool) -> Iterator[tuple[bytes, bytes]]:
    """Envelope senders, and mails of about 1 KB, or with a 200 KB photo."""
    letter = EmailMessage(policy=SMTP)
    letter["From"] = "Warga <warga-number@example.org>"
    letter["To"] = MAILBOX
    letter["Subject"] = "Lampu jalan mati"
    letter["Date"] = "Mon, 03 Nov 2025 08:00:00 +0700"
    letter["Message-ID"] = "<number@example.org>"
    letter.set_content("\n".join(TEXTS[:7]))
    if photo:
        letter.add_attachment(_photo(), maintype="image", subtype="jpeg", filename="foto.jpg")
    parts = (letter.as_bytes() + b".\r\n").split(b"number")
    assert len(parts) == 3
    for number in numbers:
        yield b"warga-%d@example.org" % number, (b"%d" % number).join(parts)


def _photo() -> bytes:
    """A JPEG of PHOTO_BYTES, the same each time: noise, so that it does not shrink, then zeros."""
    from PIL import Image

    noise = random.Random(1).randbytes(300 * 300 * 3)
    out = io.BytesIO()
    Image.frombytes("RGB", (300, 300), noise).save(out, "JPEG", quality=85)
    return out.getvalue().ljust(PHOTO_BYTES, b"\0")
