"""What officials make of a guessed service: moved on as it was, or changed."""

from store.models import Report


def guess_of(report: Report) -> str | None:
    """The service that the normalizer had guessed, whatever became of it; None where it guessed none."""
    said = report.sources.get("service", {})
    if said.get("source") == "desk":
        guess: str | None = said["guess"]
        return guess
    return report.service_code if said.get("source") == "text" else None


def agree(report: Report) -> None:
    """An official moves a report on with the service as it was guessed; what the desk said of it before stands."""
    if report.service_guess is None and guess_of(report) is not None:
        report.service_guess = "agreed"


def outcome_of(guess: str | None, service_code: str) -> str:
    """What it means that the desk says `service_code`."""
    if guess is None:
        return "named"
    return "agreed" if guess == service_code else "changed"
