"""A linear autoencoder of low rank, which never writes down a matrix of films times films."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from saelib.data.people import mask
from saelib.model.ease import films_and_told
from saelib.model.star_model import ALL, Films
from saelib.network.storage import InArrays

LEARNING_RATE = 0.1
N_BATCHES, MAX_BATCH = 12, 512  # an epoch has so many, of at most so many people


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

        told: (n_users, n_told), inputs that help to predict films but are not predicted. What is
        seen and what is predicted are compared by their directions: rows of length 1.
        """
        import torch
        from torch.nn.functional import normalize

        n_users, n_items = ratings.shape
        rows = films_and_told(ratings, told)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            vectors = torch.nn.Parameter(normalize(torch.randn(rows.shape[1], width)))
            optimizer = torch.optim.NAdam([vectors], lr=LEARNING_RATE)
            n_batches = max(min(N_BATCHES, n_users), -(-n_users // MAX_BATCH))
            pace = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * n_batches)
            for _ in range(epochs):
                for chosen in torch.randperm(n_users).tensor_split(n_batches):
                    inputs = torch.from_numpy(rows[chosen.numpy()].toarray())
                    seen = inputs[:, :n_items]
                    directions = normalize(vectors)
                    scores = (inputs @ directions) @ directions[:n_items].T - seen
                    loss = (normalize(scores) - normalize(seen)).square().sum(dim=1).mean()
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    pace.step()
        return cls(normalize(vectors.detach()).numpy(), n_items)

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
