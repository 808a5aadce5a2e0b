"""Rules over series: definitions, windows, evaluation."""
