"""Stacked autoencoder recommender, step by step: the package beside the notebooks.

It reads in the order of the lessons; each file imports only from those above it (CONTRIBUTING.md).

    data, movielens, matrix                          files -> tables -> a sparse matrix of stars
    baseline, evaluation                             what is known without a network; protocols
    recipes, cells, heads, autoencoder, family       the network
    training, fold_in, model, plots                  how it learns, meets a new person, is saved

Two rooms hold the application: recommend (a person in, films out) and panel (what people touch).
"""

import os
from importlib import import_module

__version__ = "0.2.0"  # pyproject.toml reads it from here
# Threads that wait for one another should sleep, not spin: where another program keeps a core
# busy, spinning makes a training fifteen times slower. It must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Where each name is imported from, at first use: `--help` does not wait for torch.
_NAMES = {
    "errors": "SaelibError",
    "data": "Dataset Scale from_frame",
    "movielens": "load",
    "matrix": "People RatingMatrix encode_films encode_people split split_rows",
    "baseline": "BiasBaseline Ease",
    "evaluation": "evaluate",
    "recipes": "Config LADDER RECIPES",
    "heads": "masked_loss",
    "autoencoder": "StackedAutoencoder",
    "training": "build fit",
    "fold_in": "FoldIn",
    "model": "Model train",
    "plots": "Live",
    "recommend.profile": "Profile",
    "recommend.recommender": "Recommender",
    "recommend.session": "Session",
    "panel.sliders": "RatingSliders",
    "panel.widget": "RatingPanel",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name in _HOME:
        return getattr(import_module(f"saelib.{_HOME[name]}"), name)
    raise AttributeError(f"module 'saelib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
