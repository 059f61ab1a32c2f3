"""The parent's side of running: trials are sent, records come back and are kept."""
