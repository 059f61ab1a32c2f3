"""The machine under the command: memory and its limits, processes, load, streams, versions."""
