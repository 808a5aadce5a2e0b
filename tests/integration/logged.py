"""What is logged while something runs."""

import contextlib
import logging


class _Keeping(logging.Handler):
    def __init__(self):
        super().__init__()
        self.entries = []

    def emit(self, record):
        if isinstance(record.msg, dict):  # ours; libraries log texts
            self.entries.append(record.msg)


@contextlib.contextmanager
def logged():
    """The entries (dicts) that the product logs meanwhile."""
    handler = _Keeping()
    logging.getLogger().addHandler(handler)
    try:
        yield handler.entries
    finally:
        logging.getLogger().removeHandler(handler)
