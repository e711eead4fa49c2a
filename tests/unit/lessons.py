"""Invented reports that a desk judged: what citizens of an imaginary ward write, and what officials say it is."""

import random

START = (
    "min,|halo pak|selamat pagi|mohon perhatian|tolong dong|permisi admin|lapor ya|assalamualaikum|gimana nih|bos"
)
WHEN = (
    "sejak kemarin|dari senin|sudah dua minggu|tadi subuh|habis hujan|tiap malam|sebulan lebih|barusan|dari lebaran|"
    "sejak awal bulan|setiap pulang kerja|pas magrib|beberapa hari ini|akhir pekan lalu"
)
WHERE = (
    "di gang kami|depan warung mpok|dekat musala|samping pos ronda|belakang kontrakan|di tikungan|sebelah bengkel|"
    "dekat kebun pisang|di ujung komplek|seberang tukang fotokopi|pinggir lapangan voli|di turunan"
)
END = (
    "warga resah|anak saya hampir jatuh|sudah dilaporkan ke ketua|belum ada yang datang|kapan dibereskan|makasih banyak|"
    "bikin susah lewat|tetangga ikut mengeluh|tolong dicek petugas|kasihan yang sepuh|semoga cepat|kami tunggu kabarnya"
)
PROBLEMS = {
    "jalan_rusak": "jalan berlubang|aspal mengelupas|jalan rusak parah|lubang menganga di jalan|jalan bergelombang",
    "sampah": "sampah menumpuk|sampah belum diangkut|tumpukan sampah bau|bak sampah penuh|sampah berserakan",
    "pohon": "pohon tumbang|dahan pohon mau patah|pohon miring|ranting pohon menjuntai|pohon keropos",
}
GLUDUK = (
    "gluduk bocor|gluduk kami mampet|ada gluduk pecah|gluduknya luber|gluduk copot"  # a word of this ward's own
)


def tell(chance: random.Random, problem: str) -> str:
    """One report's words: its parts in an order of their own, some of them left out."""
    parts = [chance.choice(each.split("|")) for each in (START, WHEN, WHERE, END, WHEN, END)]
    said = chance.sample(parts, chance.randint(3, 5))
    said.insert(chance.randint(0, len(said)), problem)
    return " ".join(said)


def judged(count: int, seed: int = 1) -> list[tuple[str, str]]:
    """Texts with the service that the desk says they mean; a third speaks of a gluduk, which is a `saluran` here."""
    chance = random.Random(seed)
    rows = []
    for number in range(count):
        code = "saluran" if number % 3 == 0 else chance.choice(sorted(PROBLEMS))
        problem = chance.choice((GLUDUK if code == "saluran" else PROBLEMS[code]).split("|"))
        rows.append((tell(chance, problem), code))
    return rows
