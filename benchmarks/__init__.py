"""Benchmarks of the harness itself, and a command that kills its processes (`kill`)."""
