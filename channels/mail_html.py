"""Reads an HTML mail as its reader sees it: the words, a line for each block, and where its links to maps lead."""

import html
import re
from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from html.parser import HTMLParser

from normalizer.public_words import MAPS
from normalizer.schema import Attachment

_MAP_LINK = re.compile(rf"https?://(?:www\.)?(?:{MAPS})\b", re.IGNORECASE)
_PICTURE = re.compile(r"data:(image/[a-z.+-]{1,20});base64,([A-Za-z0-9+/\s]{100,}={0,2})", re.IGNORECASE)

UNCLOSED = 500  # tags without an end: the parser's time grows with their square


class _Words(HTMLParser):
    """Collects what a reader of an HTML mail sees, a line for each block; quoted mail behind ">"."""

    BLOCKS = frozenset([
        "p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "dl", "dt", "dd",
        "hr", "blockquote", "pre", "section", "article", "header", "footer", "address", "center", "option",
    ])  # fmt: skip
    CELLS = frozenset({"td", "th"})
    # of a head only what has words: its end may be left out
    HIDDEN = frozenset({"script", "style", "title", "template"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._hidden = 0
        self._quotes: list[bool] = []  # the open blockquotes: whether each is in a mail that is answered
        self._map = ""  # where the open link leads to

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in self.HIDDEN
        if tag == "blockquote":
            self._quotes.append(self._is_quoted() or _is_quoted_mail(dict(attrs)))
        if tag == "a":
            self._map = _map_of(dict(attrs))
        self._part(tag)

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(self._hidden - (tag in self.HIDDEN), 0)
        if tag == "blockquote" and self._quotes:
            self._quotes.pop()
        if tag == "a" and self._map:
            self.words.append(f" {self._map} ")
            self._map = ""
        self._part(tag)

    def _part(self, tag: str) -> None:
        if tag in self.BLOCKS:
            self.words.append("\n> " if self._is_quoted() else "\n")
        elif tag in self.CELLS:
            self.words.append(" ")

    def _is_quoted(self) -> bool:
        return bool(self._quotes) and self._quotes[-1]

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        self.words.append(re.sub(r"\s+", " ", data))
        if self._map and self._map in data:  # it can be read already
            self._map = ""


def _is_quoted_mail(said: Mapping[str, str | None]) -> bool:
    """How mail programs mark what they answer; a blockquote without is an indented paragraph."""
    return said.get("type") == "cite" or "quote" in (said.get("class") or "")


def _map_of(said: Mapping[str, str | None]) -> str:
    """The address of a link to a map: a place that its words ("my location") do not tell."""
    address = (said.get("href") or "").strip()
    return address if _MAP_LINK.match(address) else ""


def pictures_within(source: str, limit: int) -> tuple[str, list[Attachment]]:
    """The mail without the pictures that were pasted into its very text, and these (RFC 2397), up to `limit`."""
    found: list[Attachment] = []
    if "base64," not in source:
        return source, found
    for match in _PICTURE.finditer(source):
        if len(found) >= limit:
            break
        if "svg" in match[1].lower():  # drawn, not photographed
            continue
        try:
            found.append(Attachment(content_type=match[1].lower(), content=b64decode(match[2])))
        except Error:  # cut short: not a picture
            continue
    return _PICTURE.sub("", source), found


def html_text(source: str) -> str:
    """The visible words of an HTML mail."""
    if source.count("<") > source.count(">") + UNCLOSED:
        return _without_tags(source)
    reader = _Words()
    try:
        reader.feed(source)
        reader.close()
    except Exception:
        return _without_tags(source)
    lines = (" ".join(line.split()) for line in "".join(reader.words).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _without_tags(source: str) -> str:
    return html.unescape(re.sub(r"<[^<>]*>?", " ", source)).strip()
