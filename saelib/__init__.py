"""Stacked autoencoder recommender, step by step: the package beside the notebooks.

The way of the data is the way through the rooms; each imports only from those before it:

    data/       files -> tables -> a matrix of ratings, and what is known of people and films
    network/    the lessons' core: baseline, autoencoder, its loss, recipes, training
    model/      from networks to one file that answers two questions: will you see it, how will
                you like it?
    recommend/  a person in, films out, without widgets
    panel/      what people touch: sliders, the page, the terminal

Beside them: language (what people read, in English and Spanish), evaluation (protocols and
metrics), compare (the ladder and the family), plots, live (figures that follow sliders), checks,
and the command line.
"""

import os
from importlib import import_module

__version__ = "0.1.0"  # pyproject.toml reads it from here

# Threads that wait for one another should sleep, not spin: where another program keeps a core
# busy, spinning makes a training fifteen times slower. It must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Imported at first use, so that `python -m saelib --help` does not wait for torch.
_HOME = {
    "data.dataset": ("Dataset", "encode_demographics"),
    "data.releases": ("load",),
    "data.own": ("from_csv", "from_frame"),
    "data.scale": ("Scale",),
    "data.people": ("People",),
    "data.features": ("encode_person",),
    "data.matrix": ("RatingMatrix", "split_ratings", "split_users"),
    "network.baseline": ("BiasBaseline",),
    "network.heads": ("masked_loss",),
    "network.autoencoder": ("StackedAutoencoder",),
    "network.history": ("History",),
    "network.config": ("NetworkConfig", "Recipe"),
    "network.recipes": ("RECIPES",),
    "network.training": ("fit",),
    "model.bundle": ("Bundle",),
    "model.learn": ("train",),
    "recommend.profile": ("Profile",),
    "recommend.recommender": ("Recommender",),
    "recommend.session": ("Session",),
    "panel.widgets": ("RatingPanel",),
    "evaluation": ("evaluate",),
    "errors": ("CheckpointError", "DataError", "DownloadError", "ProfileError", "SaelibError"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
__all__ = sorted(_MODULE_OF)


def __getattr__(name: str):
    if name in _MODULE_OF:
        return getattr(import_module(f"saelib.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module 'saelib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
