"""Readings in a trial: clocks, memory of the process and of its parts, devices."""
