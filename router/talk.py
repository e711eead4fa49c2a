"""The words of talk.toml: what people say to us besides telling a problem."""

import tomllib
from pathlib import Path

TALK = tomllib.loads(Path(__file__).with_name("talk.toml").read_text(encoding="utf-8"))


def talk_words(name: str) -> frozenset[str]:
    return frozenset(TALK["words"][name].split())


COMMON = talk_words("common")  # words that say nothing of where or what
COURTESY = talk_words("courtesy")
