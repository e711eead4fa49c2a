"""How the report card speaks: months, shares, working time, colours and reasons, in the reader's language."""

from collections.abc import Mapping

from config.pack import Pack
from router.card import Reason
from router.working_time import working_time

Texts = Mapping[str, str]


def month_words(name: str, said: Texts) -> str:
    """`Maret 2026` for `2026-03`."""
    year, month = name.split("-")
    return f"{said['card_months'].split()[int(month) - 1]} {year}"


def number(value: float, said: Texts) -> str:
    """At most one decimal, with the language's comma."""
    written = f"{value:.1f}".removesuffix(".0")
    return written.replace(".", said["card_comma"])


def share(count: int, of: int, said: Texts) -> str:
    """A percentage, or a dash where there is nothing to count."""
    return f"{number(100 * count / of, said)}%" if of else "-"


def span(seconds: int | None, pack: Pack, said: Texts) -> str:
    """Working time as people say it: minutes, hours, or working days; a dash where nothing was measured."""
    if seconds is None:
        return "-"
    day = working_time(pack).a_day.total_seconds()
    if seconds < 3600:
        return said["card_minutes"].format(count=seconds // 60)
    if seconds < day:
        return said["card_hours"].format(count=number(seconds / 3600, said))
    return said["card_days"].format(count=number(seconds / day, said))


def reason(why: Reason, said: Texts) -> str:
    """A figure that is beyond a limit, in a sentence."""
    return said[f"card_why_{why.kind}"].format(
        value=_figure(why, why.value, said), limit=_figure(why, why.limit, said)
    )


def brief(why: Reason, said: Texts) -> str:
    """The same in a few words, for a table."""
    return said[f"card_brief_{why.kind}"].format(value=_figure(why, why.value, said))


def _figure(why: Reason, value: float, said: Texts) -> str:
    return number(value, said) if why.kind == "stars" else f"{number(value * 100, said)}%"
