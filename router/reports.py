"""A report as its messages make it: opened, completed, acknowledged, with what is owed for it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.pack import Pack
from normalizer.cells import spot_cell
from normalizer.normalize import is_enough, normalize
from normalizer.photo import NO_HEIC
from normalizer.schema import Candidate, Draft, PhotoFacts, Place, Position
from normalizer.text import own_words
from router.choices import buttons_of, choose
from router.codes import new_code
from router.held import lock
from router.holding import keep_clocks
from router.house import House
from router.owner import agency_of
from router.promise import waits_for_answer
from router.replies import (
    acknowledgement,
    fields_of,
    may_answer,
    owe,
    owe_to,
    question_for,
    reply_channel,
    say,
    service_buttons,
)
from router.said import is_rude
from router.status import CITIZEN, CLOCK, OPEN, ROUTER, Actor, add_line, change_status
from router.surge import heed_surge, surge_answer
from store.bulk import keep, made
from store.models import Address, Photo, Report

LONGEST_DESCRIPTION = 20_000  # characters: what is said beyond that stays in its message
RANK = {"none": 0, "text": 1, "photo": 2, "pin": 3}  # of the places' sources

MANY = 20  # reports of one person within an hour that are answered one by one

BY_CITIZEN, BY_ROUTER, BY_CLOCK = Actor(name=CITIZEN), Actor(name=ROUTER), Actor(name=CLOCK)


def open_report(
    session: Session,
    draft: Draft,
    address: Address,
    house: House,
    *,
    code: str,
    language: str,
    requested_at: datetime,
    linked_to: str | None = None,
) -> Report:
    """A new report with its first line of history; `linked_to` is an older one's code that it goes on with."""
    now = house.now()
    report = made(
        Report,
        code=code,
        status="received",
        status_before=None,
        service_code=None,
        lat=None,
        long=None,
        address_string=None,
        area_code=None,
        agency_id=None,
        asked_for=None,
        asked_at=None,
        reminded_at=None,
        said_at=now,
        stars=None,
        unread=False,
        linked_to=linked_to,
        quiet_until=None,
        acknowledged_at=None,
        expected_at=None,
        late_at=None,
        time_left=None,
        raised=0,
        parent_id=None,
        surge_id=None,
        cell=None,
        closes_at=None,
        description=draft.description,
        public_description=_public(draft),
        sources={},
        urgent=draft.urgent,
        language=language,
        channel=address.channel,
        requested_at=requested_at,
        updated_at=now,
        reporter=address.reporter,
        address=address,
    )
    take_service(report, draft)
    take_place(report, draft.place, house.pack)
    keep(session, report)
    add_line(session, report, "received", by=BY_CITIZEN, house=house, now=now)
    return report


def _public(draft: Draft) -> str:
    """What everybody may read of a message: nothing of an insult."""
    return "" if is_rude(draft.description) else draft.public_description


def free_codes(session: Session, count: int) -> list[str]:
    """Report codes that no report has; another server's choice of the same one is met by the unique key."""
    codes: list[str] = []
    while len(codes) < count:
        fresh = {new_code() for _ in range(count - len(codes))} - set(codes)
        codes += fresh - set(session.scalars(select(Report.code).where(Report.code.in_(fresh))))
    return codes


def heed_flood(session: Session, report: Report, others: Sequence[Report], house: House) -> None:
    """Mark a report that is one of too many of one person within the hour; at the first they are told so, once.

    Each is kept and handed over. Where an address gets fewer automatic answers than that in an hour, the last of
    them says it.
    """
    now = house.now()
    limits = house.pack.settings["answers_per_hour"]
    most = min(MANY, int(limits.get(report.channel, limits["other"])) - 1)
    lately = [each for each in others if each.requested_at > now - timedelta(hours=1)]
    if len(lately) < most:
        return
    report.sources = {**report.sources, "flood": True}
    if not any(is_flood(each) for each in lately):
        text = say(house.pack, report.language, "many", report.channel)
        subject = say(house.pack, report.language, "mail_subject_how_to", "email")
        owe_to(session, report.address, report.channel, text, now, subject=subject)


def is_flood(report: Report) -> bool:
    """Whether a report is one of very many of one person: no answer of its own, shown as such to the officials."""
    return bool(report.sources.get("flood"))


def settle(session: Session, report: Report, house: House) -> None:
    """Acknowledge a complete report at once; let one that lacks something wait for more, quietly."""
    if missing(report) and house.settings.quiet_seconds > 0:
        report.quiet_until = house.now() + timedelta(seconds=house.settings.quiet_seconds)
    else:
        acknowledge(session, report, house)


def acknowledge(session: Session, report: Report, house: House) -> None:
    """Send the report on its way and owe the one first answer, with the one question that is open."""
    now = house.now()
    report.quiet_until = None
    report.acknowledged_at = now
    if report.status != "received":
        return  # an official was quicker, and what they did was told
    if not is_flood(report):
        ask(report, house)
    if missing(report) is None:
        heed_surge(session, report, house)
    agency_id = agency_of(session, report, house)
    if agency_id is not None:
        notes = _clock_line(report, "clock_waits", house) if report.asked_for else None
        change_status(
            session, report, "assigned", by=BY_ROUTER, house=house, agency_id=agency_id, silent=True, notes=notes
        )
    elif report.asked_for is not None:
        change_status(session, report, "needs_info", by=BY_ROUTER, house=house, silent=True)
    if not is_flood(report) and may_answer(session, report.address, house, now):
        channel = reply_channel(session, report, asked=True)
        text = surge_answer(session, report, house, channel) or acknowledgement(report, house, channel)
        buttons = buttons_for(report, house.pack)
        asks_place = report.asked_for in {"place", "both"} and not (report.asked_for == "place" and buttons)
        owe(session, report, text, house, now, asked=True, ask_position=asks_place, buttons=buttons)


def buttons_for(report: Report, pack: Pack) -> list[list[str]]:
    """The buttons under the open question: of two places, or of the likeliest services."""
    return buttons_of(report, pack) if report.asked_for == "place" else service_buttons(report, pack)


def missing(report: Report) -> str | None:
    """What the citizen must still be asked for: `service`, `place`, `both` or nothing."""
    no_service = report.service_code is None
    no_place = not report.sources.get("place", {}).get("enough", False)
    if no_service and no_place:
        return "both"
    return "service" if no_service else "place" if no_place else None


def ask(report: Report, house: House) -> None:
    """Note down what is asked for now, and since when."""
    report.asked_for = missing(report)
    report.asked_at = house.now() if report.asked_for else None
    report.reminded_at = None


def remind(session: Session, report: Report, house: House) -> None:
    """Ask once more what is missing, and never again."""
    report.reminded_at = house.now()
    if report.status not in OPEN or report.status == "resolved":
        report.asked_for = None  # life went on without the answer
        return
    channel = reply_channel(session, report)
    question = question_for(report, house.pack, channel)
    fields = fields_of(report, house, report.language)
    text = say(house.pack, report.language, "reminder", channel, **fields, question=question)
    owe(session, report, text, house, house.now(), buttons=buttons_for(report, house.pack), can_wait=True)


def give_up(session: Session, report: Report, house: House) -> None:
    """Nobody answered: what waits for the answer is closed with words that say how to go on; what an agency has it
    gets as it is, and the clock runs."""
    waited = waits_for_answer(report)
    report.asked_at = None
    if report.status == "needs_info":
        change_status(session, report, "closed", by=BY_CLOCK, house=house, silent=True)
        _tell_can_wait(session, report, "gave_up", house)
    elif waited:
        let_clock_run(session, report, house, by=BY_CLOCK)
        _tell_can_wait(session, report, "went_on", house)


def _tell_can_wait(session: Session, report: Report, key: str, house: House) -> None:
    fields = fields_of(report, house, report.language)
    text = say(house.pack, report.language, key, reply_channel(session, report), **fields)
    owe(session, report, text, house, house.now(), can_wait=True)


def let_clock_run(session: Session, report: Report, house: House, *, by: Actor) -> None:
    """The question that held the clock up is gone: the date is promised now, and the history says why."""
    lock(session, report)
    now = house.now()
    keep_clocks(session, report, house.pack, now)
    notes = _clock_line(report, "clock_runs", house)
    add_line(session, report, report.status, by=by, house=house, now=now, notes=notes)


def _clock_line(report: Report, key: str, house: House) -> str:
    """Why the clock stands or runs, for the history: in the city's own language."""
    language = house.pack.languages[0]
    return say(house.pack, language, key, "desk", **fields_of(report, house, language))


def close_silent(session: Session, report: Report, house: House) -> None:
    """Nobody said whether it is fixed: it counts as done, and may be opened again for a while."""
    change_status(session, report, "closed", by=BY_CLOCK, house=house, silent=True)
    _tell_can_wait(session, report, "closed_silent", house)


def choose_service(session: Session, report: Report, code: str, house: House, *, and_go_on: bool = True) -> None:
    """The service that the reporter chose of those that were offered."""
    lock(session, report)
    if report.service_code is None and code in house.pack.services:
        report.service_code = code
        said = report.sources.get("service", {})
        report.sources = {**report.sources, "service": {**said, "source": "choice", "confidence": 1.0}}
    report.updated_at = house.now()
    session.flush()
    if and_go_on:
        go_on(session, report, house)


def take_service(report: Report, draft: Draft) -> None:
    """Fill the service where the report has none; what an official set is never touched."""
    if report.service_code is not None or not draft.is_report:
        return
    if draft.service is not None:
        report.service_code = draft.service.service_code
    if draft.service is not None or draft.alternatives:
        report.sources = {**report.sources, "service": _service_source(draft)}


def _service_source(draft: Draft) -> dict[str, object]:
    source: dict[str, object] = {
        "source": "named" if draft.named else "text",
        "confidence": draft.service.confidence if draft.service else 0.0,
        "alternatives": [[other.service_code, other.confidence] for other in draft.alternatives],
        "also": [further.service_code for further in draft.also],
    }
    return {**source, "learned": draft.learned} if draft.learned else source


def take_place(report: Report, place: Place | None, pack: Pack) -> None:
    """Fill or better the place: enough beats vague, then a pin beats a photo, a photo beats words.

    The address in words stays beside a pin; it gives way to a better one only.
    """
    if place is None:
        return
    had, found = report.sources.get("place", {}), is_enough(place, pack)
    if report.address_string is None or (found and not had.get("enough")):
        report.address_string = (place.address_string or report.address_string or "")[:500] or None
    if had and (found, RANK[place.source]) <= (had["enough"], RANK[had["source"]]):
        return
    report.lat, report.long = place.lat, place.long
    report.cell = spot_cell(place.lat, place.long)
    report.area_code = place.area_code
    report.sources = {
        **report.sources,
        "place": {
            "source": place.source,
            "confidence": place.confidence,
            "enough": found,
            "candidates": [_kept(each) for each in place.candidates],
            "conflict": [_kept(place.conflict.first), _kept(place.conflict.second)] if place.conflict else [],
        },
    }


def _kept(candidate: Candidate) -> dict[str, object]:
    return {
        "source": candidate.source,
        "confidence": candidate.confidence,
        "area_code": candidate.area_code,
        "lat": candidate.lat,
        "long": candidate.long,
    }


def add(session: Session, report: Report, draft: Draft, house: House) -> None:
    """Join a message to a report that is still being told, or that waits for an answer."""
    lock(session, report)
    if draft.description.strip() and len(report.description) < LONGEST_DESCRIPTION:
        report.description = f"{report.description}\n{draft.description}".strip()
        report.public_description = f"{report.public_description}\n{_public(draft)}".strip()
    if not choose(report, own_words(draft.description), house.pack):
        _take_or_dispute(session, report, _fused(report, draft.place, house.pack), house)
    if missing(report):
        take_service(report, draft)
    if missing(report) and not _is_disputed(report):  # neither alone says it: perhaps both together do
        model = house.learned.model
        whole = normalize(report.description, language=report.language, pack=house.pack, learned=model)
        take_service(report, whole)
        take_place(report, whole.place, house.pack)
    report.urgent = report.urgent or draft.urgent
    report.updated_at = house.now()
    session.flush()
    go_on(session, report, house)


def _is_disputed(report: Report) -> bool:
    return bool(report.sources.get("place", {}).get("conflict"))


def _fused(report: Report, place: Place | None, pack: Pack) -> Place | None:
    """A pin or photo together with the words that were said before; as an answer it stands alone."""
    if place is None or report.asked_for or place.conflict or place.lat is None or place.long is None:
        return place
    point = Position(lat=place.lat, long=place.long)
    if place.source == "pin":
        return normalize(report.description, pin=point, language=report.language, pack=pack).place
    if place.source == "photo":
        facts = PhotoFacts(readable=True, position=point)
        return normalize(report.description, photos=[facts], language=report.language, pack=pack).place
    return place


def go_on(session: Session, report: Report, house: House) -> None:
    """After something was added: acknowledge when it is complete now, or answer that the question is settled."""
    if report.acknowledged_at is None:
        if missing(report) is None:
            acknowledge(session, report, house)
        elif report.quiet_until is not None:
            _wait_on(report, house)
    elif report.asked_for is not None and report.asked_for != missing(report):
        waited = waits_for_answer(report)
        ask(report, house)
        if report.asked_for is None:
            _complete(session, report, house, waited=waited)
        else:
            _ask_the_rest(session, report, house)


def _wait_on(report: Report, house: House) -> None:
    """Somebody is still telling: the quiet time begins anew with each piece, as long as pieces join at most."""
    last = report.requested_at + timedelta(seconds=house.settings.join_seconds)
    longer = min(house.now() + timedelta(seconds=house.settings.quiet_seconds), last)
    report.quiet_until = max(report.quiet_until or longer, longer)


def _ask_the_rest(session: Session, report: Report, house: House) -> None:
    """One of two things is known now: say so, and ask for the other."""
    language, channel = report.language, reply_channel(session, report, asked=True)
    question = question_for(report, house.pack, channel)
    text = say(
        house.pack, language, "half_answered", channel, **fields_of(report, house, language), question=question
    )
    buttons = buttons_for(report, house.pack)
    asks_place = report.asked_for == "place" and not buttons
    owe(session, report, text, house, house.now(), asked=True, ask_position=asks_place, buttons=buttons)


def _complete(session: Session, report: Report, house: House, *, waited: bool) -> None:
    """The question is answered: hand the report to its agency, or let the clock run that `waited` there."""
    heed_surge(session, report, house)
    agency_id = report.agency_id or agency_of(session, report, house)
    if report.status in {"needs_info", "reopened"} and agency_id is not None:
        change_status(session, report, "assigned", by=BY_ROUTER, house=house, agency_id=agency_id, silent=True)
    elif report.status == "needs_info":
        change_status(session, report, "received", by=BY_ROUTER, house=house, silent=True)
    elif waited:
        let_clock_run(session, report, house, by=BY_ROUTER)
    fields = fields_of(report, house, report.language)
    channel = reply_channel(session, report, asked=True)
    text = surge_answer(session, report, house, channel)
    text = text or say(house.pack, report.language, "answered", channel, **fields)
    owe(session, report, text, house, house.now(), asked=True)


def ask_for_jpeg(session: Session, report: Report, house: House) -> None:
    """Ask for a photo once more: it came as HEIC, which cannot be read here."""
    now = house.now()
    if may_answer(session, report.address, house, now):
        fields = fields_of(report, house, report.language)
        channel = reply_channel(session, report, asked=True)
        text = say(house.pack, report.language, "send_jpeg", channel, **fields)
        owe(session, report, text, house, now, asked=True)


def _is_first_heic(session: Session, photo: Photo) -> bool:
    """Whether the report has no other photo for which a JPEG was asked: one question for ten photos."""
    query = select(Photo.id).where(Photo.report_id == photo.report_id, Photo.note == NO_HEIC, Photo.id != photo.id)
    return session.scalar(query.limit(1)) is None


def take_photo_facts(session: Session, photo: Photo, facts: PhotoFacts, house: House) -> None:
    """What a fetched photo adds to its report: perhaps the place that was missing, or a question."""
    report = session.get(Report, photo.report_id) if photo.report_id else None
    if report is None or (facts.position is None and facts.note != NO_HEIC):
        return
    lock(session, report)
    if facts.note == NO_HEIC and _is_first_heic(session, photo):
        ask_for_jpeg(session, report, house)
    if facts.position is None or _is_disputed(report):
        return
    place = normalize("", photos=[facts], language=report.language, pack=house.pack).place
    place = _fused(report, place, house.pack)
    _take_or_dispute(session, report, place, house)
    session.flush()
    go_on(session, report, house)


def _take_or_dispute(session: Session, report: Report, place: Place | None, house: House) -> None:
    if place and place.conflict and _may_dispute(report):
        dispute(session, report, place, house)
    else:
        take_place(report, place, house.pack)


def take_point(session: Session, report: Report, address: str, house: House) -> None:
    """What a followed link of a map adds: the point that its address holds, if it lies in the city."""
    place = normalize(address, language=report.language, pack=house.pack).place
    if place is None or place.source != "pin" or place.area_code is None or _is_disputed(report):
        return
    lock(session, report)
    _take_or_dispute(session, report, _fused(report, place, house.pack), house)
    session.flush()
    go_on(session, report, house)


def _may_dispute(report: Report) -> bool:
    """Only words are doubted by a photo, and only while nobody works on the report."""
    had = report.sources.get("place", {})
    return had.get("source") == "text" and report.status in {"received", "needs_info", "assigned"}


def dispute(session: Session, report: Report, place: Place, house: House) -> None:
    """Ask, once, which counts: the place that the report has or the one that came later."""
    had = report.sources.get("place", {})
    conflict = [_kept(place.conflict.first), _kept(place.conflict.second)] if place.conflict else []
    report.sources = {**report.sources, "place": {**had, "enough": False, "conflict": conflict}}
    session.flush()
    if report.acknowledged_at is None or report.asked_for is not None:
        return  # the question goes with the acknowledgement
    now = house.now()
    report.asked_for, report.asked_at, report.reminded_at = "place", now, None
    _hold_clock(session, report, house)
    if may_answer(session, report.address, house, now):
        text = question_for(report, house.pack, reply_channel(session, report))
        owe(session, report, text, house, now, buttons=buttons_for(report, house.pack))


def _hold_clock(session: Session, report: Report, house: House) -> None:
    """An agency that has the report waits for the answer; the history says so."""
    if waits_for_answer(report):
        now = house.now()
        keep_clocks(session, report, house.pack, now)
        notes = _clock_line(report, "clock_waits", house)
        add_line(session, report, report.status, by=BY_ROUTER, house=house, now=now, notes=notes)
