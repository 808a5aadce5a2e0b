"""Data sources: Prometheus-compatible servers that rules ask."""
