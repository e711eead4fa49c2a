"""What is new and what is solved in an area: one message a morning to each mailbox or chat that asked, or none."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from sqlalchemy.orm import Session

from config.pack import Pack
from router.house import House
from router.owing import owe_subscriber
from router.quiet import end_of_night, next_morning
from router.replies import say, service_name
from router.shown import name_of_area
from router.subscriptions import link
from store.models import Subscription
from store.subscriptions import (
    Happened,
    became_public,
    drop,
    drop_old,
    due_mailboxes,
    due_of,
    last_owed,
    next_look,
    put_off,
    unconfirmed,
    were_solved,
)

MAILBOXES_AT_ONCE = 200
LISTED = {"mail": 10, "telegram": 5}  # of what is new, and of what is solved, that a message names
APART = {
    "mail": timedelta(0),
    "telegram": timedelta(seconds=0.1),
}  # Telegram takes 30 a second: answers go between
AT_MOST = timedelta(days=7)  # what is older was told to nobody while the clock stood, and is no news
IN_THE_MAKING = timedelta(minutes=2)  # what a transaction that began before is about to commit

NEXT_NEWS = next_look(*LISTED)

Found = Mapping[str, Sequence[Happened]]


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """What happened by the area's code, each report under those of all areas that it lies in."""

    new: Found = field(default_factory=dict)
    solved: Found = field(default_factory=dict)


def tell_subscribers(house: House) -> int:
    """Owe the digests that are due, some at a time, and delete what nobody confirmed or reads any more; how many
    mailboxes and chats."""
    return sum(_tell(house, kind) for kind in LISTED)


def _tell(house: House, kind: str) -> int:
    """The messages are written before the rows are held: nobody waits for the writer's place meanwhile. Whoever
    else told a mailbox in between has moved it on: it is due no more."""
    now, until = house.now(), house.now() - IN_THE_MAKING
    gone = drop_unconfirmed(house, kind)
    if (morning := end_of_night(house.pack, now)) is not None:
        with house.store.write() as session:
            put_off(session, kind, now, morning)
        return gone
    drafts = _drafts(house, kind, until)
    if not drafts:
        return gone
    with house.store.write() as session:
        due = due_of(session, list(drafts), now, held=True)
        turns = _turns(session, kind, now)
        for mailbox, theirs in due.items():
            if told := drafts[mailbox]:
                subject, text = told
                owe_subscriber(session, theirs[0], now, text=text, subject=subject, not_before=next(turns))
            for each in theirs:
                each.told_until = max(until, each.told_until)
                each.next_at = next_morning(house.pack, now)
        drop_old(session, [each.id for theirs in due.values() for each in theirs], now)
    return len(drafts) + gone


def _turns(session: Session, kind: str, now: datetime) -> Iterator[datetime]:
    """When the next messages of this kind may go, one after the other, behind those that wait for their turn."""
    last = last_owed(session, kind) if APART[kind] else None
    first = max(now, last + APART[kind]) if last is not None else now
    return (first + number * APART[kind] for number in count())


def _drafts(house: House, kind: str, until: datetime) -> dict[str, tuple[str, str] | None]:
    """Subject and text by mailbox, of the next ones that are due; None for one without news."""
    now = house.now()
    with house.store.read() as session:
        due = due_of(session, due_mailboxes(session, kind, now, MAILBOXES_AT_ONCE), now)
        if not due:
            return {}
        oldest = min(each.told_until for theirs in due.values() for each in theirs)
        since = max(min(oldest, until), now - AT_MOST)
        new = became_public(session, house.pack, since, until)
        news = News(new=_by_area(new), solved=_by_area(were_solved(session, house.pack, since, until)))
        return {mailbox: digest(house, theirs, news) for mailbox, theirs in due.items()}


def drop_unconfirmed(house: House, kind: str) -> int:
    """Delete subscriptions whose time to be confirmed is over, with their addresses; how many."""
    with house.store.read() as session:
        late = unconfirmed(session, kind, house.now(), MAILBOXES_AT_ONCE)
    if not late:
        return 0
    with house.store.write() as session:
        gone = drop(session, unconfirmed(session, kind, house.now(), MAILBOXES_AT_ONCE))
    house.store.scrub()
    return gone


def _by_area(happened: Sequence[Happened]) -> Found:
    found: defaultdict[str, list[Happened]] = defaultdict(list)
    for each in happened:
        for code in _and_around(each.area_code):
            found[code].append(each)
    return found


def _and_around(area_code: str) -> Iterator[str]:
    """31.74.01.1007 and what it lies in: 31.74.01, 31.74."""
    while "." in area_code:
        yield area_code
        area_code = area_code.rpartition(".")[0]


def digest(house: House, theirs: Sequence[Subscription], news: News) -> tuple[str, str] | None:
    """Subject and text of one mailbox's mail, or one chat's message; None where nothing happened."""
    parts = [(each, _part(house, each, news)) for each in theirs]
    told = [(each, part) for each, part in parts if part]
    if not told:
        return None
    pack, language = house.pack, theirs[0].language
    names = ", ".join(pack.areas[each.area_code or ""].name for each, _ in told)
    is_mail = theirs[0].kind == "mail"
    end = (
        say(pack, language, "follow_end", "email", link=link(house, theirs[0]))
        if is_mail
        else _end(pack, language)
    )
    subject = say(pack, language, "follow_subject", "email", area=names)
    return subject, "\n\n".join([*(part for _, part in told), end])


def _end(pack: Pack, language: str) -> str:
    return say(pack, language, "news_end", "telegram")


def _part(house: House, subscription: Subscription, news: News) -> str:
    """What is told of one area; "" where nothing happened."""
    area, language = house.pack.areas.get(subscription.area_code or ""), subscription.language
    if area is None:  # the pack has it no longer
        return ""
    since = subscription.told_until
    new = [each for each in news.new.get(area.code, ()) if each.at > since]
    solved = [each for each in news.solved.get(area.code, ()) if each.at > since]
    if not (new or solved):
        return ""
    page = f"{house.settings.base_url}/area/{area.code}"
    head = say(house.pack, language, "follow_area", "email", area=area.name, link=page)
    lists = (("follow_new", new), ("follow_solved", solved))
    most = LISTED[subscription.kind]
    return "\n\n".join([head, *(_listed(house, language, key, some, most) for key, some in lists if some)])


def _listed(house: House, language: str, key: str, happened: Sequence[Happened], most: int) -> str:
    lines = [say(house.pack, language, key, "email", count=str(len(happened)))]
    lines += [f"- {_line(house, language, each)}" for each in happened[:most]]
    if (more := len(happened) - most) > 0:
        lines.append(say(house.pack, language, "digest_more", "email", count=str(more)))
    return "\n".join(lines)


def _line(house: House, language: str, each: Happened) -> str:
    pack: Pack = house.pack
    said = (service_name(pack, each.service_code, language), name_of_area(pack, each.area_code))
    return f"{', '.join(filter(None, said))}: {house.link(each.code)}"
