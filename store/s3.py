"""Photos and raw messages on S3, or on whatever else speaks its API (AWS_ENDPOINT_URL)."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from config.settings import SettingsError
from store.media import Parts, is_all, key_of, part_keys, parts_of, place_of, split_key

Answer = TypeVar("Answer")

GONE = {"404", "NoSuchKey", "NotFound"}
PATIENCE = Config(
    connect_timeout=5,  # seconds
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 3},
    # The checksums that newer clients add by themselves are not known to every server that speaks S3.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """Media in a bucket, laid out as in a folder: `aws s3 sync` moves one into the other.

    Every method raises OSError when S3 does not answer, or refuses.
    """

    client: Any
    name: str
    prefix: str

    def put(self, content: bytes) -> str:
        key = key_of(content)
        if not self._has(key, len(content)):
            _asked(lambda: self.client.put_object(**self._at(key), Body=content))
        return key

    def put_many(self, contents: Sequence[bytes]) -> list[str]:
        return part_keys(self.put(b"".join(contents)), contents) if contents else []

    def get(self, key: str) -> bytes:
        name, part = split_key(key)
        asked = self._at(name)
        if part is not None:
            start, length = part
            if not length:
                return b""  # HTTP has no range of nothing
            asked["Range"] = f"bytes={start}-{start + length - 1}"
        try:
            content = _asked(lambda: bytes(self.client.get_object(**asked)["Body"].read()))
        except FileNotFoundError:
            raise KeyError(key) from None
        if part is not None and len(content) != part[1]:  # a server that knows no ranges gives everybody's
            raise OSError("S3 gives something else than was asked for")
        return content

    def delete(self, key: str) -> None:
        _asked(lambda: self.client.delete_object(**self._at(key)))

    def blank(self, *keys: str) -> None:
        for name, parts in parts_of(keys).items():
            with suppress(KeyError):
                self._blank(name, bytearray(self.get(name)), parts)

    def _blank(self, name: str, whole: bytearray, parts: Parts) -> None:
        if is_all(parts, len(whole)):
            self.delete(name)
            return
        for start, length in parts:
            whole[start : start + length] = bytes(length)
        _asked(lambda: self.client.put_object(**self._at(name), Body=bytes(whole)))

    def _has(self, key: str, size: int) -> bool:
        """Whether it is there, whole: who stands between us and S3 may answer for it, too."""
        try:
            return bool(_asked(lambda: self.client.head_object(**self._at(key)))["ContentLength"] == size)
        except (FileNotFoundError, LookupError):
            return False

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self.name, "Key": self.prefix + place_of(key)}


def open_bucket(url: str) -> Bucket:
    """The bucket that s3://bucket/prefix names, with credentials, region and address from AWS_*.

    Nothing is asked of it yet. Raises SettingsError.
    """
    parts = urlsplit(url)
    if not parts.netloc:
        raise SettingsError("MEDIA_URL: s3:// needs a bucket's name: s3://bucket/prefix")
    prefix = parts.path.strip("/")
    try:
        client = boto3.client("s3", config=PATIENCE)
    except (BotoCoreError, ValueError) as error:
        raise SettingsError(f"MEDIA_URL: {error}") from None
    return Bucket(client=client, name=parts.netloc, prefix=f"{prefix}/" if prefix else "")


def _asked(ask: Callable[[], Answer]) -> Answer:
    """Ask S3. Raises FileNotFoundError for what is not there, OSError for every other failure."""
    try:
        return ask()
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in GONE:
            raise FileNotFoundError(code) from None
        raise OSError(f"S3 refuses: {code or 'without a reason'}") from error
    except BotoCoreError as error:
        raise OSError(f"S3 does not answer: {type(error).__name__}") from error
