"""What each kind of message does: to its report, and to what its sender is told."""

from router.between_reports import BETWEEN_REPORTS, take_in
from router.commands import COMMANDS
from router.copies import COPIES
from router.following import FOLLOWING
from router.forget import FORGETTING
from router.linking import LINKING
from router.of_reports import OF_REPORTS
from router.too import concerns_too
from router.turn import Effect, Turn

EFFECTS: dict[str, Effect] = {
    **OF_REPORTS,
    **BETWEEN_REPORTS,
    "too": concerns_too,
    **COMMANDS,
    **LINKING,
    **FORGETTING,
    **COPIES,
    **FOLLOWING,
}


def take_effect(turn: Turn) -> None:
    """Give a message that has its row its effect; a kind without one is kept, and that is all."""
    effect = EFFECTS.get(turn.decision.kind)
    if effect is not None:
        effect(turn)
    take_in(turn)
