"""What is kept: plans, trials, records, and the runs they lie in."""
