"""Postal codes: "Jakarta Selatan 12730", "kode pos 13220". Each is of one kelurahan or of a few."""

from collections.abc import Sequence

from normalizer.gazetteer import Gazetteer
from normalizer.mentions import Mention
from normalizer.tokens import places_of
from normalizer.wordlists import words as word_list

_BEFORE = word_list("before_a_postal_code")


def postal_codes_in(folded: Sequence[str], names: Gazetteer, mentions: Sequence[Mention]) -> tuple[str, ...]:
    """Give the kelurahan of the first postal code; a number is one behind "kode pos" or a name of a place only."""
    for place in places_of(folded, names.postal_codes.keys()):
        is_led = place > 0 and folded[place - 1] in _BEFORE
        if is_led or any(mention.last == place and mention.weight for mention in mentions):
            return names.postal_codes[folded[place]]
    return ()
