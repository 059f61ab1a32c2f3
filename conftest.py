"""Let the tests and the benchmarks hold metrics against other figures (tests/held.py)."""

pytest_plugins = ["held"]
