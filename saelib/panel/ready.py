"""What every visitor's kernel needs, imported once: the libraries, the panel, and the model.

Kernels are forked from a process that has imported this module (see kernels.py), so they share
its memory.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path

import ipykernel.ipkernel
import ipykernel.kernelapp
import ipykernel.zmqshell  # noqa: F401
import ipywidgets

from saelib.language import ENGLISH
from saelib.panel.kernels import LANGUAGE, MODEL
from saelib.panel.widgets import RatingPanel
from saelib.recommend.recommender import Recommender

recommender = Recommender.load(Path(os.environ[MODEL]))

# Nothing here becomes garbage; a look whether it did would write to the memory that is shared.
gc.collect()
gc.freeze()


def panel() -> RatingPanel:
    """A new visitor's panel, in their language."""
    # What importing ipywidgets does where a kernel is there already: pages ask for all widgets.
    ipywidgets.register_comm_target()
    return RatingPanel(recommender, language=os.environ.get(LANGUAGE, ENGLISH))
