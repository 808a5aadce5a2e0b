"""Telemetry in: every source becomes a series in the window store."""
