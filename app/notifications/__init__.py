"""Messages, delivery rows (the outbox) and the retry policy."""
