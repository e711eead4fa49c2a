"""`python -m bench.city [SEED]`: ninety days of a city on a fake clock, and what became of it; ten minutes."""

import argparse
import gc
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from bench.city.figures import lines_of
from bench.city.plan import A_DAY, FLOOD, Citizens
from bench.city.shams import FILES, sham_lines
from bench.city.town import beside, open_town, play


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.city", description=__doc__)
    parser.add_argument("seed", nargs="?", type=int, default=1)
    parser.add_argument("--a-day", type=int, default=A_DAY)
    parser.add_argument("--flood", type=int, default=FLOOD)
    parser.add_argument("--files", type=int, default=FILES, help="after-photos that are brought")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, beside() as aside:
        shams = aside.apply_async(sham_lines, (options.seed, options.files))
        town = open_town(Path(folder), options.seed)
        tellings = list(Citizens(town.house.pack, Random(options.seed), options.a_day, options.flood))
        gc.freeze()
        gc.disable()  # play() does it once a day
        print(f"seed {options.seed}: {len(tellings)} messages that tell a problem", file=sys.stderr)
        play(town, tellings, town.house.pack.path)
        took, cpu = time.monotonic() - began, time.process_time()
        print(f"played in {took:.0f} s, {cpu:.0f} s of them a core's", flush=True)
        for line in (*lines_of(town), *shams.get()):
            print(line, flush=True)
    print(f"all in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
