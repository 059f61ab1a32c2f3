"""From summaries and verdicts to text, CSV, JSON, data frames."""
