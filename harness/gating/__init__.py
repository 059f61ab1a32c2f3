"""A gate: two environments in turns, and the decision on what may not ship."""
