"""A module that takes long to import, as it would be; each import is noted."""

import os
from pathlib import Path

if os.environ.get("BENCH_TESTS_FOLDER"):
    with Path(os.environ["BENCH_TESTS_FOLDER"], "imported").open("a") as file:
        file.write(f"{os.getpid()}\n")
