"""From the 200 to the acknowledgement's arrival at the provider, at a pace."""

from bench.plan import DRAIN_SECONDS, Plan
from bench.server import Server, ours, until
from bench.stand_in import StandIn, stand_in
from bench.table import Row
from bench.wire import percentiles


async def answers(plan: Plan) -> list[Row]:
    """One server with its work and its own limits on sends, which these paces stay below."""
    waits: dict[int, list[dict[str, float]]] = {rate: [] for rate in plan.paces}
    async with stand_in() as twilio, ours(plan.room("answers"), twilio.url) as server:
        for number in range(plan.rounds):
            for rate in plan.paces:
                plan.say(f"SMS answered, {rate}/s, round {number + 1}")
                waits[rate].append(await _paced(plan, server, twilio, rate))
    return [
        Row(
            what=f"from the 200 to the acknowledgement at Twilio, {rate} SMS/s for {plan.paces[rate]} s",
            p50=[one["p50"] for one in rounds],
            p99=[one["p99"] for one in rounds],
        )
        for rate, rounds in waits.items()
    ]


async def _paced(plan: Plan, server: Server, twilio: StandIn, rate: int) -> dict[str, float]:
    seen = await plan.load(f"paced {rate}/s", "paced", server.port, rate * plan.paces[rate], rate=rate)
    answered: dict[str, float] = seen["answered"]

    async def all_came() -> bool:
        return answered.keys() <= twilio.arrived.keys()

    await until(all_came, "acknowledgements did not arrive", seconds=DRAIN_SECONDS)
    return percentiles([twilio.arrived[number] - at for number, at in answered.items()])
