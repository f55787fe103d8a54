"""The recipes: everything that is chosen before a model is trained, by name."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from saelib.errors import SaelibError

ROWS = ("people", "films")
INPUTS = ("stars", "residuals", "residuals+mask", "mask")
ACTIVATIONS = ("relu", "tanh")
HEADS = ("squared", "ordered", "multinomial")
# The members of the autoencoder family: module and class of each.
MEMBERS = {"stacked": ("saelib.network.autoencoder", "StackedAutoencoder")}


@dataclass(frozen=True)
class NetworkConfig:
    """Everything that is chosen before a network is trained: what it is and how it learns.

    member: of the autoencoder family, a key of MEMBERS.
    rows: whether a row is one of the 'people' or of the 'films'; the columns are the others.
    hidden: sizes of the encoder's layers, the last is the latent code; the decoder runs through
    them backwards.
    inputs: what the encoder reads of a row.
      'stars'           the stars, 0 where nothing is rated (then the last layer has an activation)
      'residuals'       what is left of each rating after the bias baseline
      'residuals+mask'  and beside it which columns are rated at all: so 'not rated' and 'rated as
                        expected' look different
      'mask'            only that
    All but the stars are scaled by 3 / sqrt(number of ratings), so that long and short rows drive
    the network alike. With residuals, the output is a correction of the baseline.
    activation: 'relu' or 'tanh'. dropout: on the latent code.
    head: what the scores of the last layer mean: 'squared', 'ordered' or 'multinomial', see
    `heads`.
    demographics, facts, raters: how strongly the network is told who a person is, what genres and
    decade a film has, and who rated what (see `Fingerprints`); 0 is not at all. Of a row, the
    encoder is told; of a column, the decoder.
    input_dropout: the share of a row's ratings that the encoder does not see in a training step,
    drawn anew from U(low, high); they still count in the loss. weight_decay: decoupled (AdamW),
    so a step shrinks the weights, but not the biases, by learning_rate * weight_decay.
    one_cycle: the learning rate rises for a tenth of the steps, then falls to 0; otherwise it is
    constant. n_batches: mini-batches an epoch; as a share of the rows, the size of a batch
    carries over from small to large data sets (no batch has more than training.MAX_BATCH rows).
    shrinkage: of the bias baseline (see `BiasBaseline`). caution: see `for_ratings`.

    Where rows are films, people are folded in (see `FoldIn`). rank: directions in which people
    differ that are kept. spread: the trained vectors, held back by weight decay, vary less than
    people do; bias_spread: so do their biases, held back by shrinkage. doubt: ratings after which
    a new person's fingerprint is half trusted.

    Raises SaelibError for a setting that does not exist or does not go with another.
    """

    member: str = "stacked"
    rows: str = "people"
    hidden: tuple[int, ...] = (500,)
    inputs: str = "residuals+mask"
    activation: str = "tanh"
    dropout: float = 0.5
    head: str = "squared"
    demographics: float = 0.0
    facts: float = 0.0
    raters: float = 0.0
    input_dropout: tuple[float, float] = (0.0, 0.0)
    weight_decay: float = 0.0
    learning_rate: float = 1e-3
    one_cycle: bool = True
    n_batches: int = 60
    epochs: int = 20
    shrinkage: float = 5.0
    caution: float = 0.0
    rank: int = 200
    spread: float = 1.4
    bias_spread: float = 1.1
    doubt: float = 20.0

    def __post_init__(self):
        object.__setattr__(self, "hidden", tuple(self.hidden))
        object.__setattr__(self, "input_dropout", tuple(self.input_dropout))
        for name, valid in (
            ("member", tuple(MEMBERS)),
            ("rows", ROWS),
            ("inputs", INPUTS),
            ("activation", ACTIVATIONS),
            ("head", HEADS),
        ):
            if getattr(self, name) not in valid:
                raise SaelibError(
                    f"{name} {getattr(self, name)!r} does not exist; expected one of "
                    f"{', '.join(valid)}."
                )
        for name in ("hidden", "n_batches", "epochs", "rank"):
            value = getattr(self, name)
            whole = value if name == "hidden" else (value,)
            if not whole or not all(isinstance(n, int) and n >= 1 for n in whole):
                raise SaelibError(
                    f"{value} is not a number of {name}; expected whole numbers of at least 1."
                )
        for name in ("demographics", "facts", "raters", "weight_decay", "shrinkage", "caution"):
            _check_number(name, getattr(self, name), at_least=0)
        for name in ("learning_rate", "spread", "bias_spread", "doubt"):
            _check_number(name, getattr(self, name), above=0)
        for share in (self.dropout, *self.input_dropout):
            _check_number("dropout and input_dropout", share, at_least=0, below=1)
        if len(self.input_dropout) != 2 or self.input_dropout[0] > self.input_dropout[1]:
            raise SaelibError(f"input_dropout {self.input_dropout} is not (low, high).")
        if self.rows == "films" and not (self.head == "ordered" and "residuals" in self.inputs):
            raise SaelibError(
                "Where rows are films, people are folded in by ordered stars and biases: expected "
                f"head 'ordered' and inputs with residuals; got {self.head!r}, {self.inputs!r}."
            )
        if (self.head == "multinomial") != (self.inputs == "mask"):
            raise SaelibError(
                "The head 'multinomial' goes with the inputs 'mask', and only with them; got "
                f"{self.head!r} and {self.inputs!r}."
            )

    def for_ratings(self, n: int) -> NetworkConfig:
        """The settings for n ratings to learn from: they are written for a million of them.

        What few ratings say is believed less, and what is known besides more: decay, facts and
        shrinkage are multiplied by (10^6 / n)^caution, and raters are divided by it.
        """
        factor = (1e6 / max(n, 1)) ** self.caution
        return replace(
            self,
            weight_decay=self.weight_decay * factor,
            facts=self.facts * factor,
            raters=self.raters / factor,
            shrinkage=self.shrinkage * factor,
            caution=0.0,
        )


@dataclass(frozen=True)
class Recipe:
    """A model: one network, or several whose predictions are averaged; and its list.

    networks: how will you like it? ridge, ease_dropout, tempering: of the linear autoencoder that
    answers, will you see it? (see `Ease`) liking_weight: what liking weighs in the list, beside
    seeing (see `ListOrder`).
    """

    networks: tuple[NetworkConfig, ...]
    ridge: float = 500.0
    ease_dropout: float = 0.5
    tempering: float = 0.5
    liking_weight: float = 0.7

    def __post_init__(self):
        _check_number("ridge", self.ridge, above=0)
        _check_number("ease_dropout", self.ease_dropout, at_least=0, below=1)
        for name in ("tempering", "liking_weight"):
            _check_number(name, getattr(self, name), at_least=0)

    @property
    def predicts_stars(self) -> bool:
        """Whether its networks say how somebody likes a film, not only which ones they see."""
        return all(network.head != "multinomial" for network in self.networks)

    def with_epochs(self, epochs: int) -> Recipe:
        """The same with another number of epochs. Raises SaelibError."""
        networks = tuple(replace(network, epochs=epochs) for network in self.networks)
        return replace(self, networks=networks)


def _check_number(
    name: str,
    value: float,
    *,
    at_least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> None:
    if not (math.isfinite(value) and at_least <= value < below and value > above):
        limits = (("of at least", at_least), ("above", above), ("below", below))
        wanted = " and ".join(f"{word} {n:g}" for word, n in limits if math.isfinite(n))
        raise SaelibError(f"{name} is {value}; expected a number {wanted}.")


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
    "denoising": (
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

# Which films, not how many stars: the multinomial denoising autoencoder of Liang et al. 2018.
CHOICE = NetworkConfig(
    hidden=(600,), inputs="mask", head="multinomial", input_dropout=(0.0, 0.7), weight_decay=0.3
)

RECIPES: dict[str, Recipe] = {
    **{name: Recipe((config,)) for name, config in RUNGS.items()},
    "both": Recipe((PEOPLE, FILMS)),
    "choice": Recipe((CHOICE,)),
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
