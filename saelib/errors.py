"""The one exception of the package."""


class SaelibError(Exception):
    """What whoever uses the package can put right: what was wrong, what to do; no traceback."""
