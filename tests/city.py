"""A simulated city: citizens of ten temperaments on five channels and officials at random, on a fake clock.

`make city` prints the figures of a thousand of them. Everything behind the channels is real: the house, its store,
the decision, the effects, the clock's jobs. A citizen knows which problem each of their messages is about; the
checks compare that with what the house made of it.
"""

import heapq
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import select, update

from normalizer.schema import Attachment, InboundMessage, Position
from router.clock import next_tick, tick
from router.codes import thread_of
from router.intake import take_message
from router.known import NEW
from router.status import Actor, NotAllowed, change_status
from store.models import Address, Delivery, Message, Report
from tests.unit.houses import Town, new_town

CHANNELS = ("sms", "whatsapp", "email", "telegram", "x")
TEMPERAMENTS = (
    "tidy", "in pieces", "angry", "forgetful", "late", "many problems", "thanker", "silent", "repeater", "foreigner",
)  # fmt: skip
DAYS = 40
PROBLEMS = {
    "lampu_jalan": ("lampu jalan mati total", "PJU padam, gelap banget", "street light is out, very dark"),
    "jalan_rusak": (
        "jalan berlubang parah",
        "aspalnya rusak, banyak lubang",
        "there is a big pothole in the road",
    ),
    "sampah": ("sampah menumpuk tidak diangkut", "sampah numpuk bau", "garbage is piling up"),
    "pohon": ("pohon tumbang", "pohon mau tumbang, tolong ditebang", "a fallen tree"),
    "saluran": ("got mampet", "selokan mampet airnya meluap", "the drain is clogged"),
    "parkir_liar": ("parkir liar bikin macet", "mobil parkir liar di trotoar", "illegal parking"),
    "banjir": ("banjir selutut", "genangan air tidak surut", "flooding, knee deep"),
}
OFFICER = Actor(name="officer:sri")
ASKS = (
    "ask_place",
    "ask_service",
    "ask_both",
    "ask_service_of",
    "ask_both_of",
    "ask_which",
    "ask_reopen",
    "still_asked",
)


@dataclass(kw_only=True)
class Problem:
    """One thing that is wrong at one place, as its citizen knows it."""

    service: str
    words: str
    street: str
    kelurahan: str
    pin: Position

    @property
    def place(self) -> str:
        return f"Jl. {self.street}, Kelurahan {self.kelurahan}"


@dataclass(kw_only=True)
class Citizen:
    """A person: `mood` is how many more things they say about each problem, `read` what they have read of us."""

    number: int
    temperament: str
    channel: str
    problems: list[Problem]
    told: Counter[int] = field(default_factory=Counter)
    thanked: int = 0

    @property
    def sender(self) -> str:
        at = {"email": f"warga{self.number}@example.org", "telegram": f"{700000 + self.number}"}
        return at.get(self.channel, f"+62812{self.number:06}" if self.channel != "x" else f"warga{self.number}")


@dataclass(kw_only=True)
class Told:
    """What was said: who, about which of their problems (None: about none), and when."""

    citizen: Citizen
    problem: int | None
    text: str
    at: datetime


class City:
    """The town with its citizens, a queue of what happens next, and the truth about each message."""

    def __init__(self, folder: Path, citizens: int, seed: int) -> None:
        self.random = Random(seed)
        self.town: Town = new_town(folder)
        self.house, self.clock = self.town.house, self.town.clock
        self.end = self.clock.at + timedelta(days=DAYS)
        self._queue: list[tuple[datetime, int, Callable[[], None]]] = []
        self._number, self._due = count(), None  # type: tuple[Any, datetime | None]
        self.told: dict[str, Told] = {}
        self.problem_of: dict[str, int] = {}  # a report's code, the problem that it was opened for
        self._seen_deliveries = self._seen_reports = 0
        self._by_address: dict[int, Citizen] = {}
        self.places = [
            (street.name, area)
            for street in self.house.pack.streets
            if len(street.area_codes) == 1
            and len(street.name.split()) == 2
            and (area := self.house.pack.areas[street.area_codes[0]]).level == "kelurahan"
        ]
        self.citizens = [self._citizen(number) for number in range(citizens)]
        for citizen in self.citizens:
            start = timedelta(seconds=self.random.uniform(0, 10 * 86400))
            self.at(start, lambda each=citizen: PLAYS[each.temperament](self, each))

    def _citizen(self, number: int) -> Citizen:
        temperament = TEMPERAMENTS[number % len(TEMPERAMENTS)]
        channel = CHANNELS[number // len(TEMPERAMENTS) % len(CHANNELS)]
        many = self.random.randint(2, 3) if temperament == "many problems" else 1
        services = self.random.sample(sorted(PROBLEMS), many)
        return Citizen(
            number=number,
            temperament=temperament,
            channel=channel,
            problems=[self._problem(service, english=temperament == "foreigner") for service in services],
        )

    def _problem(self, service: str, *, english: bool) -> Problem:
        street, area = self.random.choice(self.places)
        words = PROBLEMS[service][2] if english else self.random.choice(PROBLEMS[service][:2])
        pin = Position(lat=area.lat, long=area.long)
        return Problem(service=service, words=words, street=street, kelurahan=area.name, pin=pin)

    # --- time ------------------------------------------------------------------------------------------------

    def at(self, wait: timedelta, do: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (self.clock.at + wait, next(self._number), do))

    def soon(self, do: Callable[[], None], low: float, high: float) -> None:
        """Do it after so many seconds, at random between the two."""
        self.at(timedelta(seconds=self.random.uniform(low, high)), do)

    def run(self) -> None:
        while self._queue:
            when, _, do = heapq.heappop(self._queue)
            if when > self.end:
                break
            self._tick_until(when)
            self.clock.at = max(self.clock.at, when)
            do()
            self._look()
        self._tick_until(self.end)

    def _tick_until(self, when: datetime) -> None:
        while self._due is not None and self._due <= when:
            self.clock.at = max(self.clock.at, self._due)
            tick(self.house)
            self._look()

    def _look(self) -> None:
        """Let officials find new reports and citizens read what they were sent."""
        self._due = next_tick(self.house)
        with self.house.store.read() as session:
            new = session.execute(
                select(Report.id, Report.code).where(Report.id > self._seen_reports).order_by(Report.id)
            ).all()
            query = select(Delivery).where(Delivery.id > self._seen_deliveries, Delivery.address_id.is_not(None))
            deliveries = list(session.scalars(query.order_by(Delivery.id)))
            founded = [
                (code, session.scalar(select(Message.external_id).where(Message.report_id == number).limit(1)))
                for number, code in new
            ]
        for (number, code), (_, first) in zip(new, founded, strict=True):
            self._seen_reports = number
            if first in self.told and self.told[first].problem is not None:
                self.problem_of[code] = self.told[first].problem  # type: ignore[assignment]
            self.soon(lambda each=number: self._official(each, 0), 3600, 5 * 86400)
        for delivery in deliveries:
            self._seen_deliveries = delivery.id
            self._read(delivery)

    # --- citizens --------------------------------------------------------------------------------------------

    def say(self, citizen: Citizen, text: str, problem: int | None, **more: Any) -> None:
        values = {"account": "+6290", "proven": citizen.channel != "email" or "thread" in more}
        external_id = f"m{next(self._number)}"
        message = InboundMessage(
            channel=citizen.channel,  # type: ignore[arg-type]
            external_id=external_id,
            sender=citizen.sender,
            text=text,
            reply_ref=external_id,
            **{**values, **more},
        )
        self.told[external_id] = Told(citizen=citizen, problem=problem, text=text, at=self.clock.at)
        take_message(self.house, message, "raw", self.clock.at)
        if problem is not None:
            citizen.told[problem] += 1
        with self.house.store.read() as session:
            query = select(Message.address_id).where(Message.external_id == external_id)
            self._by_address[session.scalar(query)] = citizen  # type: ignore[index]

    def _read(self, delivery: Delivery) -> None:
        """A citizen reads an answer, and perhaps reacts as they are."""
        citizen = self._by_address.get(delivery.address_id or 0)
        if citizen is None:  # their first message is being taken: it is read when they are known
            self.soon(lambda: self._read(delivery), 1, 1)
            return
        with self.house.store.write() as session:
            values = {"state": "sent", "provider_id": f"p{delivery.id}"}
            session.execute(update(Delivery).where(Delivery.id == delivery.id).values(**values))
            report = session.get(Report, delivery.report_id) if delivery.report_id else None
            reporter = session.get_one(Address, delivery.address_id).reporter
            code, status = (report.code, report.status) if report else ("", "")
            asked = report.asked_for if report else None
            options = tuple((reporter.question or {}).get("options", ()))
        if citizen.temperament == "silent":
            return
        more = self._how_to_answer(citizen, delivery, code)
        problem = self.problem_of.get(code)
        patience = {"late": (30 * 3600, 90 * 3600), "forgetful": (20 * 3600, 100 * 3600)}.get(
            citizen.temperament, (20, 3 * 3600)
        )
        if asks_which(delivery):
            self.soon(lambda: self._choose(citizen, options, more), 20, 3600)
        elif asked and is_question(delivery, self.house.pack) and problem is not None:
            self.soon(lambda: self._complete(citizen, problem, asked, more), *patience)
        elif status == "needs_info" and problem is not None and not asked:
            words = self.random.choice(
                ["nomor tiang 12", "iya betul pak", "sebelah kiri jalan", "dari jam 6 sore"]
            )
            self.soon(lambda: self.say(citizen, words, problem, **more), *patience)
        elif status == "resolved" and problem is not None:
            self.soon(lambda: self._judge(citizen, problem, code, more), *patience)
        elif citizen.temperament == "thanker" and citizen.thanked < 6:
            citizen.thanked += 1
            self.soon(lambda: self.say(citizen, "terima kasih banyak pak", problem, **more), 10, 600)

    def _how_to_answer(self, citizen: Citizen, delivery: Delivery, code: str) -> dict[str, Any]:
        """Most mails are replies with the thread's token; on the other channels some swipe, most just write."""
        if citizen.channel == "email":
            is_reply = bool(code) and self.random.random() < 0.85
            return {"thread": thread_of(self.house.keys.derive("thread"), code)} if is_reply else {}
        is_reply = citizen.channel != "sms" and self.random.random() < 0.3
        return {"in_reply_to": (f"p{delivery.id}",)} if is_reply else {}

    def _choose(self, citizen: Citizen, options: tuple[str, ...], more: dict[str, Any]) -> None:
        """Answer a numbered question truly: the option of what was last spoken of, else a new report."""
        with self.house.store.read() as session:
            address = session.scalars(select(Address).where(Address.id.in_(self._by_address))).all()
            mine = next(a for a in address if self._by_address[a.id] is citizen)
            query = select(Message.external_id).where(Message.address_id == mine.id, Message.report_id.is_(None))
            held = list(session.scalars(query.where(Message.kind.in_(["ask_which", "ask_reopen"]))))
        problem = self.told[held[-1]].problem if held else None
        number = next(
            (
                n
                for n, option in enumerate(options, 1)
                if problem is not None and self.problem_of.get(option) == problem
            ),
            options.index(NEW) + 1 if NEW in options else 1,
        )
        words = self.random.choice(["{n}", "{n}", "nomor {n}", "yang {n} pak"]).format(n=number)
        if options:
            self.say(citizen, words, problem, **more)

    def _complete(self, citizen: Citizen, problem: int, asked: str, more: dict[str, Any]) -> None:
        """Answer what was asked, in free words."""
        each = citizen.problems[problem]
        words = {"place": f"di {each.place}", "service": each.words, "both": f"{each.words} di {each.place}"}[
            asked
        ]
        if citizen.temperament == "forgetful" and self.random.random() < 0.3:
            words = "maaf baru baca pak"
        self.say(citizen, words, problem, **more)

    def _judge(self, citizen: Citizen, problem: int, code: str, more: dict[str, Any]) -> None:
        """Is it done?"""
        if citizen.temperament == "angry" and self.random.random() < 0.6:
            words = self.random.choice(["belum!! masih sama aja", "BOHONG, belum dikerjakan", "masih rusak woy"])
        elif citizen.temperament == "foreigner":
            words = self.random.choice(["yes, fixed, thank you", "not yet, still the same"])
        else:
            words = self.random.choice(
                ["sudah pak, terima kasih", "udah beres", "5", "⭐⭐⭐⭐", "belum pak", f"{code} sudah"]
            )
        self.say(citizen, words, problem, **more)

    # --- officials -------------------------------------------------------------------------------------------

    def _official(self, number: int, turns: int) -> None:
        """Some move of a report that its status allows; the citizen hears of it."""
        with self.house.store.read() as session:
            report = session.get_one(Report, number)
            status, agency = report.status, report.agency_id
        moves = {
            "received": ["rejected"],
            "assigned": ["accepted", "in_progress", "in_progress", "needs_info", "rejected", "resolved"],
            "accepted": ["in_progress", "needs_info"],
            "in_progress": ["resolved", "resolved", "scheduled", "needs_info"],
            "scheduled": ["in_progress", "resolved"],
            "reopened": ["in_progress", "resolved"],
            "resolved": ["closed"],
        }.get(status, [])
        if moves and agency is not None and (status != "resolved" or self.random.random() < 0.3):
            notes = {"needs_info": "Di sisi jalan yang mana?", "rejected": "Bukan wilayah kami."}
            move = self.random.choice(moves)
            try:
                with self.house.store.write() as session:
                    change_status(
                        session, session.get_one(Report, number), move, by=OFFICER, house=self.house,
                        notes=notes.get(move, "Tim sudah di lokasi."),
                    )  # fmt: skip
            except NotAllowed:
                return
        if turns < 6:
            self.soon(lambda: self._official(number, turns + 1), 6 * 3600, 4 * 86400)


# --- temperaments -------------------------------------------------------------------------------------------


def tidy(city: City, who: Citizen) -> None:
    each = who.problems[0]
    photos = {"attachments": (PHOTO,)} if city.random.random() < 0.5 else {}
    city.say(who, f"Selamat pagi, {each.words} di {each.place}. Mohon ditindaklanjuti.", 0, **photos)


def in_pieces(city: City, who: Citizen) -> None:
    """Text, photo and place in three messages, in any order, within a minute and a half."""
    each = who.problems[0]
    place = {"position": each.pin} if who.channel in {"whatsapp", "telegram"} else {}
    pieces = [
        (each.words, {}),
        ("", {"attachments": (PHOTO,)}),
        ("" if place else f"di {each.place}", place),
    ]
    city.random.shuffle(pieces)
    wait = 0.0
    for words, more in pieces:
        city.at(timedelta(seconds=wait), lambda w=words, m=more: city.say(who, w, 0, **m))
        wait += city.random.uniform(3, 40)


def angry(city: City, who: Citizen) -> None:
    each = who.problems[0]
    city.say(who, f"WOY KERJA GAK SIH!! {each.words} di {each.place} UDAH SEBULAN!!".upper(), 0)
    for days in (2, 3.5, 6):
        words = city.random.choice(
            ["masih belum diperbaiki!!", "kok belum juga sih", "kapan dikerjakan?? lama banget"]
        )
        city.at(timedelta(days=days), lambda w=words: city.say(who, w, 0))
    city.at(timedelta(days=7), lambda: city.say(who, "dasar tukang tidur", None))


def forgetful(city: City, who: Citizen) -> None:
    each = who.problems[0]
    city.say(who, city.random.choice([each.words, f"tolong pak di {each.place}"]), 0)


def late(city: City, who: Citizen) -> None:
    city.say(who, f"{who.problems[0].words}, tolong ya", 0)


def many_problems(city: City, who: Citizen) -> None:
    for number, each in enumerate(who.problems):
        wait = timedelta(seconds=number * city.random.choice([90, 1200, 86400]))
        city.at(wait, lambda n=number, e=each: city.say(who, f"{e.words} di {e.place}", n))
    city.at(timedelta(days=4), lambda: city.say(who, "masih belum diperbaiki", 0))
    city.at(timedelta(days=5), lambda: city.say(who, "", 0, attachments=(PHOTO,)))
    city.at(timedelta(days=6), lambda: city.say(who, "laporan saya", None))


def thanker(city: City, who: Citizen) -> None:
    each = who.problems[0]
    city.say(who, "halo selamat pagi", None)
    city.soon(lambda: city.say(who, f"{each.words} di {each.place}, terima kasih", 0), 30, 300)


def silent(city: City, who: Citizen) -> None:
    each = who.problems[0]
    city.say(who, city.random.choice([each.words, f"{each.words} di {each.place}", ""]) or each.words, 0)
    city.at(timedelta(days=9), lambda: city.say(who, city.random.choice([each.words, "masih sama aja"]), 0))


def repeater(city: City, who: Citizen) -> None:
    """The same thing again and again, in more or fewer words."""
    each = who.problems[0]
    city.say(who, f"{each.words} di {each.place}", 0)
    for _ in range(city.random.randint(2, 4)):
        words = city.random.choice(
            [f"{each.words} di {each.place}", f"{each.words} di Kelurahan {each.kelurahan}", each.words]
        )
        city.soon(lambda w=words: city.say(who, w, 0), 30, 12 * 86400)


def foreigner(city: City, who: Citizen) -> None:
    each = who.problems[0]
    city.say(who, f"Hello, {each.words} at {each.place}, please help", 0)
    city.at(timedelta(days=2), lambda: city.say(who, "any update on my report?", 0))
    city.at(timedelta(days=3), lambda: city.say(who, "language english", None))
    city.at(timedelta(days=5), lambda: city.say(who, "it is still broken", 0))


PHOTO = Attachment(ref="photo", content_type="image/jpeg")
PLAYS: dict[str, Callable[[City, Citizen], None]] = {
    "tidy": tidy,
    "in pieces": in_pieces,
    "angry": angry,
    "forgetful": forgetful,
    "late": late,
    "many problems": many_problems,
    "thanker": thanker,
    "silent": silent,
    "repeater": repeater,
    "foreigner": foreigner,
}


# --- what came of it ----------------------------------------------------------------------------------------


def heads(pack: Any) -> dict[str, list[str]]:
    """How each of our questions begins, in all languages and lengths: what stands before its first field."""
    return {
        key: [
            texts[name].split("{")[0].strip() or texts[name].split("}")[1].split("{")[0].strip()
            for texts in pack.texts.values()
            for name in (key, f"{key}_sms")
            if name in texts
        ]
        for key in (*ASKS, "reminder")
    }


def question_in(text: str, pack: Any) -> str | None:
    """The question that a text asks; a reminder is one of its own kind."""
    known = _heads.setdefault(id(pack), heads(pack))
    order = ("reminder", *(key for key in ASKS))
    return next((key for key in order if any(head and head in text for head in known[key])), None)


_heads: dict[int, dict[str, list[str]]] = {}


def is_question(delivery: Delivery, pack: Any) -> bool:
    return question_in(delivery.text, pack) is not None


def asks_which(delivery: Delivery) -> bool:
    return delivery.report_id is None and bool(delivery.buttons)


@dataclass(kw_only=True)
class Outcome:
    """The figures of a run; `left`, `twice` and so on hold what went wrong, in words."""

    citizens: int
    messages: int
    reports: int
    answers: int
    kinds: Counter[str]
    left: list[str]
    doubled: list[str]
    swallowed: list[str]
    asked_twice: list[str]
    questions: list[int]
    by_temperament: dict[str, float]

    def share(self, part: float) -> int:
        """The questions of that share of reports at most."""
        ordered = sorted(self.questions)
        return ordered[min(int(part * len(ordered)), len(ordered) - 1)]


def outcome_of(city: City) -> Outcome:
    """Compare what the citizens meant with what the house made of it."""
    with city.house.store.read() as session:
        messages = list(session.scalars(select(Message).order_by(Message.id)))
        reports = {each.id: each for each in session.scalars(select(Report))}
        deliveries = [d for d in session.scalars(select(Delivery).order_by(Delivery.id)) if d.address_id]
    answered = {(each.address_id, each.created_at) for each in deliveries}
    questions, twice = _questions(city, deliveries, messages, reports)
    per = defaultdict(list)
    for number, asked in questions.items():
        per[city._by_address[reports[number].address_id].temperament].append(asked)
    return Outcome(
        citizens=len(city.citizens),
        messages=len(messages),
        reports=len(reports),
        answers=len(deliveries),
        kinds=Counter(each.kind for each in messages),
        left=list(_left(messages, answered)),
        doubled=list(_doubled(city, messages, reports)),
        swallowed=list(_swallowed(city, messages, reports)),
        asked_twice=twice,
        questions=sorted(questions.values()),
        by_temperament={name: sum(asked) / len(asked) for name, asked in per.items()},
    )


def _left(messages: list[Message], answered: set[tuple[int | None, datetime]]) -> Iterator[str]:
    """Messages on no report and without an answer; thanks need none."""
    for each in messages:
        if (
            each.report_id is None
            and each.kind != "thanks"
            and (each.address_id, each.received_at) not in answered
        ):
            yield f"{each.kind}: {each.text!r}"


def _doubled(city: City, messages: list[Message], reports: dict[int, Report]) -> Iterator[str]:
    """Problems of one person that opened a second report (one that goes on with a finished one is none)."""
    opened: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, report in reports.items():
        if report.code in city.problem_of and report.linked_to is None:
            opened[report.address_id, city.problem_of[report.code]].append(number)
    for (address, problem), numbers in opened.items():
        if len(numbers) > 1:
            who = city._by_address[address]
            said = [(m.kind, m.text, m.received_at.isoformat()[5:16]) for m in messages if m.address_id == address]
            yield f"{who.temperament} on {who.channel}, problem {problem}: {said}"


def _swallowed(city: City, messages: list[Message], reports: dict[int, Report]) -> Iterator[str]:
    """Problems, told with their place, that stand at no report of theirs."""
    at: dict[tuple[int, int], set[int]] = defaultdict(set)
    for each in messages:
        truth = city.told[each.external_id]
        if truth.problem is not None and each.report_id is not None:
            at[truth.citizen.number, truth.problem].add(city.problem_of.get(reports[each.report_id].code, -1))
    for citizen in city.citizens:
        for problem in citizen.told:
            if problem not in at[citizen.number, problem]:
                yield f"{citizen.temperament} on {citizen.channel}: {citizen.problems[problem].words}"


def _questions(
    city: City, deliveries: list[Delivery], messages: list[Message], reports: dict[int, Report]
) -> tuple[dict[int, int], list[str]]:
    """How many questions each report cost, and those that were asked twice. A numbered question between reports
    counts for the newest report that its person has by then; once it was answered, the next one is another."""
    costs = dict.fromkeys(reports, 0)
    chosen = [(each.address_id, each.received_at) for each in messages if each.kind == "choice"]
    seen: set[tuple[object, str]] = set()
    twice = []
    for each in deliveries:
        kind = question_in(each.text, city.house.pack)
        if kind is None:
            continue
        mine = [
            n for n, r in reports.items() if r.address_id == each.address_id and r.requested_at <= each.created_at
        ]
        number = each.report_id or (max(mine) if mine else None)
        if number is None:
            continue
        if kind != "reminder":
            costs[number] += 1
        answered = sum(1 for who, at in chosen if who == each.address_id and at <= each.created_at)
        key = (number, kind if each.report_id else f"{kind} {each.created_at:%m-%d} {answered}")
        if key in seen:
            who = city._by_address[each.address_id or 0]
            twice.append(f"{who.temperament} on {who.channel}: {each.text!r}")
        seen.add(key)
    return costs, twice


def play(folder: Path, citizens: int, seed: int) -> Outcome:
    """Let so many citizens live for forty days."""
    city = City(folder, citizens, seed)
    city.run()
    return outcome_of(city)


def figures(found: Outcome) -> str:
    kinds = ", ".join(f"{kind} {number}" for kind, number in found.kinds.most_common())
    per = ", ".join(f"{name} {mean:.2f}" for name, mean in sorted(found.by_temperament.items()))
    return "\n".join(
        [
            f"{found.citizens} citizens, {found.messages} messages, {found.reports} reports, {found.answers} answers",
            f"taken for: {kinds}",
            f"left without an effect or an answer: {len(found.left)}",
            f"second reports of one problem: {len(found.doubled)}",
            f"problems that stand at no report of theirs: {len(found.swallowed)}",
            f"questions asked twice: {len(found.asked_twice)}",
            f"questions a report: median {found.share(0.5)}, p99 {found.share(0.99)}, most {found.share(1)}",
            f"mean by temperament: {per}",
        ]
    )


if __name__ == "__main__":
    number, first = int(sys.argv[1]) if len(sys.argv) > 1 else 1000, int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with tempfile.TemporaryDirectory() as at:
        found = play(Path(at), number, first)
    print(figures(found))
    for name in ("left", "doubled", "swallowed", "asked_twice"):
        for line in getattr(found, name)[:8]:
            print(f"  {name}: {line}")
