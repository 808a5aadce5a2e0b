"""Heartbeats: dead-man switches, which open an alert when nothing comes."""
