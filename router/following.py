"""IKUTI and BERHENTI IKUTI: an area's news each morning in a chat on Telegram; elsewhere, where to get them."""

from collections.abc import Sequence

from channels.telegram import bot_name
from config.pack import Area
from router.area_names import areas_named, full_name
from router.command_words import DEEP_LINK
from router.house import House
from router.quiet import next_morning
from router.replies import say
from router.subscriptions import KIND_OF, MOST_AREAS, end, lookups_of_address
from router.turn import Effect, Turn, answer, answer_with, settle_rows
from store.models import Subscription
from store.subscriptions import drop, of_mailbox

BY_CHAT = frozenset({"telegram"})  # where a message costs nothing and nobody reads along
MOST_CHOICES = 8
LONGEST_SAID = 60


def _follow(turn: Turn) -> None:
    """IKUTI and an area's name begins, IKUTI alone lists."""
    house, said = turn.house, turn.decision.value
    if turn.address.channel not in BY_CHAT:
        _elsewhere(turn, areas_named(house.pack, said))
        return
    if not said:
        _list(turn)
        return
    found = areas_named(house.pack, said)
    if len(found) == 1:
        _begin(turn, found[0])
    elif found:
        _ask(turn, found[:MOST_CHOICES])
    else:
        answer(turn, "news_unknown", said=said[:LONGEST_SAID], link=house.settings.base_url)


def _elsewhere(turn: Turn, areas: Sequence[Area]) -> None:
    """Not on this channel: the page of the area has it by mail and as a feed, and leads to the bot."""
    base = turn.house.settings.base_url
    answer(turn, "follows_elsewhere", link=f"{base}/area/{areas[0].code}" if areas else base)


def _ask(turn: Turn, areas: Sequence[Area]) -> None:
    """Which of them? A button says its code: nothing is to be remembered."""
    names = [full_name(area) for area in areas]
    text = _say(turn, "news_which", list="\n".join(f"- {name}" for name in names), name=names[-1])
    answer_with(
        turn, text, buttons=[(name, f"/ikuti {area.code}") for name, area in zip(names, areas, strict=True)]
    )


def _begin(turn: Turn, area: Area) -> None:
    theirs = _theirs(turn)
    if all(each.area_code != area.code for each in theirs):
        if len(theirs) >= MOST_AREAS:
            answer(turn, "news_most", count=str(MOST_AREAS), list=_names(turn.house, theirs))
            return
        _add(turn, area)
    link = f"{turn.house.settings.base_url}/area/{area.code}"
    answer_with(turn, _say(turn, "news_on", area=full_name(area), link=link))


def _add(turn: Turn, area: Area) -> None:
    """Who writes from a chat asked for it themselves: nothing is to be confirmed."""
    settle_rows(turn)
    address, house, now = turn.address, turn.house, turn.house.now()
    row = Subscription(
        kind=KIND_OF[address.channel],
        lookup=lookups_of_address(house, address)[0],
        sealed=house.store.sealer.seal(house.store.sealer.open(address.sealed)),
        area_code=area.code,
        language=address.reporter.language,
        created_at=now,
        confirmed_at=now,
        asked=0,
        told_until=now,
        next_at=next_morning(house.pack, now),
    )
    turn.session.add(row)
    turn.session.flush()


def _list(turn: Turn) -> None:
    theirs = _theirs(turn)
    if theirs:
        answer(turn, "news_list", list=_names(turn.house, theirs))
    else:
        answer(turn, "news_none", link=turn.house.settings.base_url)


def _unfollow(turn: Turn) -> None:
    """BERHENTI IKUTI ends all, with an area's name that one."""
    if turn.address.channel not in BY_CHAT:
        _elsewhere(turn, ())
        return
    theirs, said = _theirs(turn), turn.decision.value
    named = {area.code for area in areas_named(turn.house.pack, said)}
    ended = [each for each in theirs if not said or each.area_code in named]
    if not ended:
        _list(turn)
        return
    rest = [each for each in theirs if each not in ended]
    names = _names(turn.house, ended)
    if rest:
        drop(turn.session, [each.id for each in ended])
        answer(turn, "news_off_some", list=names, rest=_names(turn.house, rest))
    else:
        end_news(turn)
        answer(turn, "news_off", list=names)


def chat_link(house: House, area_code: str) -> str:
    """The address that opens the bot and, with one press, follows an area; "" where the bot's name is not known.

    Telegram takes 64 letters, digits, _ and - behind start=: https://core.telegram.org/bots/features#deep-linking
    """
    name = bot_name(house.settings)
    return f"https://t.me/{name}?start={DEEP_LINK}{area_code.replace('.', '_')}" if name else ""


def end_news(turn: Turn) -> int:
    """End all that this address follows, for good; how many areas."""
    lookups = lookups_of_address(turn.house, turn.address)
    return end(turn.house, turn.session, lookups) if lookups else 0


def _theirs(turn: Turn) -> list[Subscription]:
    return of_mailbox(turn.session, lookups_of_address(turn.house, turn.address), held=True)


def _names(house: House, rows: Sequence[Subscription]) -> str:
    areas = [house.pack.areas.get(each.area_code or "") for each in rows]
    return "\n".join(f"- {full_name(area)}" for area in areas if area is not None)


def _say(turn: Turn, key: str, **fields: str) -> str:
    return say(turn.house.pack, turn.address.reporter.language, key, turn.address.channel, **fields)


FOLLOWING: dict[str, Effect] = {"follow": _follow, "unfollow": _unfollow}
