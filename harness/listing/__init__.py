"""What there is before a run: definitions, plans, data."""
