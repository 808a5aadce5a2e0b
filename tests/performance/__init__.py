"""Benchmarks: figures of the real system, printed and never asserted."""
