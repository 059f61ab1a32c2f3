"""From records to verdicts: summaries, comparisons, effects, expectations."""
