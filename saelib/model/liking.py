"""How will you like it? One model of people's tastes, or several, averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from saelib.data.people import People
from saelib.errors import SaelibError
from saelib.model.encoded import Encoded
from saelib.model.fold_in import FoldIn
from saelib.model.star_model import ALL, Films, Posterior, StarModel

BY_ROWS: dict[str, type[StarModel]] = {kind.rows: kind for kind in (Encoded, FoldIn)}


@dataclass(frozen=True)
class Liking:
    """The average of one or several models of stars, which answers what each of them does.

    Averaging the distributions of several models averages their expected stars, too.
    """

    models: Sequence[StarModel]

    @property
    def is_ordered(self) -> bool:
        """Whether all of them predict distributions over stars, not only a number."""
        return all(model.is_ordered for model in self.models)

    @property
    def uses_demographics(self) -> bool:
        """Whether it makes a difference who the person is."""
        return any(model.uses_demographics for model in self.models)

    def predict(self, people: People) -> np.ndarray:
        """(n, n_items) expected stars."""
        return np.mean([model.predict(people) for model in self.models], axis=0)

    def predict_cells(self, people: People, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """(n_cells,) expected stars of people at `rows` for films at `columns`, no others."""
        return np.mean([m.predict_cells(people, rows, columns) for m in self.models], axis=0)

    def loss(self, people: People, held_out: csr_array) -> float:
        """Mean squared error of ratings (n, n_items) that these people gave, stars squared.

        Raises SaelibError where there are none.
        """
        if not held_out.nnz:
            raise SaelibError("No ratings are held out to measure on: there are too few of them.")
        cells = held_out.tocoo()
        found = self.predict_cells(people, cells.row, cells.col)
        return float(np.square(found - cells.data).mean())

    def distribution(self, people: People, films: Films = ALL) -> np.ndarray | None:
        """(n, n_items, n_levels): how likely each number of stars is; see `is_ordered`."""
        found = [model.distribution(people, films) for model in self.models]
        told = [distribution for distribution in found if distribution is not None]
        return np.mean(told, axis=0) if len(told) == len(found) else None

    def codes(self, people: People) -> np.ndarray:
        """(n, n_code): what the first of the models makes of people's tastes."""
        return self.models[0].codes(people)

    def posterior(self, person: People) -> Posterior | None:
        """Of the first model that can say how sure it is of a person's taste, if there is one."""
        found = (model.posterior(person) for model in self.models)
        return next((posterior for posterior in found if posterior is not None), None)
