"""The recipes: everything that is chosen before a network is trained, by name."""

from __future__ import annotations

from dataclasses import dataclass, replace

from saelib.errors import SaelibError


@dataclass(frozen=True)
class Recipe:
    """Everything that is chosen before a network is trained: what it is and how it learns.

    rows: whether a row is one of the 'people' or of the 'films'; the columns are the others.
    hidden, inputs, activation, dropout, skips, head: see `StackedAutoencoder`.
    demographics, facts, raters: how strongly the network is told who a person is, what genres and
    decade a film has, and who rated what (see `features`); 0 is not at all. Of a row, the encoder
    is told; of a column, the decoder.
    input_dropout: the share of a row's ratings that the encoder does not see in a training step,
    drawn anew from U(low, high); they still count in the loss. weight_decay: decoupled (AdamW),
    so a step shrinks the weights, but not the biases, by learning_rate * weight_decay.
    inner_decay: the same for the layers between the first and the last; None: no other.
    one_cycle: the learning rate rises for a tenth of the steps, then falls to 0; otherwise it is
    constant. n_batches: mini-batches an epoch; as a share of the rows, the size of a batch
    carries over from small to large data sets (no batch has more than training.MAX_BATCH rows).
    shrinkage: of the bias baseline (see `BiasBaseline`). caution: see `for_ratings`.
    """

    rows: str = "people"
    hidden: tuple[int, ...] = (500,)
    inputs: str = "residuals+mask"
    activation: str = "tanh"
    dropout: float = 0.5
    skips: bool = False
    head: str = "squared"
    demographics: float = 0.0
    facts: float = 0.0
    raters: float = 0.0
    input_dropout: tuple[float, float] = (0.0, 0.0)
    weight_decay: float = 0.0
    inner_decay: float | None = None
    learning_rate: float = 1e-3
    one_cycle: bool = True
    n_batches: int = 60
    epochs: int = 20
    shrinkage: float = 5.0
    caution: float = 0.0

    def for_ratings(self, n: int) -> Recipe:
        """The recipe for n ratings to learn from: it is written for a million of them.

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


# The network of the lessons, as the original work trained it.
PLAIN = Recipe(hidden=(128, 64), inputs="stars", activation="relu", one_cycle=False, epochs=70)
RESIDUALS = Recipe(inputs="residuals", weight_decay=0.01)
MASK = replace(RESIDUALS, inputs="residuals+mask")
DECAY = replace(MASK, weight_decay=3.5)
ORDERED = replace(DECAY, head="ordered")
PEOPLE = replace(ORDERED, input_dropout=(0.0, 0.9), demographics=0.5, facts=0.5, raters=1.0)
FILMS = replace(
    PEOPLE,
    rows="films",
    hidden=(1000,),
    input_dropout=(0.0, 0.5),
    demographics=0.2,
    facts=1.0,
    caution=0.25,
)

# Which films, not how many stars: the multinomial denoising autoencoder of Liang et al. 2018.
CHOICE = Recipe(
    hidden=(600,), inputs="mask", head="choice", input_dropout=(0.0, 0.7), weight_decay=0.3
)

# A recipe is one network, or several whose predictions are averaged. In this order they are the
# ladder, up to default: each rung is one idea more.
RECIPES: dict[str, tuple[Recipe, ...]] = {
    "plain": (PLAIN,),
    "residuals": (RESIDUALS,),
    "mask": (MASK,),
    "decay": (DECAY,),
    "ordered": (ORDERED,),
    "informed": (PEOPLE,),
    "default": (FILMS,),
    "both": (PEOPLE, FILMS),
    "choice": (CHOICE,),
}


def find_recipe(name: str, epochs: int | None = None, *, stars: bool = False) -> tuple[Recipe, ...]:
    """The networks of the recipe of that name, with another number of epochs if given.

    stars: whether they must predict stars. Raises SaelibError.
    """
    if name not in RECIPES:
        raise SaelibError(f"Unknown recipe {name!r}; choose one of {', '.join(RECIPES)}.")
    if stars and any(recipe.head == "choice" for recipe in RECIPES[name]):
        raise SaelibError(
            f"The recipe {name!r} predicts no stars, only which films are seen; it can only be "
            "measured: evaluate --protocol ranking."
        )
    if epochs is None:
        return RECIPES[name]
    if epochs < 1:
        raise SaelibError(f"{epochs} epochs is not a number of epochs; expected at least 1.")
    return tuple(replace(recipe, epochs=epochs) for recipe in RECIPES[name])
