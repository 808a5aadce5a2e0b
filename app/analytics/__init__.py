"""Read-only reports on the system itself."""
