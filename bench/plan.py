"""How long, how often and where; and what the parts of the table share: a load's round, and its row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.server import Server, load
from bench.table import Row

DRAIN_SECONDS = 90.0


@dataclass(kw_only=True, slots=True)
class Plan:
    """`say` shows progress; no message number is used twice; `busy` says of each load how busy it was at most."""

    folder: Path
    rounds: int
    seconds: float  # of a round with a ceiling beside it
    paces: dict[int, int]  # SMS a second -> for how many seconds a round
    way_seconds: float
    owed: int  # deliveries that an outbox is given a round
    burst_seconds: int
    copies: int  # how many reports the big store holds
    desk_copies: int  # and the one that the desk is looked at with
    desk_seconds: float  # of each kind of page
    say: Callable[[str], None]
    used: int = 0
    busy: dict[str, float] = field(
        default_factory=dict
    )  # 1 is a whole core: then it is the load that was measured
    left_out: list[str] = field(default_factory=list)
    took: dict[str, float] = field(default_factory=dict)  # seconds of each part

    def room(self, name: str) -> Path:
        """A new folder for one server."""
        (self.folder / name).mkdir()
        return self.folder / name

    def numbers(self, count: int) -> dict[str, int]:
        """The load's --first and --limit for so many messages."""
        self.used += count
        return {"first": self.used - count, "limit": count}

    async def load(self, name: str, what: str, port: int, limit: int, **options: float | str) -> dict[str, Any]:
        """One load of at most so many messages."""
        seen: dict[str, Any] = await load(what, port, **self.numbers(limit), **options)
        self.note(name, seen["busy"])
        return seen

    def note(self, name: str, busy: float) -> None:
        self.busy[name] = max(self.busy.get(name, 0.0), busy)


async def alone(plan: Plan, name: str, what: str, port: int, among: Sequence[Server], **options: float) -> Any:
    """A closed loop of the plan's seconds against one of these servers, the others being frozen meanwhile."""
    others = [server for server in among if port not in {server.port, server.smtp}]
    for server in others:
        server.freeze()
    try:
        return await plan.load(name, what, port, seconds=plan.seconds, **options)  # type: ignore[arg-type]
    finally:
        for server in others:
            server.thaw()


def against(what: str, rounds: Sequence[dict[str, Any]], ceilings: Sequence[dict[str, Any]]) -> Row:
    return Row(
        what=what,
        unit="/s",
        figures=[one["done"] / one["seconds"] for one in rounds],
        p50=[one["p50"] for one in rounds],
        p99=[one["p99"] for one in rounds],
        ceilings=[one["done"] / one["seconds"] for one in ceilings],
    )
