"""What there is: definitions, plans, data, runs."""
