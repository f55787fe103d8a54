"""How will you like it? One network of people's tastes, or several, averaged.

Each can predict stars, and a distribution over stars where its last layer has one, for people
known or new. What is here needs no torch; the networks that do bring it along.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from saelib.fold_in import ALL, Films, FoldIn

if TYPE_CHECKING:
    from saelib.model import StackedAutoencoder


@dataclass(frozen=True)
class RatingModel:
    """How will you like it? The average of one or several networks.

    Averaging the distributions of several networks averages their expected stars, too.
    """

    networks: Sequence[StackedAutoencoder | FoldIn]

    def predict(self, rows: csr_array, people: np.ndarray | None = None) -> np.ndarray:
        """(n, n_items) expected stars. rows: (n, n_items) stars shown; people: demographics."""
        return self._average("predict", rows, people)

    def distribution(
        self, rows: csr_array, people: np.ndarray | None = None, films: Films = ALL
    ) -> np.ndarray:
        """(n, n_items, n_levels): how likely each number of stars is; see `is_ordered`.

        films: positions of the films wanted, by default all; few are quicker.
        """
        return self._average("distribution", rows, people, films)

    @property
    def is_ordered(self) -> bool:
        """Whether the networks predict distributions over stars, not only a number."""
        return all(network.is_ordered for network in self.networks)

    @property
    def uses_demographics(self) -> bool:
        """Whether it makes a difference who the person is."""
        return any(network.uses_demographics for network in self.networks)

    @property
    def fold_in(self) -> FoldIn | None:
        """The network that can say how sure it is of a person's taste, if there is one."""
        return next((n for n in self.networks if isinstance(n, FoldIn)), None)

    def _average(self, method: str, *inputs) -> np.ndarray:
        total = 0
        for network in self.networks:
            total = total + getattr(network, method)(*inputs)
        return total / len(self.networks)
