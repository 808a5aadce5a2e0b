"""Celery workers: thin tasks over the pipeline."""
