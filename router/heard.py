"""What one message brings by itself: a problem, a place, a picture, or nothing."""

from normalizer.schema import Draft, InboundMessage
from normalizer.text import own_words

SURE = 0.65  # below it a guess does not say that a message is of another problem than the report at hand


def said_service(draft: Draft) -> str | None:
    """The problem that a message names, if it is a report at all."""
    return draft.service.service_code if draft.is_report and draft.service is not None else None


def is_sure(draft: Draft) -> bool:
    return draft.service is not None and draft.service.confidence >= SURE


def told_service(draft: Draft) -> str | None:
    """The problem that a message surely names; of a danger a guess is enough: it is no part of another report."""
    return said_service(draft) if is_sure(draft) or draft.urgent else None


def is_bare(message: InboundMessage) -> bool:
    """Whether there is only a picture, a file or a pin, without a word."""
    return has_more(message) and not (message.text.strip() or message.subject.strip())


def is_whole(draft: Draft) -> bool:
    """Whether a message names a problem and a place."""
    return said_service(draft) is not None and draft.place is not None


def has_more(message: InboundMessage) -> bool:
    """Whether a photo, a file or a pin came along."""
    return bool(message.attachments) or message.position is not None


def has_words(message: InboundMessage) -> bool:
    """Whether they wrote something themselves: a mail that only quotes ours says nothing."""
    text = message.text.strip()
    is_quoted = any(line.startswith(">") for line in text.split("\n")) and own_words(text) == text
    return bool(text) and not is_quoted


def is_empty(message: InboundMessage) -> bool:
    return not (message.text.strip() or message.subject.strip() or has_more(message))
