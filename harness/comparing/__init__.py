"""Two runs side by side: cases matched, environments compared, the difference judged."""
