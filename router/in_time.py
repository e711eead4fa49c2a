"""Asks what may hang (a database, a disk, S3), each in a thread of its own, and waits only so long."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class InTime:
    """One who asks. What still hangs from the last time is not asked again beside it: threads do not pile up."""

    seconds: float = 3.0
    _asked: dict[str, Future[Any]] = field(default_factory=dict)

    def ask(self, questions: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
        """Ask all side by side; by name an answer, or the exception that came instead (TimeoutError)."""
        futures = {name: self._start(name, question) for name, question in questions.items()}
        until = time.monotonic() + self.seconds
        return {name: _answer(future, until) for name, future in futures.items()}

    def _start(self, name: str, question: Callable[[], Any]) -> Future[Any]:
        future = self._asked.get(name)
        if future is None or future.done():
            future = self._asked[name] = Future()
            threading.Thread(target=_work, args=(future, question), name=f"ask {name}", daemon=True).start()
        return future


def _work(future: Future[Any], question: Callable[[], Any]) -> None:
    try:
        future.set_result(question())
    except Exception as error:
        future.set_exception(error)


def _answer(future: Future[Any], until: float) -> Any:
    try:
        return future.result(max(until - time.monotonic(), 0.0))
    except Exception as error:
        return error
