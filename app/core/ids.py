"""Identifiers: sortable by the moment they were made, or slugs that people choose."""

import re

import uuid_utils

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")


def new_id() -> str:
    """A UUIDv7: 36 characters; a later one sorts after an earlier one, within a process strictly."""
    return str(uuid_utils.uuid7())


def is_slug(text: str) -> bool:
    """Whether `text` may be given as an id: lower-case letters, digits, `-`, `_`, at most 64 characters."""
    return _SLUG.fullmatch(text) is not None
