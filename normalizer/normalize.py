"""One citizen's message becomes a draft of a report: what, where, in which language, how urgent."""

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
from typing import Literal

from config.pack import Pack, Service
from normalizer.category import also_said, guess_service
from normalizer.english import without_false_friends
from normalizer.kind import Heard, not_report
from normalizer.learned import Model, blend, predict
from normalizer.place import Told, place_of, tag_words, told_by
from normalizer.privacy import public_description
from normalizer.schema import Candidate, Draft, Guess, PhotoFacts, Place, Position
from normalizer.text import READ_AT_MOST, clean, language_of, own_words, without_gaps
from normalizer.tokens import Words, plain, split_hashtags, words_of
from normalizer.urgency import danger_in

_LINK = re.compile(r"https?://\S+", re.IGNORECASE)
# Where one problem may end and the next one begin; not at the dot of "jl."
_CLAUSES = re.compile(
    r"(?:(?<=\w{4})\.|[;!?\n]|,(?!\d))[\s;!?,]*|\s(?=\d[.)]\s)"
    r"|\s(?:dan|lalu|terus|trus|sama|serta|sedangkan|and|while)\s"
)
MOST_CLAUSES = 40
NOT_A_REPORT, NO_REPORT_SURE = "bukan_aduan", 0.7
CRIES = ("question", "abuse", "spam")  # who asks for a number or swears beside a danger cries for help


def normalize(
    text: str,
    *,
    subject: str = "",
    pin: Position | None = None,
    photos: Sequence[PhotoFacts] = (),
    language: str | None = None,
    pack: Pack,
    learned: Model | None = None,
    named: str | None = None,
) -> Draft:
    """Understand a message; never raises, whatever the text.

    `named` is the service that the sender chose: it is believed, and the message is a report. `learned` is what
    the desk's corrections taught; the draft names it where it had a say. `language` is the channel's hint.
    `service` is None below the pack's `service_threshold`; `missing` names what a reply should
    ask for: the service where none is sure, the place where neither a kelurahan, a point in the city nor a street
    or landmark with its kecamatan is known.
    """
    description = clean(text)
    own = own_words(description)
    read = (clean(f"{subject}\n{own}") if subject else own)[:READ_AT_MOST]
    words, told, spoken, tokens = _heard(read, language, pack)
    service, alternatives = guess_service(pack, tokens)
    has_hint = bool(alternatives)
    said = predict(learned, tokens) if learned is not None else {}
    if learned is not None and said:
        threshold = pack.settings["service_threshold"]
        service, alternatives = blend(
            learned, said, service, alternatives, codes=pack.services, threshold=threshold
        )
    is_named = named in pack.services
    if is_named:
        service, alternatives, has_hint = Guess(service_code=str(named), confidence=1.0), (), True
    also = also_said(pack, tokens, service)
    if also and service:
        told = _place_of_first(read, told, service.service_code, {guess.service_code for guess in also}, pack)
    place = place_of(told, pack, pin=pin, photo=_photo_position(photos))
    folded = list(map(plain, _without_links(words)))
    heard = Heard(
        words=folded, text=read, language=spoken, service=service, has_hint=has_hint, place=place, photos=photos
    )
    kind = None if is_named else not_report(heard)
    danger = danger_in(folded) if kind in {None, *CRIES} else None
    if danger:
        kind = None
    if kind:
        service, alternatives = Guess(service_code=NOT_A_REPORT, confidence=NO_REPORT_SURE), ()
    return Draft(
        is_report=kind is None,
        service=service,
        alternatives=alternatives,
        place=place,
        description=description,
        public_description=public_description(own),
        language=spoken,
        urgent=danger is not None,
        missing=missing(service, place, pack) if kind is None else (),
        learned=learned.version if learned is not None and said and not is_named else None,
        named=is_named,
        also=also if kind is None else (),
        not_report=kind,
        danger=danger,
    )


def service_words(text: str, pack: Pack) -> list[str]:
    """The tokens that a text's service is guessed from: its words, with a gap for each name of a place."""
    return _heard(own_words(clean(text))[:READ_AT_MOST], None, pack)[3]


def _heard(
    read: str, language: str | None, pack: Pack
) -> tuple[Words, Told, Literal["id", "en", "other"], list[str]]:
    """The words, the places in them, the language, and what the service is guessed from."""
    words = words_of(split_hashtags(without_gaps(read), tag_words(pack)))
    told = told_by(words, pack)
    spoken, named = language_of(read, language), _without(words, told.covered | _in_links(words))
    return words, told, spoken, without_false_friends(named) if spoken == "en" else named


def _place_of_first(read: str, told: Told, first: str, others: Set[str], pack: Pack) -> Told:
    """Of several problems that each have a place of their own the first one's: "lampu mati di Tebet Barat, dan
    sampah menumpuk di Menteng Dalam"; the one area of a message is all streets' that are not sure: "Kel. Kapuk:
    lampu mati di jl Mawar, got mampet di jl Melati"."""
    if not (told.candidates or (told.street and (told.landmark or told.named))):
        return told
    found = [(service, place) for service, place in _problems(read, {first, *others}, pack) if _is_place(place)]
    own = next((place for service, place in found if service == first), None)
    if own is None or all(service == first or place.area == own.area for service, place in found):
        return told
    areas = {place.area for _, place in found if place.named}
    if areas == {told.area} and own.confidence < float(pack.settings["place_threshold"]):
        return replace(told, street=own.street, rt_rw=own.rt_rw, landmark=own.landmark)
    return replace(own, point=told.point, covered=told.covered)


def _problems(read: str, said: Set[str], pack: Pack) -> Iterator[tuple[str, Told]]:
    """The problems of a message with what is told of each one's place; a clause without one belongs to the one
    before."""
    clauses: list[str] = []
    service = ""
    for clause in _CLAUSES.split(read, MOST_CLAUSES):
        guessed, _ = guess_service(pack, service_words(clause, pack))
        if guessed and guessed.service_code in said:
            if service and guessed.service_code != service:
                yield service, told_by(words_of(", ".join(clauses)), pack)
                clauses = []
            service = guessed.service_code
        clauses.append(clause)
    yield service, told_by(words_of(", ".join(clauses)), pack)


def _is_place(told: Told) -> bool:
    return told.area is not None or bool(told.street)


def warm_up(pack: Pack) -> None:
    """Build the word and cell tables now (0.1 s) rather than with the first citizen's message."""
    normalize("lampu jalan mati", pin=Position(lat=0.0, long=0.0), pack=pack)


def _without(words: Words, covered: Set[int]) -> list[str]:
    """The words, with one gap for each name of a place: "Lubang Buaya" is no hole and no crocodile."""
    tokens = list(words.tokens)
    for place in sorted(covered, reverse=True):
        tokens[place : place + 1] = [] if place - 1 in covered else [""]
    return tokens


def _in_links(words: Words) -> Set[int]:
    """The places of words that are part of a link: "maps.app.goo.gl" speaks of no app."""
    spans = [match.span() for match in _LINK.finditer(words.text)] if "//" in words.text else ()
    return {place for first, last in spans for place, start in enumerate(words.starts) if first <= start < last}


def _without_links(words: Words) -> Sequence[str]:
    """The words that were said, where a message is more than links."""
    links = _in_links(words)
    said = [token for place, token in enumerate(words.tokens) if place not in links] if links else ()
    return said or words.tokens


def _photo_position(photos: Sequence[PhotoFacts]) -> Position | None:
    return next((photo.position for photo in photos if photo.position), None)


def missing(service: Guess | None, place: Place | None, pack: Pack) -> tuple[Literal["service", "place"], ...]:
    """What a reply should ask for."""
    found: list[Literal["service", "place"]] = []
    if service is None:
        found.append("service")
    if not is_enough(place, pack):
        found.append("place")
    return tuple(found)


def is_enough(place: Place | None, pack: Pack) -> bool:
    """Whether somebody can be sent there: an area is known, sure enough by the pack's `place_threshold`, and
    pin, photo and words do not speak against each other."""
    if place is None or place.area_code is None or place.conflict is not None:
        return False
    return place.confidence >= float(pack.settings["place_threshold"])


def explain(draft: Draft, pack: Pack) -> dict[str, object]:
    """Give a draft as the JSON object that `run_bots.py explain` prints (CONTRACT: Commands)."""
    service = pack.services[draft.service.service_code] if draft.service else None
    agency = pack.agencies[service.agency_id] if service and service.agency_id else None
    place = draft.place or Place(source="none", confidence=0.0)
    return {
        "is_report": draft.is_report,
        "service_code": service.code if service else None,
        "service_name": _service_name(service, draft.language),
        "confidence": draft.service.confidence if draft.service else 0.0,
        "alternatives": [
            {"service_code": guess.service_code, "confidence": guess.confidence} for guess in draft.alternatives
        ],
        "agency_id": agency.id if agency else None,
        "agency_responsible": agency.name if agency else None,
        "lat": place.lat,
        "long": place.long,
        "address_string": place.address_string,
        "area_code": place.area_code,
        "kelurahan": place.kelurahan,
        "kecamatan": place.kecamatan,
        "kota": place.kota,
        "place_source": place.source,
        "place_confidence": place.confidence,
        "language": draft.language,
        "urgent": draft.urgent,
        "danger": draft.danger,
        "not_report": draft.not_report,
        "missing": list(draft.missing),
        "public_description": draft.public_description,
        "learned": draft.learned,
        "place_alternatives": [_candidate(other, pack) for other in place.candidates],
        "conflict": _conflict(place, pack),
    }


def _candidate(candidate: Candidate, pack: Pack) -> dict[str, object]:
    area = pack.areas[candidate.area_code]
    return {
        "area_code": area.code,
        "kelurahan": area.name if area.level == "kelurahan" else None,
        "source": candidate.source,
        "confidence": candidate.confidence,
    }


def _conflict(place: Place, pack: Pack) -> dict[str, object] | None:
    if place.conflict is None:
        return None
    return {
        "first": _candidate(place.conflict.first, pack),
        "second": _candidate(place.conflict.second, pack),
        "metres": place.conflict.metres,
    }


def _service_name(service: Service | None, language: str) -> str | None:
    if service is None:
        return None
    return service.name_en if language == "en" else service.name
