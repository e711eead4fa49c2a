"""`python -m bench.unlimited serve|work`: run_bots.py, its own limits on sends (router/limits.py) lifted."""

import sys

import run_bots
from router import limits

if __name__ == "__main__":
    limits.CHANNEL_RATES.clear()
    limits.PERSON_RATES.clear()
    sys.exit(run_bots.main(sys.argv[1:]))
