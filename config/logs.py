"""Logs by structlog: readable, or a JSON object a line; a last net takes out what no log may hold."""

import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

import structlog
from structlog.stdlib import ProcessorFormatter

from config.outlet import Outlet
from config.settings import ROOT, Settings

Line: TypeAlias = structlog.typing.EventDict

log = logging.getLogger("lapor")

OURS = "lapor"
LONGEST = 4000  # characters of a message
FRAMES = 100  # of one exception, the innermost
LAST = 2  # of them that are shown whosever they are
CAUSES = 5
QUIET = ("alembic", "uvicorn.error")
TELLTALE = (  # they log addresses, numbers, tokens, photos' notes
    "httpx",
    "httpcore",
    "telegram",
    "twilio",
    "tweepy",
    "aiosmtpd",
    "mail",
    "urllib3",
    "rq",
    "oauthlib",
    "requests_oauthlib",
    "botocore",
    "boto3",
    "s3transfer",
    "PIL",
    "python_multipart",
)


def start_log(settings: Settings) -> None:
    """Log to stderr: ids and states, never what people said, nor their numbers or addresses.

    Everything goes the same way: our own lines, libraries', Python's warnings, and what ends a thread or us.
    """
    said = Outlet()
    said.setFormatter(line_format(settings.log_format, colours=sys.stderr.isatty()))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[said], force=True)
    logging.raiseExceptions = False  # a line that cannot be written is not shown raw instead
    logging.captureWarnings(True)
    for quiet in QUIET:
        logging.getLogger(quiet).setLevel(logging.WARNING)
    for telltale in TELLTALE:
        logging.getLogger(telltale).setLevel(logging.ERROR)
    sys.excepthook = _ended
    threading.excepthook = lambda fell: _ended(fell.exc_type, fell.exc_value, fell.exc_traceback)


def line_format(log_format: str, *, colours: bool = False) -> logging.Formatter:
    """How a line looks. `json`: at (UTC), level, from, what; error (the exception's type) and trace, if any."""
    is_json = log_format == "json"
    at = structlog.processors.TimeStamper(**({"fmt": "iso"} if is_json else {"fmt": "%F %T", "utc": False}))
    drawn: list[Any] = [_by_our_names, structlog.processors.JSONRenderer()]
    if not is_json:
        draw = structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)
        drawn = [_below, draw]
    return ProcessorFormatter(
        foreign_pre_chain=[at, structlog.stdlib.add_logger_name, structlog.stdlib.add_log_level, _words, _trace],
        processors=[ProcessorFormatter.remove_processors_meta, _redact, *drawn],
        use_get_message=False,
        pass_foreign_args=True,
    )


def _ended(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """A thread, or the whole program, ends with an exception that nobody caught."""
    if not issubclass(kind, KeyboardInterrupt | SystemExit):
        fell = error or kind()
        log.critical("ended by %s", kind.__name__, exc_info=(kind, fell, trace))


# --- a line's parts ---------------------------------------------------------------------------------------


def _words(_logger: object, _method: str, line: Line) -> Line:
    """The message with its arguments. Of a library's only the numbers: what else it says may be a citizen's."""
    words, arguments = line["event"], line.pop("positional_args", None) or ()
    if line["logger"] == "py.warnings":
        words, arguments = _warned(str(arguments)), ()
    elif line["logger"].partition(".")[0] != OURS:
        words, arguments = words.partition("\n")[0], _hidden(arguments)
    try:
        line["event"] = words % arguments if arguments else words
    except Exception:  # a %r may raise anything
        line["event"] = words
    return line


def _hidden(arguments: object) -> tuple[object, ...]:
    return tuple(map(_harmless, arguments)) if isinstance(arguments, tuple) else ()


def _harmless(argument: object) -> object:
    if isinstance(argument, BaseException):
        return type(argument).__name__
    return argument if isinstance(argument, int | float) else "…"


def _warned(words: str) -> str:
    """`file:line: Category`, without what it says."""
    found = re.search(r"[\w./-]+:\d+: \w+", words)
    return found.group() if found else "a warning"


def _trace(_logger: object, _method: str, line: Line) -> Line:
    """Which exception, and where; never its message: that may quote a citizen."""
    given = line.pop("exc_info", None)
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        line["error"] = _name(error)
        line["trace"] = [place for each in _causes(error) for place in _places(each)]
    return line


def _causes(error: BaseException) -> list[BaseException]:
    """The exception, and what it came from."""
    found: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in found and len(found) < CAUSES:
        found.append(each)
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return found


def _places(error: BaseException) -> Iterator[str]:
    """Our own frames, and the end: of a library's forty between them nobody learns anything."""
    yield f"{_name(error)}:"
    frames = traceback.extract_tb(error.__traceback__)
    for number, frame in enumerate(frames[-FRAMES:], start=1):
        place, is_ours = _short(frame.filename)
        if is_ours or number > min(len(frames), FRAMES) - LAST:
            yield f"{place}:{frame.lineno} {frame.name}"


def _name(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return f"{type(error).__name__}({', '.join(_name(each) for each in error.exceptions[:CAUSES])})"
    return type(error).__name__


def _short(file: str) -> tuple[str, bool]:
    """The file by its path in its tree, and whether that tree is ours."""
    _, is_installed, inside = file.rpartition("site-packages/")
    if is_installed or not Path(file).is_relative_to(ROOT):
        return inside or file, False
    return str(Path(file).relative_to(ROOT)), True


def _by_our_names(_logger: object, _method: str, line: Line) -> Line:
    said = {
        "at": line["timestamp"],
        "level": line["level"].upper(),
        "from": line["logger"],
        "what": line["event"],
    }
    return said | {name: line[name] for name in ("error", "trace") if name in line}


def _below(_logger: object, _method: str, line: Line) -> Line:
    """On a terminal the trace stands below its line."""
    if "trace" in line:
        line["exception"] = "\n".join(f"    {place}" for place in line.pop("trace"))
    return line


# --- the last net -----------------------------------------------------------------------------------------

OUR_IDS = "".join(f"(?<!{name} )" for name in ("delivery", "deliveries", "photo", "address", "officer", "entry"))
NET: Mapping[str, re.Pattern[str]] = {
    r"\1[…]": re.compile(r"(?i)((?:authorization|cookie|secret-token|signature)\b[\"']?\s?[:=])[^\r\n]*"),
    r"\1 […]": re.compile(r"(?i)\b(bearer|basic|digest) [\w.~+/=-]{8,}"),
    "[token]": re.compile(r"\d+:[\w-]{30,}"),
    r"\1[…]@": re.compile(r"(\b[a-zA-Z][\w+.-]{0,20}://)[^\s/]{1,400}@"),
    r"\1?[…]": re.compile(r"([\w/.~%)-])\?[^\s\"'<>]*=[^\s\"'<>]*"),
    "[email]": re.compile(r"(?<![\w.+%-])[\w.+%'=-]{1,80}@(?!\s)[\w.-]{1,255}"),
    "[number]": re.compile(
        OUR_IDS
        + r"(?<!\d)(?<!\d[-.])(?<!-\d\d:)(?!\d{4}-\d\d-\d\d(?!\d))(?!\d{1,3}(?:\.\d{1,3}){3}(?![\d.]))"
        + r"(?:\+|\b|(?<=[a-zA-Z_]))\d(?:[ ()./-]{0,3}\d){7,30}"
    ),
}
UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def redacted(words: str) -> str:
    """Words without phone numbers, mail addresses, tokens, Authorization, URLs' users and queries; one line."""
    words = words[:LONGEST]
    for instead, pattern in NET.items():
        words = pattern.sub(instead, words)
    return UNSEEN.sub(" ", words)


def _redact(_logger: object, _method: str, line: Line) -> Line:
    line["event"] = redacted(line["event"])
    if "trace" in line:
        line["trace"] = [redacted(place) for place in line["trace"]]
    return line
