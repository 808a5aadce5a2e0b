"""Alerts: identity, lifecycle, merge, history."""
