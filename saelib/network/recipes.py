"""The recipes: what was chosen for each model, by name."""

from __future__ import annotations

from dataclasses import replace

from saelib.errors import SaelibError
from saelib.network.config import NetworkConfig, Recipe

# The ladder: the rungs from the network of the lessons, as the original work trained it, to
# `default`; each changes one thing of the rung before. Its idea, and the change.
LADDER: dict[str, tuple[str, dict]] = {
    "plain": ("stars in, stars out, through 128, 64 and 128 units, ReLU to the end", {}),
    "residuals": (
        "what the bias baseline leaves, in and out",
        {"inputs": "residuals"},
    ),
    "one-layer": ("one layer of 500 in place of 128, 64 and 128", {"hidden": (500,)}),
    "tanh": ("tanh in place of ReLU", {"activation": "tanh"}),
    "short": ("20 epochs in place of 70", {"epochs": 20}),
    "one-cycle": ("a learning rate that rises and falls", {"one_cycle": True}),
    "mask": ("the network is told which films are rated at all", {"inputs": "residuals+mask"}),
    "decay": ("strong weight decay", {"weight_decay": 3.5}),
    "ordered": ("stars as ordered categories", {"head": "ordered"}),
    "hide": (
        "up to 90 % of the ratings hidden from the encoder",
        {"input_dropout": (0.0, 0.9)},
    ),
    "raters": ("the decoder is told who rated a film", {"raters": 1.0}),
    "genres": ("and its genres and decade", {"facts": 0.5}),
    "informed": ("the encoder is told who the person is", {"demographics": 0.5}),
    "films": ("films as rows, people folded in", {"rows": "films"}),
    "hide-less": ("up to 50 % of a film's ratings hidden", {"input_dropout": (0.0, 0.5)}),
    "tell-less": ("who people are counts less", {"demographics": 0.2}),
    "genres-more": ("genres and decade count more", {"facts": 1.0}),
    "cautious": ("more caution where ratings are few", {"caution": 0.25}),
    "default": ("1,000 wide in place of 500", {"hidden": (1000,)}),
}


def _climb() -> dict[str, NetworkConfig]:
    config = NetworkConfig(
        hidden=(128, 64), inputs="stars", activation="relu", one_cycle=False, epochs=70
    )
    rungs = {}
    for name, (_, change) in LADDER.items():
        rungs[name] = config = replace(config, **change)
    return rungs


RUNGS = _climb()
PLAIN, PEOPLE, FILMS = RUNGS["plain"], RUNGS["informed"], RUNGS["default"]

# The family: one network over people, and in each member another remedy against overfitting.
# What it is, and what it changes of `bare`; each strength was chosen by tests/benchmarks/choose.py.
BARE = NetworkConfig(head="ordered", dropout=0.0)
FAMILY: dict[str, tuple[str, dict]] = {
    "bare": ("500 units, and nothing against overfitting but an early end", {"epochs": 4}),
    "weight-decay": ("weights that shrink with every step", {"weight_decay": 8.0}),
    "linear": ("no activation", {"activation": "linear", "epochs": 5}),
    "denoising": (
        "ratings are hidden, and asked for",
        {"input_dropout": (0.2, 0.2), "epochs": 5},
    ),
    "stacked": (
        "denoising, and two layers, each trained by itself first",
        {
            "input_dropout": (0.2, 0.2),
            "hidden": (500, 250),
            "layer_epochs": 2,
            "inner_rate": 0.01,
            "epochs": 5,
        },
    ),
    "sparse": (
        "every unit is to speak rarely",
        {"member": "sparse", "activation": "sigmoid", "penalty": 1e-4},
    ),
    "k-sparse": (
        "only the loudest units speak",
        {"member": "k-sparse", "activation": "linear", "k": 50, "epochs": 5},
    ),
    "contractive": (
        "a code that hardly moves when its inputs do",
        {"member": "contractive", "penalty": 1e-4, "epochs": 5},
    ),
    "variational": (
        "a code that is a distribution",
        {"member": "variational", "hidden": (500, 100), "penalty": 0.2, "epochs": 5},
    ),
}

# Which films, not how many stars: the multinomial denoising autoencoder of Liang et al. 2018.
CHOICE = NetworkConfig(
    hidden=(600,), inputs="mask", head="multinomial", input_dropout=(0.0, 0.7), weight_decay=0.3
)
# The same with a code that is a distribution, as they recommend it.
CHOICE_VARIATIONAL = NetworkConfig(
    member="variational",
    hidden=(600, 200),
    inputs="mask",
    head="multinomial",
    dropout=0.0,
    input_dropout=(0.5, 0.5),
    penalty=1.0,
)

# What they are, those that only say which films are seen.
CHOOSING = {
    "choice": "denoising, a softmax over all films",
    "choice-variational": "the same, with a code that is a distribution",
    "edlae": "linear and without a hidden layer, in closed form",
    "elsa": "the same through 128 numbers a film",
}

RECIPES: dict[str, Recipe] = {
    **{name: Recipe((config,)) for name, config in RUNGS.items()},
    "both": Recipe((PEOPLE, FILMS)),
    # For tens of millions of ratings: the rung before the last, half as wide, in half the memory.
    "large": Recipe((RUNGS["cautious"],)),
    **{name: Recipe((replace(BARE, **change),)) for name, (_, change) in FAMILY.items()},
    "choice": Recipe((CHOICE,)),
    "choice-variational": Recipe((CHOICE_VARIATIONAL,)),
    "edlae": Recipe((), ease_dropout=0.33, tempering=0.0),
    "elsa": Recipe((), seeing="elsa"),
}


def find_recipe(name: str, epochs: int | None = None, *, stars: bool = False) -> Recipe:
    """The recipe of that name, with another number of epochs if given.

    stars: whether it must predict stars. Raises SaelibError.
    """
    if name not in RECIPES:
        raise SaelibError(f"Unknown recipe {name!r}; choose one of {', '.join(RECIPES)}.")
    recipe = RECIPES[name]
    if stars and not recipe.predicts_stars:
        raise SaelibError(
            f"The recipe {name!r} predicts no stars, only which films are seen; it can only be "
            "measured: evaluate --protocol ranking."
        )
    return recipe if epochs is None else recipe.with_epochs(epochs)
