"""Very many reports of one service in one kecamatan at once: found, told as one, handed over as one, ended."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from config.pack import Pack
from router.agencies import agency_for
from router.house import House
from router.owing import owe_group
from router.replies import fields_of, say, service_name
from router.ways import tell_group
from store.leases import take
from store.models import Delivery, Lease, Report, Surge

OVER = frozenset({"resolved", "closed", "rejected", "duplicate"})
IN_WORK = ("assigned", "accepted", "in_progress", "scheduled", "reopened")
FINISHED = ("resolved", "closed")
LATELY, FRESH = timedelta(hours=3), timedelta(days=7)  # finished within, of reports received within
FEW = 3  # finished reports that say nothing about a pace yet
FARTHEST = 12  # hours: a time that lies behind is no help to anybody
GATHERED = 1000  # reports that join at one look
LOOK = timedelta(seconds=10)
LOOKS = "surges"  # the lease of the one server that looks
_SEEN = "surges seen"  # in session.info


@dataclass(kw_only=True, slots=True)
class Near:
    """What one transaction knows of one service in one kecamatan: who reported it lately, and what is open."""

    surge: Surge | None
    people: set[object] = field(default_factory=set)
    before: list[Report] = field(default_factory=list)  # this transaction's own, from before it was a surge
    count: int = 0


def kecamatan_of(pack: Pack, area_code: str | None) -> str | None:
    """The kecamatan that an area is or lies in; None for a whole city and for nothing."""
    area = pack.areas.get(area_code or "")
    if area is None or area.level == "kota":
        return None
    return area.code if area.level == "kecamatan" else area.code.rsplit(".", 1)[0]


def heed_surge(session: Session, report: Report, house: House) -> None:
    """Let a complete report join the open surge of its service and kecamatan, or open one at the threshold.

    One look a transaction at each pair; below the threshold there is little to count (docs/decisions/0021).
    """
    kecamatan, service_code = kecamatan_of(house.pack, report.area_code), report.service_code
    if kecamatan is None or service_code is None or is_out(report):
        return
    if service_code not in house.pack.surge["services"]:
        return
    near = _near(session, service_code, kecamatan, house)
    if near.surge is None:
        near.people.add(report.reporter_id or report.reporter.id or report.reporter)
        near.before.append(report)
        if len(near.people) >= house.pack.surge_of(service_code)[0]:
            _open(session, near, service_code, kecamatan, house)
    elif report.surge_id is None:
        report.surge_id = near.surge.id
        near.count += 1


def is_out(report: Report) -> bool:
    """Whether an official took the report out of a surge: it does not come back by itself."""
    return bool(report.sources.get("no_surge"))


def _near(session: Session, service_code: str, kecamatan: str, house: House) -> Near:
    seen: dict[tuple[str, str], Near] = session.info.setdefault(_SEEN, {})
    if (service_code, kecamatan) not in seen:
        with session.no_autoflush:  # it would write the batch's new rows one by one
            surge = open_surge(session, service_code, kecamatan)
            near = Near(surge=surge)
            if surge is None:
                most, minutes = house.pack.surge_of(service_code)
                since = house.now() - timedelta(minutes=minutes)
                query = _lately(house.pack, service_code, kecamatan, since)
                people = query.with_only_columns(Report.reporter_id).distinct().limit(most)
                near.people.update(session.scalars(people))
            else:
                near.count = size(session, surge)
        seen[service_code, kecamatan] = near
    return seen[service_code, kecamatan]


def open_surge(session: Session, service_code: str, kecamatan: str) -> Surge | None:
    query = select(Surge).where(Surge.service_code == service_code, Surge.area_code == kecamatan)
    return session.scalar(query.where(Surge.ended_at.is_(None)))


def _lately(pack: Pack, service_code: str, kecamatan: str, since: datetime) -> Select[Report]:
    """Reports of the service in the kecamatan that came since then: ix_reports_area."""
    areas = [code for code in pack.areas if code == kecamatan or code.startswith(f"{kecamatan}.")]
    return select(Report).where(
        Report.area_code.in_(areas), Report.service_code == service_code, Report.requested_at > since
    )


def size(session: Session, surge: Surge) -> int:
    """How many reports have joined."""
    return session.scalar(select(func.count()).where(Report.surge_id == surge.id)) or 0


def _open(session: Session, near: Near, service_code: str, kecamatan: str, house: House) -> None:
    """Open a surge, or find the one that another server opens at this moment, and let the recent reports join."""
    now, minutes = house.now(), house.pack.surge_of(service_code)[1]
    session.flush()
    recent = _lately(house.pack, service_code, kecamatan, now - timedelta(minutes=minutes))
    first = session.scalar(recent.with_only_columns(func.min(Report.requested_at)))
    began_at = min([at for at in (first, *(each.requested_at for each in near.before)) if at is not None])
    values = {"service_code": service_code, "area_code": kecamatan, "began_at": began_at}
    insertion = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(insertion(Surge).values(values).on_conflict_do_nothing())
    near.surge = open_surge(session, service_code, kecamatan)
    if near.surge is None:
        return  # another server opened and ended it: as good as none
    gather(session, near.surge, house)
    for report in near.before:
        report.surge_id = near.surge.id
    session.flush()
    ours = [each for each in near.before if each.id is None]
    near.count = size(session, near.surge) + len(ours)


def gather(session: Session, surge: Surge, house: House) -> int:
    """Let complete reports that came since the beginning join; what is held right now joins at a later look."""
    since = surge.began_at - timedelta(microseconds=1)
    query = _lately(house.pack, surge.service_code, surge.area_code, since).where(
        Report.surge_id.is_(None),
        Report.acknowledged_at.is_not(None),
        Report.asked_for.is_(None),
        Report.status.not_in(OVER),
    )
    rows = session.scalars(query.limit(GATHERED).with_for_update(skip_locked=True)).all()
    joining = [report for report in rows if not is_out(report)]
    for report in joining:
        report.surge_id = surge.id
    return len(joining)


# --- what is said -----------------------------------------------------------------------------------------


def surge_words(surge: Surge, house: House, language: str) -> dict[str, str]:
    """`banjir`, `Jatinegara` and `14.05`, as texts name a surge."""
    return {
        "service": brief_name(house.pack, surge, language).lower(),
        "place": house.pack.areas[surge.area_code].name,
        "since": _hour(surge.began_at, house.pack),
    }


def brief_name(pack: Pack, surge: Surge, language: str) -> str:
    """`Banjir` of `Banjir / genangan`."""
    return re.split(r" / |, ", service_name(pack, surge.service_code, language) or surge.service_code)[0]


def _hour(at: datetime, pack: Pack) -> str:
    return f"{at.astimezone(ZoneInfo(pack.timezone)):%H.%M}"


def surge_answer(session: Session, report: Report, house: House, channel: str) -> str | None:
    """The first answer to a report that joined an open surge; None for every other report."""
    kecamatan = kecamatan_of(house.pack, report.area_code)
    if report.surge_id is None or kecamatan is None or report.service_code is None:
        return None
    near = _near(session, report.service_code, kecamatan, house)
    if near.surge is None or near.surge.id != report.surge_id:
        return None
    pack, through_at = house.pack, near.surge.through_at
    news = _hour(through_at, pack) if through_at is not None and through_at > house.now() else ""
    pack, language = house.pack, report.language
    fields = fields_of(report, house, language) | surge_words(near.surge, house, language)
    fields |= {"count": str(near.count), "time": news}
    fields["news"] = say(pack, language, "surge_news", channel, **fields) if news else ""
    if channel == "sms":
        return say(pack, language, "ack_surge_urgent" if report.urgent else "ack_surge", channel, **fields)
    text = say(pack, language, "ack_surge", channel, **fields)
    return f"{say(pack, language, 'urgent', channel, **fields)}\n\n{text}" if report.urgent else text


def _through_at(session: Session, surge: Surge, house: House) -> datetime | None:
    """When the queue will be through at the pace at which the agency really finished reports of this service
    lately, to the next quarter of an hour; None where nobody can know, or it is hours away."""
    now, agency_id = house.now(), agency_for(house.pack, surge.service_code, surge.area_code, at=house.now())
    held = select(func.count()).where(Report.agency_id == agency_id, Report.requested_at > now - FRESH)
    held = held.where(Report.service_code == surge.service_code)
    done = session.scalar(held.where(Report.status.in_(FINISHED), Report.updated_at > now - LATELY)) or 0
    if done < FEW:
        return None
    ahead = session.scalar(held.where(Report.status.in_(IN_WORK))) or 0
    hours = (ahead + 1) * (LATELY / timedelta(hours=1)) / done
    if hours > FARTHEST:
        return None
    quarter, start = timedelta(minutes=15), datetime(2000, 1, 1, tzinfo=UTC)
    return start + ceil((now + timedelta(hours=hours) - start) / quarter) * quarter


# --- what the clock does ----------------------------------------------------------------------------------


def look_at_surges(house: House) -> int:
    """Gather what belongs to each open surge, see when it is through, hand its growth over, and end what is over;
    how many were ended.

    Every LOOK; one server at a time has a surge. Killed in the middle, the next look does the same again.
    """
    ended, now = 0, house.now()
    with house.store.write() as session:
        if not take(session, LOOKS, LOOKS, now, LOOK):
            return 0
        query = select(Surge).where(Surge.ended_at.is_(None)).order_by(Surge.id)
        for surge in session.scalars(query.with_for_update(skip_locked=True)).all():
            gather(session, surge, house)
            session.flush()
            surge.through_at = _through_at(session, surge, house)
            _hand_over(session, surge, house)
            if _hot_until(session, surge, house) + _patience(house.pack) <= now:
                _end(session, surge, now)
                ended += 1
    return ended


# when the open surges are looked at next: nothing while there is none
LAST_LOOK = select(Lease.until).where(Lease.name == LOOKS).scalar_subquery()
NEXT_LOOK = select(func.min(func.coalesce(LAST_LOOK, Surge.began_at))).where(Surge.ended_at.is_(None))


def _hand_over(session: Session, surge: Surge, house: House) -> None:
    """Hand the group to its agency when it opens, and each time that it has doubled."""
    agency_id = agency_for(house.pack, surge.service_code, surge.area_code, at=house.now())
    count, step = size(session, surge), house.pack.surge_of(surge.service_code)[0]
    if agency_id is None or count < step:
        return
    while step * 2 <= count:
        step *= 2
    key = f"surge-{surge.id}-{step}"
    known = select(Delivery.id).where(Delivery.channel == "desk", Delivery.provider_id == key)
    if session.scalar(known) is None:
        words = surge_words(surge, house, house.pack.languages[0]) | {"count": str(count)}
        text = say(house.pack, house.pack.languages[0], "surge_line", "desk", **words)
        owe_group(session, agency_id, text, key, house.now())
        tell_group(session, agency_id, text, house)


def _patience(pack: Pack) -> timedelta:
    return timedelta(minutes=pack.surge["ends_after_minutes"])


def _hot_until(session: Session, surge: Surge, house: House) -> datetime:
    """Until when the rate was, or is, half of the threshold or more, as far as is known now."""
    most, minutes = house.pack.surge_of(surge.service_code)
    half, window, patience = ceil(most / 2), timedelta(minutes=minutes), _patience(house.pack)
    query = _lately(house.pack, surge.service_code, surge.area_code, house.now() - patience - window)
    newest = query.with_only_columns(Report.requested_at).order_by(Report.requested_at.desc())
    # more than this cannot lie in the time without half of the threshold in one window of it
    enough = (ceil(patience / window) + 1) * half
    times = session.scalars(newest.limit(enough)).all()
    hot = [old + window for new, old in zip(times, times[half - 1 :], strict=False) if new - old <= window]
    return max(hot, default=surge.began_at)


def _end(session: Session, surge: Surge, now: datetime) -> None:
    """Its reports live on as ordinary ones; what was held for its reporters goes out with the next tick."""
    surge.ended_at = now
    theirs = select(Report.id).where(Report.surge_id == surge.id)
    held = update(Delivery).where(Delivery.state == "held", Delivery.report_id.in_(theirs))
    session.execute(held.values(next_attempt_at=now), execution_options={"synchronize_session": False})
