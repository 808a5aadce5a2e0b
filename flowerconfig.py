"""Flower's configuration: loopback only, because its /metrics and /healthcheck answer without the password."""

from app.settings import load_settings

_settings = load_settings()
address = "127.0.0.1"
port = _settings.flower_port
basic_auth = [f"admin:{_settings.flower_password}"]
