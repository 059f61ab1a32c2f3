"""The command line: parses, calls, prints."""

from harness.cli.main import main

__all__ = ["main"]
