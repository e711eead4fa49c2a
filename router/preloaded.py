"""Imported once by the server that readers are forked from, so that a new one begins with everything loaded."""

import gc
from contextlib import suppress

from config.logs import start_log
from config.settings import read_settings
from router import clerk  # noqa: F401
from router.reading import pack_at

gc.disable()  # nothing that is loaded here is ever garbage
with suppress(Exception):  # a reader that finds nothing loaded loads it itself
    start_log(read_settings())
    pack_at(read_settings().city)
gc.freeze()
gc.enable()
