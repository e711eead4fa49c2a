"""A report gets what it lacked: an answer, a later message, a photo's or a link's place; or a doubt about it."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.pack import Pack
from normalizer.normalize import is_enough, normalize
from normalizer.photo import NO_HEIC
from normalizer.schema import Draft, PhotoFacts, Place, Position
from normalizer.text import own_words
from router.choices import choices, choose, names_of
from router.facts import kept, take_place, take_service
from router.held import lock
from router.holding import keep_clocks
from router.house import House
from router.owing import may_answer, owe, reply_channel
from router.owner import agency_of
from router.promise import waits_for_answer
from router.replies import fields_of, question_for, say
from router.reports import (
    BY_ROUTER,
    acknowledge,
    ask,
    buttons_for,
    clock_line,
    let_clock_run,
    missing,
    public_words,
)
from router.said import read_signs
from router.status import OPEN, add_line, change_status
from router.surge import heed_surge, surge_answer
from store.models import Photo, Report

MOST_OF_A_NAME = 4  # words
LONGEST_DESCRIPTION = 20_000  # characters: what is said beyond that stays in its message


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


def add(session: Session, report: Report, draft: Draft, house: House) -> None:
    """Join a message to a report that is still being told, or that waits for an answer."""
    lock(session, report)
    if draft.description.strip() and len(report.description) < LONGEST_DESCRIPTION:
        report.description = f"{report.description}\n{draft.description}".strip()
        report.public_description = f"{report.public_description}\n{public_words(draft)}".strip()
    words = own_words(draft.description)
    if not choose(report, _by_number(report, words, house.pack), house.pack):
        place = draft.place if is_enough(draft.place, house.pack) else _answered(report, words, house.pack)
        _take_or_dispute(session, report, _fused(report, place or draft.place, house.pack), house)
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


def _by_number(report: Report, words: str, pack: Pack) -> str:
    """ "Yang pertama", "2" to a question of two places: the place's name; else the words."""
    pair, number = choices(report, pack), read_signs(words).number
    return names_of(pair, pack)[number - 1] if pair and number in {1, 2} else words


def _answered(report: Report, words: str, pack: Pack) -> Place | None:
    """What a bare "Bangka" says to our question for the kelurahan, which it would not say for sure elsewhere; a
    kecamatan's name may mean the whole of it."""
    if report.asked_for not in {"place", "both"} or len(words.split()) > MOST_OF_A_NAME:
        return None
    place = normalize(f"Kelurahan {words}", language=report.language, pack=pack).place
    area = pack.areas.get(place.area_code or "") if place else None
    is_sure = area is not None and area.level == "kelurahan" and area.name != area.kecamatan
    return place if is_sure and is_enough(place, pack) else None


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


def ask_for_photo(session: Session, report: Report, key: str, house: House) -> None:
    """Ask for a photo once more; the text `key` says why."""
    now = house.now()
    if may_answer(session, report.address, house, now):
        fields = fields_of(report, house, report.language)
        channel = reply_channel(session, report, asked=True)
        text = say(house.pack, report.language, key, channel, **fields)
        owe(session, report, text, house, now, asked=True)


def _is_first_heic(session: Session, photo: Photo) -> bool:
    """Whether the report has no other photo for which a JPEG was asked: one question for ten photos."""
    query = select(Photo.id).where(Photo.report_id == photo.report_id, Photo.note == NO_HEIC, Photo.id != photo.id)
    return session.scalar(query.limit(1)) is None


def tell_of_lost_photo(session: Session, photo: Photo, house: House) -> None:
    """Who sent a photo that cannot be had hears of it, once for ten photos; their report goes on without."""
    report = session.get(Report, photo.report_id) if photo.report_id and not photo.is_after else None
    if report is None or report.status not in OPEN:
        return
    query = select(Photo.id).where(Photo.report_id == report.id, Photo.state == "lost", Photo.id != photo.id)
    if session.scalar(query.limit(1)) is None:
        lock(session, report)
        ask_for_photo(session, report, "send_photo_again", house)


def take_photo_facts(session: Session, photo: Photo, facts: PhotoFacts, house: House) -> None:
    """What a fetched photo adds to its report: perhaps the place that was missing, or a question."""
    report = session.get(Report, photo.report_id) if photo.report_id else None
    if report is None or (facts.position is None and facts.note != NO_HEIC):
        return
    lock(session, report)
    if facts.note == NO_HEIC and _is_first_heic(session, photo):
        ask_for_photo(session, report, "send_jpeg", house)
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
    return (
        had.get("source") == "text"
        and not had.get("by")
        and report.status in {"received", "needs_info", "assigned"}
    )


def dispute(session: Session, report: Report, place: Place, house: House) -> None:
    """Ask, once, which counts: the place that the report has or the one that came later."""
    had = report.sources.get("place", {})
    conflict = [kept(place.conflict.first), kept(place.conflict.second)] if place.conflict else []
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
        notes = clock_line(report, "clock_waits", house)
        add_line(session, report, report.status, by=BY_ROUTER, house=house, now=now, notes=notes)
