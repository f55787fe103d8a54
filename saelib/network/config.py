"""Everything that is chosen before a model is trained: of a network, and of a whole model."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from saelib.errors import SaelibError

ROWS = ("people", "films")
INPUTS = ("stars", "residuals", "residuals+mask", "mask")
ACTIVATIONS = ("relu", "tanh", "sigmoid", "linear")
HEADS = ("squared", "ordered", "multinomial")
SEEING = ("ease", "elsa")
DEVICES = ("auto", "cpu", "cuda", "mps")  # where a network is trained, see `find_device`
# The members of the autoencoder family: module and class of each. Linear, denoising and trained
# layer by layer are settings of the first; the others add something to its code or its loss.
MEMBERS = {
    "stacked": ("saelib.network.autoencoder", "StackedAutoencoder"),
    "sparse": ("saelib.network.sparse", "SparseAutoencoder"),
    "k-sparse": ("saelib.network.sparse", "KSparseAutoencoder"),
    "contractive": ("saelib.network.contractive", "ContractiveAutoencoder"),
    "variational": ("saelib.network.variational", "VariationalAutoencoder"),
}
PENALISED = ("sparse", "contractive", "variational")


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
    activation: 'relu', 'tanh', 'sigmoid' or 'linear' (none). dropout: on the latent code.
    penalty: what the penalty of the members 'sparse', 'contractive' and 'variational' weighs in the
    loss. k: how many code units of a 'k-sparse' one speak.
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
    carries over from small to large data sets.
    inner_rate: what the learning rate of the inner layers, those between two hidden layers, is
    multiplied by: their matrices are dense, and Adam moves each element as far as one of the outer
    ones, which are used a few rows at a time (compare Yang et al. 2021, 'Tensor programs V').
    inner_decay: their weight decay; None: as that of the others. layer_epochs: for how long each
    layer is trained by itself before all are trained together (see `train_layers`); 0: not at all.
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
    penalty: float = 0.0
    k: int = 0
    inner_rate: float = 1.0
    inner_decay: float | None = None
    layer_epochs: int = 0
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
            _check_name(name, getattr(self, name), valid)
        for name in ("hidden", "n_batches", "epochs", "rank"):
            value = getattr(self, name)
            whole = value if name == "hidden" else (value,)
            if not whole or not all(isinstance(n, int) and n >= 1 for n in whole):
                raise SaelibError(
                    f"{value} is not a number of {name}; expected whole numbers of at least 1."
                )
        for name in ("demographics", "facts", "raters", "weight_decay", "shrinkage", "caution"):
            _check_number(name, getattr(self, name), at_least=0)
        _check_number("penalty", self.penalty, at_least=0)
        _check_whole("layer_epochs", self.layer_epochs, at_least=0)
        if self.inner_decay is not None:
            _check_number("inner_decay", self.inner_decay, at_least=0)
        for name in ("learning_rate", "inner_rate", "spread", "bias_spread", "doubt"):
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
        self._check_member()

    def _check_member(self) -> None:
        """Whether what a member of the family needs is there, and nothing that it ignores."""
        width, n_layers = self.hidden[-1], len(self.hidden)
        k_sparse = self.member == "k-sparse"
        if k_sparse and not (isinstance(self.k, int) and 1 <= self.k <= width):
            raise SaelibError(
                f"k is {self.k}; a k-sparse code of width {width} takes from 1 to {width}."
            )
        if self.k and not k_sparse:
            raise SaelibError(f"k is {self.k}, but only the member 'k-sparse' has one.")
        if self.penalty and self.member not in PENALISED:
            raise SaelibError(
                f"penalty is {self.penalty:g}, but the member {self.member!r} has none; expected "
                f"one of {', '.join(PENALISED)}."
            )
        if self.member == "sparse" and self.activation != "sigmoid":
            raise SaelibError(
                "The member 'sparse' takes units for probabilities: expected activation 'sigmoid', "
                f"got {self.activation!r}."
            )
        if self.member == "contractive" and n_layers != 1:
            raise SaelibError(
                "The member 'contractive' knows its Jacobian for one hidden layer; got hidden "
                f"{self.hidden}."
            )
        if self.layer_epochs and self.member != "stacked":
            raise SaelibError(
                f"Only the member 'stacked' is trained layer by layer; got {self.member!r}."
            )
        if (self.member == "variational" or self.layer_epochs) and n_layers < 2:
            what = "layer_epochs" if self.layer_epochs else "The member 'variational'"
            raise SaelibError(
                f"{what} needs at least two layers, such as hidden (500, 100); got {self.hidden}."
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

    networks: how will you like it? Without any, the recipe only tells which films are seen.
    seeing: the linear autoencoder that answers, will you see it? 'ease' or 'elsa'. ridge,
    ease_dropout, tempering: of the one (see `Ease`); elsa_width, elsa_epochs: of the other (see
    `Elsa`). liking_weight: what liking weighs in the list, beside seeing (see `ListOrder`).
    """

    networks: tuple[NetworkConfig, ...]
    seeing: str = "ease"
    elsa_width: int = 128
    elsa_epochs: int = 20
    ridge: float = 500.0
    ease_dropout: float = 0.5
    tempering: float = 0.5
    liking_weight: float = 0.7

    def __post_init__(self):
        _check_name("seeing", self.seeing, SEEING)
        for name in ("elsa_width", "elsa_epochs"):
            _check_whole(name, getattr(self, name), at_least=1)
        _check_number("ridge", self.ridge, above=0)
        _check_number("ease_dropout", self.ease_dropout, at_least=0, below=1)
        for name in ("tempering", "liking_weight"):
            _check_number(name, getattr(self, name), at_least=0)

    @property
    def predicts_stars(self) -> bool:
        """Whether its networks say how somebody likes a film, not only which ones they see."""
        heads = [network.head for network in self.networks]
        return bool(heads) and "multinomial" not in heads

    def with_epochs(self, epochs: int) -> Recipe:
        """The same with another number of epochs. Raises SaelibError."""
        if not self.networks:
            return replace(self, elsa_epochs=epochs)
        networks = tuple(replace(network, epochs=epochs) for network in self.networks)
        return replace(self, networks=networks)


def _check_name(name: str, value: str, valid: tuple[str, ...]) -> None:
    if value not in valid:
        raise SaelibError(f"{name} {value!r} does not exist; expected one of {', '.join(valid)}.")


def _check_whole(name: str, value: int, *, at_least: int) -> None:
    if not isinstance(value, int) or value < at_least:
        raise SaelibError(f"{name} is {value}; expected a whole number of at least {at_least}.")


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
