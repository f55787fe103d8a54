"""Stacked autoencoder recommender, step by step: the package beside the notebooks.

The way of the data, one module each: datasets (with layouts), preprocessing, model, training
(with storage and trained_model), evaluation, recommendation, widgets; plots and the command line
beside.
"""

import os
from importlib import import_module

__version__ = "0.1.0"  # pyproject.toml reads it from here

# Threads that wait for one another should sleep, not spin: where another program keeps a core
# busy, spinning makes a training fifteen times slower. It must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Imported at first use, so that `python -m saelib --help` does not wait for torch.
_HOME = {
    "MovieLens": "datasets",
    "load": "datasets",
    "BiasBaseline": "preprocessing",
    "RatingMatrix": "preprocessing",
    "encode_demographics": "features",
    "encode_person": "features",
    "split_ratings": "preprocessing",
    "split_users": "preprocessing",
    "StackedAutoencoder": "model",
    "History": "history",
    "RECIPES": "recipes",
    "Recipe": "recipes",
    "fit": "training",
    "masked_loss": "heads",
    "TrainedModel": "trained_model",
    "train": "learn",
    "evaluate": "evaluation",
    "Profile": "profile",
    "Recommender": "recommendation",
    "RatingPanel": "widgets",
    "Session": "session",
    "CheckpointError": "errors",
    "DataError": "errors",
    "DownloadError": "errors",
    "ProfileError": "errors",
    "SaelibError": "errors",
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name in _HOME:
        return getattr(import_module(f"saelib.{_HOME[name]}"), name)
    raise AttributeError(f"module 'saelib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
