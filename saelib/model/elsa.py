"""A linear autoencoder of low rank, which never writes down a matrix of films times films."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy.sparse import csr_array

from saelib.data.people import mask
from saelib.model.ease import films_and_told
from saelib.model.star_model import ALL, Films
from saelib.network.storage import InArrays

if TYPE_CHECKING:
    from torch import Tensor

LEARNING_RATE = 0.1
N_BATCHES, MAX_BATCH = 12, 2048  # an epoch has so many, of at most so many people


@dataclass(frozen=True)
class Elsa(InArrays):
    """Scores for all films, from those seen and from what else was told of the person.

    Each film has a vector of length 1. The code of a person is the sum of the vectors of all that
    they have seen; a film's score is code . vector, less 1 if it was seen: x (A A' - I), whose
    matrix in brackets has zeros on the diagonal as EASE's has (Vančura et al. 2022, 'Scalable
    linear shallow autoencoder for collaborative filtering').

    vectors: (n_items + n_told, width) float32. n_items: of the whole catalogue.
    """

    vectors: np.ndarray
    n_items: int

    kind: ClassVar[str] = "elsa"

    @classmethod
    def fit(
        cls,
        ratings: csr_array,
        told: np.ndarray | None = None,
        *,
        width: int = 128,
        epochs: int = 20,
        seed: int = 0,
    ) -> Elsa:
        """From ratings (n_users, n_items), whose stars do not matter, by Adam in batches of people.

        told: (n_users, n_told), inputs that help to predict films but are not predicted. See
        `directions_apart` for what is minimised; a step costs what the ratings of its batch do,
        and the matrix of vectors times vectors.
        """
        import torch
        from torch.nn.functional import normalize

        n_users, n_items = ratings.shape
        told = np.zeros((n_users, 0)) if told is None else told
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            start = normalize(torch.randn(n_items + told.shape[1], width))
            films, others = (
                part.clone().requires_grad_() for part in start.tensor_split([n_items])
            )
            optimizer = torch.optim.NAdam([films, others], lr=LEARNING_RATE)
            n_batches = max(min(N_BATCHES, n_users), -(-n_users // MAX_BATCH))
            pace = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * n_batches)
            for _ in range(epochs):
                for drawn in torch.randperm(n_users).tensor_split(n_batches):
                    chosen = drawn.numpy()
                    loss = directions_apart(
                        normalize(films), normalize(others), ratings[chosen], told[chosen]
                    )
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    pace.step()
        return cls(normalize(torch.vstack([films, others]).detach()).numpy(), n_items)

    @property
    def n_told(self) -> int:
        """How many numbers it wants to be told beside the films."""
        return len(self.vectors) - self.n_items

    def scores(
        self, seen: csr_array, told: np.ndarray | None = None, films: Films = ALL
    ) -> np.ndarray:
        """(n, n_items) scores, higher for likelier films. seen: (n, n_items) mask.

        films: positions of the films wanted, by default all; few are quicker.
        """
        codes = films_and_told(seen, told) @ self.vectors
        return codes @ self.vectors[: self.n_items][films].T - mask(seen)[:, films].toarray()

    def pull(self, seen: np.ndarray, films: np.ndarray) -> np.ndarray:
        """(n_seen, n_films): what having seen a film adds to the scores of others; positions."""
        return self.vectors[seen] @ self.vectors[films].T


def directions_apart(films: Tensor, others: Tensor, ratings: csr_array, told: np.ndarray) -> Tensor:
    """How far the scores of people point away from what they have seen.

    films: (n_items, width) and others: (n_told, width), vectors of length 1. ratings: (n, n_items).
    told: (n, n_told).
    Returns the mean of |s / |s| - x / |x||^2 over the people, s their scores of all films and x
    what they have seen, 0 or 1: it is 2 - 2 s.x / |s| / |x|. With c the code, f the part of it
    that comes of films, A the films' vectors and n films seen, s = A c - x; so s.x = c.f - n, and
    |s|^2 = c'(A'A)c - 2 c.f + n. No score is written down.
    """
    import torch

    from saelib.network.cells import Cells

    cells = Cells.of(ratings)
    n_seen = cells.sum_by_row(cells.shown)
    of_films = cells.add_up(cells.shown, films)
    code = of_films + torch.from_numpy(told).to(films.dtype) @ others
    agree = (code * of_films).sum(dim=1)
    square = ((code @ (films.T @ films)) * code).sum(dim=1) - 2 * agree + n_seen
    # Who has seen nothing has no direction; nor have scores of zeros.
    lengths = (square.clamp(min=1e-12) * n_seen.clamp(min=1)).sqrt()
    return (2 - 2 * (agree - n_seen) / lengths).mean()
