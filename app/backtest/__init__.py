"""Back-tests: what a rule would have done with samples of the past, by the very functions that evaluate it live."""
