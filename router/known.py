"""What is known when a message comes, and what was decided to do with it: the data of router/conversation.py."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from router.spots import NOWHERE, Spot
from router.status import OPEN

Kind: TypeAlias = Literal[
    "auto",  # a program wrote it: kept, never answered
    "note",  # by somebody who cannot prove that it is their report: for the desk's eyes
    "report",  # a new report
    "join",  # more of a report that is being told, in silence
    "answer",  # what we asked for
    "follow_up",  # more for the officials
    "confirm",  # "it is done"
    "deny",  # "it is not done"
    "rate",  # stars
    "reopen",  # a finished report again
    "ask_which",  # several reports, no hint: one numbered question
    "ask_reopen",  # a finished report: again, or a new one?
    "choice",  # the answer to a numbered question
    "thanks",  # no answer to that
    "superseded",  # its edit came first
    "unknown_code",  # a code that no report has
    "how_to",  # nothing to act on: how to report
    "status", "mine", "help", "stop", "start", "language", "link", "unlink", "forget", "copy",  # commands
    "withdraw",  # a command, too
    "follow", "unfollow",  # of an area's news
    "too",  # somebody else's report concerns them too
]  # fmt: skip

NEW = "new"  # the option of a numbered question that is no report
ALL = "all"  # every report that a numbered question offered
AGAIN = "again"  # a question that waits is asked once more
LATER = "later"  # ask when the quiet time is over and nothing came that makes it clear


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A report as `decide` sees it. `asked_for` is what we asked; `said_at` when its reporter last spoke on it.

    `chosen`: they said once, asked, that they mean this one.
    """

    code: str
    status: str
    service_code: str | None = None
    area_code: str | None = None
    has_place: bool = False
    spot: Spot = NOWHERE
    asked_for: str | None = None
    acknowledged: bool = True
    requested_at: datetime
    updated_at: datetime
    said_at: datetime
    is_theirs: bool = True
    chosen: bool = False

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def is_unfinished(self) -> bool:
        """Still being told, or waiting for the answer to our question (also when it was closed for want of it)."""
        asked = not self.acknowledged or self.asked_for is not None
        return asked and self.status != "resolved" and (self.is_open or self.status == "closed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pending:
    """A numbered question that waits for its answer; `options` are codes of reports, services, or NEW.

    `code` is the report whose service is asked for.
    """

    kind: Literal["which", "reopen", "service"]
    options: tuple[str, ...]
    code: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """All that is known when a message comes. `reports` are the sender's: open, or finished within 30 days,
    the one they spoke on last first; `spot` is where exactly the message says it is; `has_code`: a one-time code
    was sent to them, which they may send back or not."""

    now: datetime
    join_within: timedelta = timedelta(minutes=5)
    reports: Sequence[Known] = ()
    thread: Known | None = None
    named: Known | None = None
    edited: Known | None = None
    spot: Spot = NOWHERE
    superseded: bool = False
    pending: Pending | None = None
    proven: bool = True
    has_code: bool = False

    @property
    def open_ones(self) -> list[Known]:
        return [report for report in self.reports if report.is_open]


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What to do with a message: with which report, between which, or with which word.

    `value` is an argument: a language, a code, stars, the chosen option, the service that an answer names by its
    number, LATER, AGAIN or ALL; of a new report the code of the one that it shares its place or its problem with.
    """

    kind: Kind
    code: str | None = None
    options: tuple[str, ...] = field(default=())
    value: str = ""
