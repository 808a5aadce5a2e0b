"""Asking Prometheus-compatible servers: one query, or many at once."""

from app.telemetry.prometheus.answers import Answer
from app.telemetry.prometheus.asking import Sessions, ask
from app.telemetry.prometheus.together import Asked, ask_all

__all__ = ["Answer", "Asked", "Sessions", "ask", "ask_all"]
