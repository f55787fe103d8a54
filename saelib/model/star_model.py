"""What every model of stars can do, however it is made. numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

import numpy as np

from saelib.data.people import People

if TYPE_CHECKING:
    from saelib.network.autoencoder import StackedAutoencoder
    from saelib.network.training import Oriented

Films = Sequence[int] | np.ndarray | slice  # positions in the catalogue
ALL = slice(None)


@dataclass(frozen=True)
class Posterior:
    """What is known of one person, and how surely.

    scores: (n_items,), the most probable ones. covariance: (rank, rank), of the person's vector.
    film_codes: (n_items, rank); a score moves by the film's code times what the vector moves.
    sharpness: (n_items,), how sharply the stars of a film would tell its score.
    """

    scores: np.ndarray
    covariance: np.ndarray
    film_codes: np.ndarray
    sharpness: np.ndarray


class StarModel(Protocol):
    """How will you like it? What a trained network answers about people, however it met them.

    rows: what the network's rows are, 'people' or 'films'; the word stands in a model's file.
    """

    rows: ClassVar[str]

    @classmethod
    def from_network(cls, network: StackedAutoencoder, oriented: Oriented) -> Self:
        """From a trained network, with what it was trained on."""
        ...

    def to_arrays(self) -> tuple[dict[str, np.ndarray], dict]:
        """What goes into a file: arrays by name, and all else, as JSON can write it."""
        ...

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], settings: dict) -> Self:
        """What `to_arrays` took apart."""
        ...

    @property
    def is_ordered(self) -> bool:
        """Whether it has a distribution over stars, not only a number."""
        ...

    @property
    def uses_demographics(self) -> bool:
        """Whether it makes a difference who a person is."""
        ...

    def predict(self, people: People) -> np.ndarray:
        """(n, n_items) expected stars, not clipped to the scale."""
        ...

    def predict_cells(self, people: People, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """(n_cells,) expected stars of people at `rows` for films at `columns`, no others."""
        ...

    def distribution(self, people: People, films: Films = ALL) -> np.ndarray | None:
        """(n, n_items, n_levels): how likely each number of stars is; None without one.

        films: positions of the films wanted, by default all; few are quicker.
        """
        ...

    def codes(self, people: People) -> np.ndarray:
        """(n, n_code): what the model makes of people's tastes."""
        ...

    def posterior(self, person: People) -> Posterior | None:
        """How sure it is of one person's taste; None where it cannot say."""
        ...
