"""What every room above the store is handed: settings, city pack, store."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from config.keys import Keys, read_keys
from config.pack import Pack, load_pack
from config.settings import Settings, SettingsError
from normalizer.learned import Model, model_at
from router.readers import Here, Readers
from store.database import Store, open_store
from store.ways import Ways

PHOTOS = "photos"
LINK = "link"  # the channel of a short link that is owed like a photo


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Learned:
    """The file of the learned model that is in use now; a newer one takes its place while the house is open.

    `broken` is the version of one that cannot be used.
    """

    path: Path | None = None
    broken: str | None = None

    @property
    def model(self) -> Model | None:
        return model_at(self.path) if self.path else None


@dataclass(frozen=True, kw_only=True, slots=True)
class House:
    """One installation.

    `now` is the clock (tests hand in their own); `readers` read messages. `wake` tells who sends that
    there is new work: on the channels it names, for PHOTOS, or (no name) for everybody.
    """

    settings: Settings
    pack: Pack
    store: Store
    readers: Readers
    now: Callable[[], datetime] = field(default=utc_now)
    wake: Callable[..., None] = field(default=lambda *_: None)
    learned: Learned = field(default_factory=Learned)
    ways: Ways = field(default_factory=Ways)

    @property
    def keys(self) -> Keys:
        return self.store.keys

    def link(self, code: str) -> str:
        """The public page of a report."""
        return f"{self.settings.base_url}/r/{code}"


def open_house(settings: Settings, pack: Pack | None = None) -> House:
    """Read keys and pack (or take that one) and open the store; nothing is migrated, nothing connected."""
    pack = pack or load_pack(settings.city)
    check_agencies(settings, pack)
    return House(
        settings=settings,
        pack=pack,
        store=open_store(settings, read_keys(settings)),
        readers=Here(settings.city),
    )


def check_agencies(settings: Settings, pack: Pack) -> None:
    """Raise SettingsError for an API key of an agency that is not in the pack."""
    for number, key in enumerate(settings.api_keys, 1):
        if key.agency_id is not None and key.agency_id not in pack.agencies:
            raise SettingsError(  # the word may be a part of a key: not repeated
                f"OPEN311_API_KEYS: entry {number} names an agency that the city pack does not have"
            )
