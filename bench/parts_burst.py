"""A flood day's worst hour, made shorter: 333 SMS a second, whatever the server does; and its memory."""

import asyncio
import time

from bench.look import look_into
from bench.plan import DRAIN_SECONDS, Plan
from bench.server import Server, ours, until
from bench.stand_in import stand_in
from bench.table import Row

RATE = 20_000 / 60
CONNECTIONS = 32


async def burst(plan: Plan) -> list[Row]:
    """None may be refused. Our own limits on sends hold, as on such a day: the answers leave for minutes still."""
    count = int(RATE * plan.burst_seconds)
    async with stand_in() as twilio, ours(plan.room("burst"), twilio.url) as server:
        before, peak = server.memory(), Peak(server)
        watching = asyncio.create_task(peak.watch())
        plan.say(f"burst of {count:,} SMS in {plan.burst_seconds} s")
        with look_into(server.database) as look:
            seen = await plan.load("burst", "flood", server.port, count, connections=CONNECTIONS, rate=RATE)
            if seen["done"] != count:
                raise RuntimeError(f"{count - seen['done']} of {count} messages of the burst were not taken")

            async def is_worked_off() -> bool:
                return look.reports() >= count

            await until(is_worked_off, "the burst is not worked off", seconds=DRAIN_SECONDS + plan.burst_seconds)
        rest = time.monotonic() - seen["last"]
        watching.cancel()
        after = server.memory()
        memory = {"before the burst": before, "at its peak": max(peak.most, after), "after it": after}
    title = f"burst of {count:,} SMS in {plan.burst_seconds} s ({RATE:.0f}/s), none refused"
    return [
        Row(
            what=f"{title}: kept",
            unit="/s",
            figures=[count / seen["seconds"]],
            p50=[seen["p50"]],
            p99=[seen["p99"]],
        ),
        Row(what="... from the last 200 to the last report committed", unit="s", figures=[rest]),
        *(
            Row(what=f"memory of the server (PSS), {when}", unit="MiB", figures=[pss])
            for when, pss in memory.items()
        ),
    ]


class Peak:
    """The most memory that a server had, looked at once a second."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.most = 0.0

    async def watch(self) -> None:
        while True:
            self.most = max(self.most, await asyncio.to_thread(self._server.memory))
            await asyncio.sleep(1.0)
