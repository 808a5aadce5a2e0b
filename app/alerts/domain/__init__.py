"""Pure: what an alert is, how its state may change, and what a report of a source does to it."""
