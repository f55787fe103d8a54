"""What people told: the stars they gave, the films they have seen, and who they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array


@dataclass(frozen=True)
class People:
    """A batch of n people, the input of every model.

    stars: (n, n_items), one entry a rating, all above 0. seen: (n, n_items) of ones, one entry a
    film seen; rated ones are among them. about: (n, n_demographics) one-hot, see
    `features.Demographics`; a group of zeros is one that somebody did not tell, None: nobody told
    anything.
    """

    stars: csr_array
    seen: csr_array
    about: np.ndarray | None = None

    @classmethod
    def who_rated(cls, stars: csr_array, about: np.ndarray | None = None) -> People:
        """People who have seen what they rated, and told of no other film."""
        return cls(stars, mask(stars), about)

    def __len__(self) -> int:
        return self.stars.shape[0]

    def __getitem__(self, rows: slice | np.ndarray) -> People:
        """Some of them: a slice or an array of rows."""
        about = None if self.about is None else self.about[rows]
        return People(self.stars[rows], self.seen[rows], about)

    def batches(self, size: int) -> Iterator[tuple[slice, People]]:
        """(rows, these people), one part after the other."""
        for start in range(0, len(self), size):
            part = slice(start, min(start + size, len(self)))
            yield part, self[part]

    def cells(
        self,
        scores: Callable[[People], np.ndarray],
        rows: np.ndarray,
        columns: np.ndarray,
        size: int,
    ) -> np.ndarray:
        """(n_cells,) of what `scores` says of all films, the cells at these rows and columns.

        scores: from people to (n, n_items); it is asked about `size` of them at a time.
        """
        order = np.argsort(rows, kind="stable")
        found = np.empty(len(rows))
        for part, people in self.batches(size):
            chosen = order[slice(*np.searchsorted(rows, (part.start, part.stop), sorter=order))]
            found[chosen] = scores(people)[rows[chosen] - part.start, columns[chosen]]
        return found

    @property
    def n_rated(self) -> np.ndarray:
        """(n,) how many films each has rated."""
        return np.diff(self.stars.indptr)

    @property
    def n_seen(self) -> np.ndarray:
        """(n,) how many films each has seen."""
        return np.diff(self.seen.indptr)


def mask(ratings: csr_array) -> csr_array:
    """Ones wherever there is a rating."""
    ones = np.ones(ratings.nnz, dtype=np.float32)
    return csr_array((ones, ratings.indices, ratings.indptr), shape=ratings.shape)
