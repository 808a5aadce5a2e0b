"""Shapes of rules: the definition, which needs no store, and what is shown of it."""
