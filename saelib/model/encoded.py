"""How will you like it, where the network reads people? Whoever comes is encoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy.sparse import csr_array

from saelib.data.people import People
from saelib.model.star_model import ALL, Films

if TYPE_CHECKING:
    from saelib.network.autoencoder import StackedAutoencoder
    from saelib.network.training import Oriented


@dataclass(frozen=True)
class Encoded:
    """A network over people, known or new: their ratings in, stars out; a `StarModel`."""

    network: StackedAutoencoder

    rows: ClassVar[str] = "people"

    @classmethod
    def from_network(cls, network: StackedAutoencoder, oriented: Oriented) -> Encoded:
        """From a trained network over people."""
        return cls(network)

    @property
    def is_ordered(self) -> bool:
        """Whether it predicts a distribution over stars, not only a number."""
        return self.network.head.is_ordered

    @property
    def uses_demographics(self) -> bool:
        """Whether it makes a difference who a person is."""
        return self.network.n_row_features > 0

    def predict(self, people: People) -> np.ndarray:
        """(n, n_items) expected stars."""
        return self.network.predict(people.stars, people.about)

    def predict_cells(self, people: People, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """(n_cells,) expected stars of people at `rows` for films at `columns`, no others."""
        order = np.argsort(rows, kind="stable")
        ends = np.searchsorted(rows, np.arange(len(people) + 1), sorter=order)
        places = (np.ones(len(rows), dtype=np.float32), columns[order], ends)
        wanted = csr_array(places, shape=people.stars.shape)
        found = np.empty(len(rows))
        found[order] = self.network.predict_cells(people.stars, wanted, people.about)
        return found

    def distribution(self, people: People, films: Films = ALL) -> np.ndarray | None:
        """(n, n_items, n_levels): how likely each number of stars is; None without ordered stars.

        films: positions of the films wanted, by default all.
        """
        if not self.is_ordered:
            return None
        scores = self.network.apply_to(
            self.network, people.stars, people.about, lambda scores: scores[:, films]
        )
        return self.network.head.link().probabilities(scores)

    def codes(self, people: People) -> np.ndarray:
        """(n, n_code): the latent codes of people."""
        return self.network.codes(people.stars, people.about)

    def posterior(self, person: People) -> None:
        """A code is a point: it does not say how sure it is."""
        return None

    def to_arrays(self) -> tuple[dict[str, np.ndarray], dict]:
        """All weights by name, and the settings beside them."""
        return self.network.to_arrays()

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], settings: dict) -> Encoded:
        """What `to_arrays` took apart. Only here a saved model needs torch."""
        from saelib.network.training import member

        return cls(member(settings["config"]["member"]).from_arrays(arrays, settings))
