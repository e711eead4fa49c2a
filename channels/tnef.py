"""Opens Outlook's winmail.dat: the files that it carries (MS-OXTNEF), and nothing else of it."""

from collections.abc import Iterator
from dataclasses import replace

from normalizer.schema import Attachment

_SIGNATURE = b"\x78\x9f\x3e\x22"
_HEAD, _KEY, _SUM = 9, 2, 2  # bytes: an attribute's level, id and length; the file's key; an attribute's checksum
_BEGINS, _TITLE, _CONTENT = 0x00069002, 0x00018010, 0x0006800F  # attAttachRendData, attAttachTitle, attAttachData


def files_in(content: bytes, limit: int) -> list[Attachment]:
    """The files in a winmail.dat, up to `limit`, also of one that was cut short; empty when it is none."""
    files: list[Attachment] = []
    for kind, value in _attributes(content):
        if kind >= _BEGINS and len(files) >= limit:  # millions of empty ones fit into a mail
            break
        if kind == _BEGINS:
            files.append(Attachment())
        elif files and kind == _TITLE:
            files[-1] = replace(files[-1], name=_name(value))
        elif files and kind == _CONTENT:
            files[-1] = replace(files[-1], content=value)
    return [each for each in files if each.content]


def _name(value: bytes) -> str:
    name = value.partition(b"\0")[0].decode("cp1252", "replace")
    return name.replace("/", "_").replace("\\", "_")[:150]


def _attributes(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Each attribute's id and value, one behind the other."""
    at = len(_SIGNATURE) + _KEY if content.startswith(_SIGNATURE) else len(content)
    while at + _HEAD <= len(content):
        kind = int.from_bytes(content[at + 1 : at + 5], "little")
        end = at + _HEAD + int.from_bytes(content[at + 5 : at + 9], "little")
        yield kind, content[at + _HEAD : end]
        at = end + _SUM
