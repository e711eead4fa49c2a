"""Settings: read once from the environment and `.env`, checked, frozen, handed down."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from config.roles import ROLES

ROOT = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """A setting is missing or wrong; the message is one line that names it and says the remedy."""


@dataclass(frozen=True, slots=True)
class Listen:
    """A host and a port to listen on."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)


def is_loopback(host: str | None) -> bool:
    """True for localhost and loopback addresses; every other name is taken for public."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _listen(value: object) -> object:
    if not isinstance(value, str):
        return value
    host, colon, port = value.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError("must be host:port, such as 127.0.0.1:8080")
    return Listen(host.strip("[]"), int(port))


ListenAddress = Annotated[Listen, NoDecode, BeforeValidator(_listen)]


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey:
    """One OPEN311_API_KEYS entry: whose it is, the key, and the agency it may act for (None: all)."""

    name: str
    key: str
    agency_id: str | None


class Settings(BaseSettings):
    """Every setting by its environment name in lower case; docs/settings.md says what each one means."""

    model_config = SettingsConfigDict(frozen=True, env_file=".env", extra="ignore", env_ignore_empty=True)

    data_dir: Path = Path("data")
    city: Path = ROOT / "config" / "jakarta"
    public_url: str = ""
    http_listen: ListenAddress = Listen("127.0.0.1", 8080)
    ops_listen: ListenAddress = Listen("127.0.0.1", 8081)

    smtp_listen: ListenAddress = Listen("127.0.0.1", 8025)
    smtp_mode: Literal["smtp", "lmtp"] = "smtp"
    smtp_tls_cert: Path | None = None
    smtp_tls_key: Path | None = None
    email_address: str = "lapor@localhost"
    smtp_relay: str | None = Field(default=None, repr=False)
    trusted_authserv_id: str | None = None

    telegram_token: str | None = Field(default=None, repr=False)
    telegram_api_url: str | None = None
    telegram_name: str | None = Field(default=None, pattern=r"^@?[A-Za-z][A-Za-z0-9_]{3,31}$")
    telegram_webhook_secret: str | None = Field(default=None, repr=False, pattern=r"^[A-Za-z0-9_-]{1,256}$")

    twilio_account_sid: str | None = None
    twilio_auth_token: str | None = Field(default=None, repr=False)
    twilio_number: str | None = None
    twilio_whatsapp_number: str | None = None
    twilio_api_url: str | None = None
    twilio_content_sids: str | None = None

    x_api_key: str | None = Field(default=None, repr=False)
    x_api_secret: str | None = Field(default=None, repr=False)
    x_access_token: str | None = Field(default=None, repr=False)
    x_access_secret: str | None = Field(default=None, repr=False)
    x_bearer_token: str | None = Field(default=None, repr=False)
    x_api_url: str | None = None
    x_poll_seconds: float = Field(default=60, gt=0, allow_inf_nan=False)

    maps_link_url: str | None = None
    map_tiles_url: str | None = None
    map_tiles_credit: str | None = None

    database_url: str = Field(default="", repr=False)
    redis_url: str | None = Field(default=None, repr=False)
    webhook_private: Literal["on", "off"] = "off"
    media_url: str = ""
    sandbox: Literal["auto", "on", "off"] = "auto"
    open311_api_keys: str = Field(default="", repr=False)
    open311_media_hosts: str = ""
    secret_key: str = Field(default="", repr=False)
    contact_key: str = Field(default="", repr=False)
    quiet_seconds: float = Field(default=8, ge=0, allow_inf_nan=False)
    join_seconds: float = Field(default=300, ge=0, allow_inf_nan=False)
    undo_seconds: float = Field(default=20, ge=0, le=300, allow_inf_nan=False)
    totp_required: str = ""
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = Field(default=None, repr=False)
    oidc_trusts_second_step: Literal["on", "off"] = "off"
    auto_migrate: Literal["on", "off"] | None = None
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator(
        *("log_level", "sandbox", "auto_migrate", "log_format", "smtp_mode", "webhook_private"),
        "oidc_trusts_second_step",
        mode="before",
    )
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @cached_property
    def base_url(self) -> str:
        """PUBLIC_URL without a closing slash: what signatures and links are made with."""
        return (self.public_url or f"http://{self.http_listen}").rstrip("/")

    @cached_property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'reports.db'}"

    @property
    def is_sqlite(self) -> bool:
        return self.database.startswith("sqlite")

    @cached_property
    def media(self) -> str:
        return self.media_url or str(self.data_dir / "media")

    @property
    def migrates_itself(self) -> bool:
        return self.auto_migrate == "on" if self.auto_migrate else self.is_sqlite

    @cached_property
    def api_keys(self) -> tuple[ApiKey, ...]:
        return tuple(_api_key(entry) for entry in self.open311_api_keys.split(",") if entry.strip())

    @cached_property
    def media_hosts(self) -> tuple[str, ...]:
        """Where a media_url of OPEN311_MEDIA_HOSTS may lead: `photos.example.org`, or a whole `http://host:port`."""
        return tuple(host.strip().lower() for host in self.open311_media_hosts.split(",") if host.strip())

    @property
    def is_loopback(self) -> bool:
        return self.http_listen.is_loopback and is_loopback(urlsplit(self.base_url).hostname)

    @cached_property
    def totp_roles(self) -> frozenset[str]:
        """The roles whose officials need a second step to log in."""
        return frozenset(role.strip().lower() for role in self.totp_required.split(",") if role.strip())

    @property
    def has_oidc(self) -> bool:
        return bool(self.oidc_issuer and self.oidc_client_id and self.oidc_client_secret)

    @property
    def has_twilio(self) -> bool:
        return bool(self.twilio_account_sid and self.twilio_auth_token)

    @cached_property
    def content_sids(self) -> Mapping[str, str]:
        """TWILIO_CONTENT_SIDS by language; that of "" is for all languages that have none of their own."""
        entries = (entry.strip() for entry in (self.twilio_content_sids or "").split(","))
        return dict(_content_sid(entry) for entry in entries if entry)

    @property
    def has_x(self) -> bool:
        return bool(self.x_api_key and self.x_api_secret and self.x_access_token and self.x_access_secret)

    @property
    def sandbox_in_effect(self) -> bool:
        """Whether stand-ins take the place of providers (CONTRACT: SANDBOX)."""
        if self.sandbox == "auto":
            has_any = self.has_twilio or self.has_x or bool(self.telegram_token) or bool(self.smtp_relay)
            return not has_any and self.is_loopback
        return self.sandbox == "on"


def _api_key(entry: str) -> ApiKey:
    name, _, rest = entry.strip().partition(":")
    key, _, agency = rest.partition(":")
    if not name or not key:
        raise SettingsError("OPEN311_API_KEYS: each entry must be name:key or name:key:agency_id")
    return ApiKey(name=name, key=key, agency_id=agency or None)


def _content_sid(entry: str) -> tuple[str, str]:
    found = re.fullmatch(r"(?:([a-z]{2,3}) *[:=] *)?(HX\w+)", entry)
    if not found:
        raise SettingsError("TWILIO_CONTENT_SIDS: each entry must be language:HX…, or one HX… for all languages")
    return found[1] or "", found[2]


def read_settings(**overrides: object) -> Settings:
    """Read and check the settings. Raises SettingsError with one line that names what is wrong."""
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("; ".join(_one_line(e["loc"], e["msg"]) for e in error.errors())) from None
    except UnicodeDecodeError:
        raise SettingsError(".env cannot be read: it must be UTF-8") from None
    _check_pairs(settings)
    return settings


def _one_line(location: tuple[int | str, ...], message: str) -> str:
    return f"{str(location[0]).upper() if location else 'settings'}: {message.removeprefix('Value error, ')}"


def _is_url(text: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def is_safe_issuer(text: str) -> bool:
    """An address that secrets may be sent to: https, or this machine."""
    parts = urlsplit(text) if _is_url(text, "http", "https") else None
    is_plain = parts is not None and not (parts.query or parts.fragment or parts.username)
    return parts is not None and is_plain and (parts.scheme == "https" or is_loopback(parts.hostname))


def _is_tiles(text: str) -> bool:
    """A template of addresses whose host is fixed: the pages allow pictures from there and from nowhere else."""
    plain = _is_url(text, "http", "https") and re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", urlsplit(text).netloc)
    return bool(plain) and all(part in text for part in ("{z}", "{x}", "{y}"))


def _check_pairs(settings: Settings) -> None:
    _check_urls(settings)
    _check_listeners(settings)
    _ = settings.content_sids
    if len({each.key for each in settings.api_keys}) < len(settings.api_keys):
        raise SettingsError("OPEN311_API_KEYS: two entries have the same key")
    if settings.data_dir.exists() and not settings.data_dir.is_dir():
        raise SettingsError(f"DATA_DIR must be a folder: {settings.data_dir} is none")
    if unknown := settings.totp_roles - set(ROLES):
        raise SettingsError(
            f"TOTP_REQUIRED: there is no role {min(unknown)!r}; there are: {', '.join(sorted(ROLES))}"
        )
    if not settings.is_sqlite:
        for name in ("secret_key", "contact_key"):
            if not getattr(settings, name):
                raise SettingsError(
                    f"{name.upper()} is missing: with PostgreSQL all servers share it; "
                    'make one with: python -c "import secrets; print(secrets.token_urlsafe(32))"'
                )
    _check_together(settings, "twilio_account_sid", "twilio_auth_token", where="console.twilio.com")
    _check_together(
        settings, "x_api_key", "x_api_secret", "x_access_token", "x_access_secret", where="developer.x.com"
    )
    _check_together(
        settings, "oidc_issuer", "oidc_client_id", "oidc_client_secret", where="your identity provider's clients"
    )
    if settings.oidc_issuer and not is_safe_issuer(settings.oidc_issuer):
        raise SettingsError("OIDC_ISSUER must be https://…, without a question mark (http:// on loopback only)")
    _check_together(settings, "smtp_tls_cert", "smtp_tls_key", where="your certificate authority")
    if settings.has_twilio and not (settings.twilio_number or settings.twilio_whatsapp_number):
        raise SettingsError("TWILIO_NUMBER is missing: the number to answer from (console.twilio.com)")
    if settings.sandbox == "on" and not settings.is_loopback:
        raise SettingsError("SANDBOX=on is refused: HTTP_LISTEN and PUBLIC_URL must be loopback addresses")
    if settings.map_tiles_url and not _is_tiles(settings.map_tiles_url):
        raise SettingsError("MAP_TILES_URL must be https://host/…{z}…{x}…{y}… (or http://)")
    if not re.fullmatch(r"[^\s@<>\",;:()\[\]\\+]+@[^\s@<>\",;:()\\]+", settings.email_address):
        raise SettingsError("EMAIL_ADDRESS must be an address, such as lapor@jakarta.go.id")


def _check_urls(settings: Settings) -> None:
    """Addresses that nobody could be asked at are refused; none is repeated, it may hold a password."""
    if settings.public_url and not _is_url(settings.public_url, "http", "https"):
        raise SettingsError("PUBLIC_URL must begin with http:// or https://")
    if any(mark in settings.public_url for mark in "@?#"):  # all links and signatures begin with it
        raise SettingsError("PUBLIC_URL must be a plain address without user, ? or #: https://lapor.example.org")
    for name in ("telegram_api_url", "twilio_api_url", "x_api_url", "maps_link_url"):
        address = getattr(settings, name)
        if address and not _is_url(address, "http", "https"):
            raise SettingsError(f"{name.upper()} must be an address: http://host:port or https://host")
    if settings.smtp_relay and not _is_url(settings.smtp_relay, "smtp", "smtps"):
        raise SettingsError("SMTP_RELAY must be smtp://[user:pass@]host:port or smtps://...")
    if settings.redis_url and not (
        _is_url(settings.redis_url, "redis", "rediss") or settings.redis_url.startswith("unix://")
    ):
        raise SettingsError("REDIS_URL must be redis://[:password@]host:port/number, rediss://… or unix://…")
    if not settings.database.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise SettingsError("DATABASE_URL must begin with postgresql+psycopg:// (or sqlite:///)")
    if settings.database == "sqlite:///:memory:":
        raise SettingsError("DATABASE_URL must name a file: what is only in memory would be lost")


def _check_listeners(settings: Settings) -> None:
    names = ("http_listen", "ops_listen", "smtp_listen")
    for name, other in combinations(names, 2):
        first, second = getattr(settings, name), getattr(settings, other)
        if first == second and first.port:
            raise SettingsError(f"{other.upper()} is {second}, which {name.upper()} is already")


def _check_together(settings: Settings, *names: str, where: str) -> None:
    missing = [name.upper() for name in names if not getattr(settings, name)]
    if missing and len(missing) < len(names):
        raise SettingsError(f"{', '.join(missing)} is missing while its companions are set (see {where})")
