"""The recipes, by name: what is chosen before a network is trained."""

from dataclasses import dataclass, replace
from typing import Self

from saelib.errors import SaelibError


@dataclass(frozen=True)
class Config:
    """What is chosen before a network is trained; by default `plain`, that of the lessons."""

    rows: str = "people"  # what a row of the matrix is: 'people' or 'films'
    hidden: tuple[int, ...] = (128, 64)  # the encoder's layers; the decoder runs through them back
    inputs: str = "stars"  # read of a row: 'stars', 'residuals' or 'residuals+mask' (what is rated)
    activation: str = "relu"  # relu, tanh, sigmoid or linear
    head: str = "squared"  # a score is a number of stars, or 'ordered': a distribution over them
    member: str = "plain"  # of the autoencoder family, see family.py
    dropout: float = 0.5  # share of the code that is set to 0 in a training step
    hide: tuple[float, float] = (0.0, 0.0)  # U(low, high) of a row's ratings are hidden in a step
    decay: float = 0.0  # weight decay of the matrices (AdamW)
    learning_rate: float = 1e-3  # the highest one of the cycle
    one_cycle: bool = False  # it rises for a tenth of the steps, then falls to 0
    n_batches: int = 60  # an epoch's
    epochs: int = 70  # how often all rows are read
    shrinkage: float = 5.0  # of the biases, see `BiasBaseline`
    # Weights: what is known beside ratings: of a row the encoder is told, of a column the decoder.
    demographics: float = 0.0  # who a person is
    facts: float = 0.0  # a film's genres and decade
    raters: float = 0.0  # who rated what, see `fingerprints`
    caution: float = 0.0  # how much more is shrunk where ratings are few, see `for_ratings`

    def for_ratings(self, n: int) -> Self:
        """The settings for n ratings; those above are written for a million."""
        factor = (1e6 / n) ** self.caution
        more = {key: getattr(self, key) * factor for key in ("decay", "shrinkage", "facts")}
        return replace(self, **more, raters=self.raters / factor, caution=0.0)


# The ladder: each rung changes one thing of the one before. Its idea, and the change.
LADDER: dict[str, tuple[str, dict]] = {
    "plain": ("stars in, stars out, through 128, 64 and 128 units, ReLU to the end", {}),
    "residuals": ("what the bias baseline leaves, in and out", {"inputs": "residuals"}),
    "one-layer": ("one layer of 500 in place of 128, 64 and 128", {"hidden": (500,)}),
    "tanh": ("tanh in place of ReLU", {"activation": "tanh"}),
    "short": ("20 epochs in place of 70", {"epochs": 20}),
    "one-cycle": ("a learning rate that rises and falls", {"one_cycle": True}),
    "mask": ("the network is told which films are rated at all", {"inputs": "residuals+mask"}),
    "decay": ("strong weight decay", {"decay": 3.5}),
    "ordered": ("stars as ordered categories", {"head": "ordered"}),
    "hide": ("up to 90 % of the ratings hidden from the encoder", {"hide": (0.0, 0.9)}),
    "raters": ("the decoder is told who rated a film", {"raters": 1.0}),
    "genres": ("and its genres and decade", {"facts": 0.5}),
    "informed": ("the encoder is told who the person is", {"demographics": 0.5}),
    "films": ("films as rows, people folded in", {"rows": "films"}),
    "hide-less": ("up to 50 % of a film's ratings hidden", {"hide": (0.0, 0.5)}),
    "tell-less": ("who people are counts less", {"demographics": 0.2}),
    "genres-more": ("genres and decade count more", {"facts": 1.0}),
    "cautious": ("more caution where ratings are few", {"caution": 0.25}),
    "default": ("1,000 wide in place of 500", {"hidden": (1000,)}),
}

# The family: the rung `mask` with ordered stars and without dropout. In each member another remedy
# against overfitting: what it is, and the change.
FAMILY: dict[str, tuple[str, dict]] = {
    "bare": ("nothing but an early end", {"epochs": 4}),
    "weight-decay": ("weights that shrink with every step", {"decay": 8.0}),
    "linear": ("no activation", {"activation": "linear", "epochs": 5}),
    "denoising": ("ratings are hidden, and asked for", {"hide": (0.2, 0.2), "epochs": 5}),
    "sparse": ("every unit is to speak rarely", {"member": "sparse", "activation": "sigmoid"}),
    "k-sparse": ("few units speak", {"member": "k-sparse", "activation": "linear", "epochs": 5}),
    "contractive": ("a code that hardly moves", {"member": "contractive", "epochs": 5}),
    "variational": ("a random code", {"member": "variational", "hidden": (500, 100), "epochs": 5}),
}

RECIPES: dict[str, Config] = {}
_rung = Config()
for _name, (_idea, _change) in LADDER.items():
    RECIPES[_name] = _rung = replace(_rung, **_change)
for _name, (_idea, _change) in FAMILY.items():
    RECIPES[_name] = replace(RECIPES["mask"], head="ordered", dropout=0.0, **_change)
RECIPES["large"] = RECIPES["cautious"]  # for tens of millions of ratings, in half the memory

# Names that stand for several recipes.
GROUPS = {"ladder": list(LADDER), "family": ["plain", *FAMILY, "default"]}


def find(name: str, epochs: int | None = None) -> Config:
    """The recipe of that name, with another number of epochs if given. Raises SaelibError."""
    if name not in RECIPES:
        raise SaelibError(f"Unknown recipe {name!r}; choose one of {', '.join(RECIPES)}.")
    return RECIPES[name] if epochs is None else replace(RECIPES[name], epochs=epochs)
