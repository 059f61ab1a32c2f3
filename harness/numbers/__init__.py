"""What a number means, and what numbers allow to say; no run, no file, no table."""
