"""How much one client may post: a bucket for each key or address, wide enough for an address that many share."""

import ipaddress
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.requests import Request

from normalizer.schema import TemporaryFailure

MOST_CLIENTS = 10_000


def client_of(request: Request) -> str:
    """Who asks, as far as the wire says: an address (of IPv6 the /64), kept nowhere; "" where many share one.

    A private address or this machine is a proxy: what it put last into X-Forwarded-For counts (nothing but this
    limit rests on it), and without it nobody can be told from the others. From any other address the header is not
    believed.
    """
    said = _address(request.client.host if request.client else "")
    if said is not None and (said.is_private or said.is_loopback):
        said = _address(request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip())
    if said is None:
        return ""
    return str(said if said.version == 4 else ipaddress.ip_network((said, 64), strict=False))


def _address(said: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(said)
    except ValueError:
        return None


@dataclass(kw_only=True, slots=True)
class Budget:
    """`burst` posts at once of one client, and one more each `each` seconds."""

    each: float
    burst: int
    now: Callable[[], float] = time.monotonic
    _due: dict[str, float] = field(default_factory=dict)

    def take(self, client: str) -> float:
        """Seconds to wait; 0 when it may go, and then it is counted."""
        now = self.now()
        due = max(self._due.get(client, 0.0), now)
        wait = due - (self.burst - 1) * self.each - now
        if wait > 0:
            return wait
        if len(self._due) >= MOST_CLIENTS and client not in self._due:
            self._due = {name: at for name, at in self._due.items() if at > now}
            if len(self._due) >= MOST_CLIENTS:
                self._due.clear()
        self._due[client] = due + self.each
        return 0.0


@dataclass(kw_only=True, slots=True)
class Places:
    """How many bodies may be on their way at once: `most` in all, `of_one` of a client who can be told apart."""

    most: int
    of_one: int
    _taken: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def one(self, client: str) -> Iterator[None]:
        """Hold a place. Raises TemporaryFailure where none is free: waiting would only make more wait."""
        if self._taken.total() >= self.most or (client and self._taken[client] >= self.of_one):
            raise TemporaryFailure("too many photos are on their way", retry_after=10)
        self._taken[client] += 1
        try:
            yield
        finally:
            self._taken[client] -= 1
            self._taken += Counter()  # forget those at zero
