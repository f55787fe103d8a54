"""The few exceptions of the package.

Each message says what was wrong, what was expected and what to do; the command line and the
widgets show it as it is, without a traceback.
"""


class SaelibError(Exception):
    """Base of all errors that a user of the package can cause and mend."""


class DataError(SaelibError):
    """A data set's files are missing, damaged, or not in the layout of their release."""


class DownloadError(DataError):
    """A data set could not be obtained; the message lists everything that was tried."""


class CheckpointError(SaelibError):
    """A model file cannot be read or written, or does not fit what it is used for."""


class ProfileError(SaelibError):
    """A person's ratings or demographics are not what the model knows."""
