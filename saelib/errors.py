"""The one exception of the package."""


class SaelibError(Exception):
    """What a user can put right: it says what was wrong and what to do, and shows no traceback."""
