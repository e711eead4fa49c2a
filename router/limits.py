"""How fast we may speak: token buckets per channel and per person, and a pause when a provider asks for one."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

LONGEST_WAIT = 5.0  # seconds: a delivery waits this long here; for longer it goes back to its row
PEOPLE = 10_000  # buckets of single persons that are kept


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """`each` seconds pass for one message; `burst` of them may go at once."""

    each: float
    burst: int


# What the providers state (see the pages), with room: their own 429 is still honoured.
CHANNEL_RATES = {
    "telegram": Rate(each=1 / 30, burst=30),  # core.telegram.org/bots/faq: 30 a second
    # Twilio queues behind its API; a flood day acknowledges a hundred a second
    "sms": Rate(each=1 / 125, burst=250),
    "whatsapp": Rate(each=1 / 50, burst=80),  # 80 a second for a number
    "x": Rate(each=900 / 100, burst=100),  # docs.x.com rate limits: 100 posts in 15 minutes
    "email": Rate(each=1 / 50, burst=100),
}
GROUP_RATE = Rate(each=3.0, burst=15)  # core.telegram.org/bots/faq: 20 a minute to the same group
PROVIDERS = {"sms": "twilio", "whatsapp": "twilio"}  # one account: a pause of one is a pause of both
PERSON_RATES = {"telegram": Rate(each=1.0, burst=3)}  # one a second to a chat, short bursts are let through


def in_a_second(channel: str) -> float:
    """How many messages may leave in a second; infinitely many where there is no limit."""
    rate = CHANNEL_RATES.get(channel)
    return 1 / rate.each if rate else math.inf


@dataclass(slots=True)
class Bucket:
    """The time at which the next message would be on time; a burst may run ahead of it."""

    rate: Rate
    due: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until one more may go; takes nothing."""
        return max(self.due - (self.rate.burst - 1) * self.rate.each - now, 0.0)

    def take(self, now: float) -> None:
        self.due = max(self.due, now) + self.rate.each


@dataclass(slots=True)
class Limits:
    """One process's buckets. `now` counts seconds."""

    now: Callable[[], float] = time.monotonic
    _channels: dict[str, Bucket] = field(default_factory=dict)
    _people: dict[tuple[str, str], Bucket] = field(default_factory=dict)
    _paused: dict[str, float] = field(default_factory=dict)

    def take(self, channel: str, to: str) -> float:
        """Seconds to wait before sending. Above LONGEST_WAIT nothing was taken: come back later."""
        now = self.now()
        buckets = self._buckets(channel, to)
        wait = max([bucket.wait(now) for bucket in buckets] + [self.paused(channel)])
        if wait <= LONGEST_WAIT:
            for bucket in buckets:
                bucket.take(now)
        return wait

    def pause(self, channel: str, seconds: float) -> None:
        """Nothing leaves by this channel's provider for so long: it said so."""
        provider = PROVIDERS.get(channel, channel)
        self._paused[provider] = max(self._paused.get(provider, 0.0), self.now() + seconds)

    def paused(self, channel: str) -> float:
        """Seconds for which nothing may leave on this channel."""
        return max(self._paused.get(PROVIDERS.get(channel, channel), 0.0) - self.now(), 0.0)

    def _buckets(self, channel: str, to: str) -> list[Bucket]:
        found = []
        if to.startswith("-") and to[1:].isdigit():  # a group on Telegram, whose line is an agency's way
            found.append(self._channels.setdefault(f"group {to}", Bucket(GROUP_RATE)))
            channel = "telegram"
        if rate := CHANNEL_RATES.get(channel):
            found.append(self._channels.setdefault(channel, Bucket(rate)))
        if rate := PERSON_RATES.get(channel):
            if len(self._people) > PEOPLE:
                self._people.clear()
            found.append(self._people.setdefault((channel, to), Bucket(rate)))
        return found
