"""A map of taste: the people of the training set as the code layer sees them, on two axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from saelib.data.matrix import RatingMatrix
from saelib.data.people import People
from saelib.model.liking import Liking
from saelib.network.baseline import BiasBaseline
from saelib.network.storage import InArrays

MAX_PEOPLE = 20_000  # on the map; of more, a sample
SHRINKAGE = 10  # films of a genre after which a person's liking of it is half trusted
WIDTH = 0.5  # of a neighbourhood, in standard deviations of the people's places
APART = (1.1, 0.35)  # two names are further from each other than this, along one of the axes
N_NAMES = 8
EDGE = 2.8  # standard deviations; who is further out is drawn at the edge of the map
SURE = 3.0  # standard errors by which a neighbourhood must like the genre that names it


@dataclass(frozen=True)
class TasteMap(InArrays):
    """Where people stand on two axes of taste, and which genres are liked where.

    A person's code is what the encoder makes of their ratings. The codes of long and short rows
    differ, whatever the taste; so what the logarithm of the number of ratings explains of a code
    (linear regression) is taken out. The two leading principal components of the rest are the
    axes, each with a standard deviation of 1 over the people of the training set.

    Of many people a sample is on the map, and no other's code is made.

    centre: (n_code,) and by_length: (n_code,), the code expected
    at log(number of ratings) = 0, and its slope. lengths: (2,), least and most of these logarithms
    in training. axes: (n_code, 2). people: (n, 2), those of the sample in the order of
    the training set. names: genres. places: (n_names, 2), of the names.
    """

    centre: np.ndarray
    by_length: np.ndarray
    lengths: np.ndarray
    axes: np.ndarray
    people: np.ndarray
    names: list[str]
    places: np.ndarray

    @classmethod
    def fit(
        cls, liking: Liking, matrix: RatingMatrix, genres: Sequence[str], seed: int = 0
    ) -> TasteMap:
        """Of a model and what it was trained on. genres: of each film, 'Comedy|Drama'.

        seed: of the sample, where there are more than MAX_PEOPLE.
        """
        if len(matrix.user_ids) > MAX_PEOPLE:
            drawn = np.random.default_rng(seed).permutation(len(matrix.user_ids))
            matrix = matrix.take(np.sort(drawn[:MAX_PEOPLE]))
        codes = liking.codes(matrix.people)
        lengths = _lengths(matrix.people)
        by_length = (lengths - lengths.mean()) @ codes / max(lengths.var() * len(lengths), 1e-9)
        centre = codes.mean(axis=0) - lengths.mean() * by_length
        rest = codes - centre - np.outer(lengths, by_length)
        axes = np.linalg.eigh(rest.T @ rest)[1][:, :-3:-1]
        axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])  # else up to chance
        axes = axes / (rest @ axes).std(axis=0).clip(min=1e-9)
        people = rest @ axes
        names, places = _neighbourhoods(people, *_likings(matrix.csr, genres))
        limits = np.array([lengths.min(), lengths.max()])
        arrays = {"centre": centre, "by_length": by_length, "lengths": limits, "axes": axes}
        arrays |= {"people": people, "places": places}
        return cls(**{k: array.astype(np.float32) for k, array in arrays.items()}, names=names)

    def place(self, liking: Liking, person: People) -> tuple[float, float]:
        """(x, y) of one more person, as the model that the map was made of sees them."""
        code = liking.codes(person)
        # Nothing is known of lengths that no row in training had: they count as the nearest.
        code = code - self.centre - _lengths(person).clip(*self.lengths)[:, None] * self.by_length
        x, y = (code @ self.axes)[0]
        return float(x), float(y)

    def near(self, place: tuple[float, float], n: int = 2) -> list[str]:
        """The names that stand nearest to a place, the nearest first."""
        distance = np.square(self.places - np.array(place)).sum(axis=1)
        return [self.names[i] for i in np.argsort(distance, kind="stable")[:n]]


def shares(places: np.ndarray) -> np.ndarray:
    """(…, 2) places on a square picture: shares of its width, from the left, and height, from the
    top. places: (…, 2) as of `TasteMap`; whoever is further out than the picture is at its edge."""
    inside = np.clip(places, -EDGE, EDGE) / (2 * (EDGE + 0.1))
    return 0.5 + inside * (1, -1)


def _lengths(people: People) -> np.ndarray:
    """(n,) logarithms of the number of ratings; someone without any counts as having one."""
    return np.log(people.n_rated.clip(min=1))


def _likings(ratings: csr_array, genres: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """(n_users, n_genres): by how many stars people like a genre more than the biases expect.

    The mean over their ratings of its films, shrunk towards 0; the genres beside it.
    """
    lists = [set(text.split("|")) - {""} for text in genres]
    names = sorted(set().union(*lists))
    has = np.array([[name in of_film for name in names] for of_film in lists], dtype=float)
    baseline = BiasBaseline.fit(ratings)
    users = np.repeat(np.arange(ratings.shape[0]), np.diff(ratings.indptr))
    expected = baseline.mean + baseline.user_bias(ratings)[users]
    left = ratings.data - expected - baseline.item_bias[ratings.indices]
    left = csr_array((left, ratings.indices, ratings.indptr), shape=ratings.shape)
    seen = csr_array((np.ones(ratings.nnz), ratings.indices, ratings.indptr), shape=ratings.shape)
    return (left @ has) / (seen @ has + SHRINKAGE), names


def _neighbourhoods(
    people: np.ndarray, likings: np.ndarray, genres: list[str]
) -> tuple[list[str], np.ndarray]:
    """Names and their places (n, 2): each genre stands where it is liked most surely.

    At each point of a grid, the likings (n_users, n_genres) of the people around are averaged with
    a Gaussian kernel and compared with everyone's. The surest genres get a name, as long as there
    is room for it.
    """
    steps = np.linspace(-2.4, 2.4, 33)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    spread, usual = likings.std(axis=0).clip(min=1e-9), likings.mean(axis=0)
    n_near, surely = np.zeros(len(grid)), np.zeros((len(grid), len(genres)))
    for point, place in enumerate(grid):  # one at a time: no array of the grid times people
        weight = np.exp(-((place - people) ** 2).sum(axis=-1) / (2 * WIDTH**2))
        n_near[point] = weight.sum()
        weight = weight / n_near[point].clip(min=1e-9)
        surely[point] = (weight @ likings - usual) / (np.sqrt((weight**2).sum()) * spread)
    surely[n_near < 0.02 * len(people)] = -np.inf
    best = surely.argmax(axis=0)
    names: list[str] = []
    places = np.zeros((0, 2), dtype=np.float32)
    for genre in np.argsort(-surely.max(axis=0, initial=-np.inf), kind="stable"):
        place = grid[best[genre]]
        room = (np.abs(places - place) > APART).any(axis=1).all()
        if room and surely[best[genre], genre] > SURE and len(names) < N_NAMES:
            names.append(genres[genre])
            places = np.vstack([places, place.astype(np.float32)])
    return names, places
