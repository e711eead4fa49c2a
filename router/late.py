"""What was promised and is not kept: the citizen is told honestly, and the report climbs the ladder."""

from sqlalchemy.orm import Session

from router.house import House
from router.joined import tell_late
from router.owing import owe, reply_channel
from router.promise import promise, promise_words, rungs_of, term
from router.replies import fields_of, say
from router.reports import is_flood
from router.status import CLOCK, Actor, add_line
from router.working_time import working_time
from store.models import Report

BY_CLOCK = Actor(name=CLOCK)


def raise_late(session: Session, report: Report, house: House) -> None:
    """Put a late report on record for the ladder's next rung, with half of the first time as the new promise.

    On the last rung it stays without a new date. The history has a line for each rung.
    """
    now, pack = house.now(), house.pack
    rungs = rungs_of(report, pack)
    rung = pack.agencies[rungs[min(report.raised, len(rungs) - 1)]].name
    report.raised += 1
    report.updated_at = now
    report.late_at = None
    if report.raised < len(rungs):
        promise(report, pack, now, max(term(report, pack) / 2, working_time(pack).a_day))
    texts = pack.texts[pack.languages[0]]
    line = texts["late_line"].format(rung=rung, **promise_words(report, pack, texts))
    add_line(session, report, report.status, by=BY_CLOCK, house=house, now=now, notes=line.strip())
    if not is_flood(report):
        fields = fields_of(report, house, report.language) | {"rung": rung}
        text = say(pack, report.language, "late", reply_channel(session, report), **fields)
        owe(session, report, text, house, now, can_wait=True)
    tell_late(session, report, rung, house, now)
