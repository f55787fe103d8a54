"""The one exception of the package."""


class SaelibError(Exception):
    """Something is wrong that whoever uses the package can put right.

    The message says what was wrong, what was expected and what to do. The command line and the
    panel show it as it is, without a traceback.
    """
