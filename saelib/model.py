"""Two questions, one file: will you see it, and how will you like it?"""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
from safetensors import safe_open
from safetensors.numpy import save

from saelib.baseline import Ease
from saelib.data import Dataset, Scale
from saelib.errors import SaelibError
from saelib.evaluation import BASELINES, RANKERS, History, Learn, Models, Predict
from saelib.fold_in import FoldIn
from saelib.matrix import LIKED, People, RatingMatrix, split
from saelib.recipes import Config, find

if TYPE_CHECKING:  # a model with a FoldIn recommends without torch
    from saelib.autoencoder import StackedAutoencoder

LIKING = 0.7  # what liking weighs beside seeing, whose score is no calibrated probability
FORMAT = "saelib model 10"


def like(distribution: np.ndarray) -> np.ndarray:
    """P(like): of 4 stars or more. distribution: (…, n_levels)."""
    return distribution[..., np.linspace(1, 5, distribution.shape[-1]) >= LIKED].sum(axis=-1)


def list_scores(
    liking: "FoldIn | StackedAutoencoder", ease: Ease | None, people: People
) -> np.ndarray:
    """(n, n_items) by which a list is sorted: P(see) x P(like)^LIKING; without `ease` the stars."""
    if ease is None:
        return liking.predict(people)
    return ease.scores(people) * like(liking.distribution(people)) ** LIKING


@dataclass
class Model:
    """What `train` makes."""

    liking: "FoldIn | StackedAutoencoder"  # how will you like it? A network where rows are people
    ease: Ease | None  # will you see it? None where liking has no distribution over stars
    films: pd.DataFrame  # of each column: movie_id, title, year, genres, n_ratings
    scale: Scale
    groups: dict[str, list]  # of demographics, see `RatingMatrix`
    dataset: str
    recipe: str
    seed: int
    history: History

    @property
    def validation_rmse(self) -> float:
        """Of the validation ratings, by which the epoch was chosen; in the unit of the scale."""
        return self.scale.star * min(self.history.validation_loss) ** 0.5

    def scores(self, people: People) -> np.ndarray:
        """(n, n_items) by which the list is sorted, see `list_scores`."""
        return list_scores(self.liking, self.ease, people)

    def save(self, path: Path) -> None:
        """Write one safetensors file, whole or not at all. Raises SaelibError, OSError."""
        liking = vars(self.liking)
        if not isinstance(self.liking, FoldIn):
            liking = {name: tensor.numpy() for name, tensor in self.liking.state_dict().items()}
            liking |= {"config": self.liking.config, "sizes": self.liking.sizes}
        about, arrays = vars(self) | {"liking": {}, "ease": {}}, {}
        about["films"] = self.films.astype(object).where(self.films.notna(), None).to_dict("list")
        for part, fields in ("liking", liking), ("ease", vars(self.ease) if self.ease else {}):
            for name, value in fields.items():
                if isinstance(value, np.ndarray):
                    arrays[f"{part}.{name}"] = _short(value)
                else:
                    about[part][name] = value
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise SaelibError(f"The model has numbers that are not finite; {path} is not written.")
        text = json.dumps(about, default=vars)
        metadata = {"format": FORMAT, "about": text, "digest": _digest(text, arrays)}
        write_whole(path, save(arrays, metadata))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; nothing is executed. Raises SaelibError for any other file."""
        try:
            with safe_open(path, "numpy") as file:
                metadata = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}
            if metadata.get("format") != FORMAT:
                raise ValueError(f"its format is {metadata.get('format')!r:.40}")
            if metadata["digest"] != _digest(metadata["about"], arrays):
                raise ValueError("it has been changed")
            about = json.loads(metadata["about"])
            for key, array in arrays.items():
                part, name = key.split(".", 1)
                about[part][name] = array.astype(np.float32) if array.dtype == np.float16 else array
            liking, ease = about["liking"], about["ease"]
            about["liking"] = FoldIn(**liking) if "codes" in liking else _network(**liking)
            about["ease"] = Ease(**ease) if ease else None
            about["films"] = pd.DataFrame(about["films"]).astype({"year": "Int64"})
            about["scale"], about["history"] = Scale(**about["scale"]), History(**about["history"])
            return cls(**about)
        except Exception as error:
            problem = f"{path} is no model of this version of saelib ({error})."
            raise SaelibError(f"{problem} Train it again: python -m saelib train") from error


def write_whole(path: Path | str, data: bytes) -> None:
    """Write a file so that it holds all of the bytes or is as it was. Raises OSError."""
    part = Path(f"{path}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(data)
    os.replace(part, path)


def _short(array: np.ndarray) -> np.ndarray:
    """In 16 bits where these hold the same numbers, and in C's order, as the file wants it."""
    short = array.astype(np.float16) if array.dtype == np.float32 else array
    return np.asarray(short if (short == array).all() else array, order="C")


def _digest(text: str, arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256(text.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def _network(config: dict, sizes: list[int], **weights: np.ndarray) -> "StackedAutoencoder":
    """A network over people, out of a file."""
    import torch

    from saelib.family import MEMBERS

    network = MEMBERS[config["member"]](Config(**config), *sizes)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return network.eval()


def train(
    data: Dataset, recipe: str = "default", *, seed: int = 0, epochs: int | None = None, **options
) -> Model:
    """Train a recipe on nine tenths of the ratings; the other tenth chooses the epoch.

    options: checkpoint, resume, progress and device, see `training.fit`. Raises SaelibError.
    """
    from saelib.training import build, fit

    config, parts = find(recipe, epochs), split(len(data.ratings), seed)
    known, others = (RatingMatrix.from_dataset(data, data.ratings.iloc[part]) for part in parts)
    network = build(config, known, seed)
    history = fit(network, known, validation=others.csr, seed=seed, **options)
    liking = FoldIn.of(network, known) if config.rows == "films" else network
    n_ratings = data.ratings.groupby("movie_id").size().rename("n_ratings")
    films = data.movies.set_index("movie_id").loc[known.item_ids].join(n_ratings).reset_index()
    films = films.fillna({"n_ratings": 0}).astype({"n_ratings": "int64"})
    ease = Ease.fit(known.people) if config.head == "ordered" else None
    return Model(liking, ease, films, data.scale, known.groups, data.name, recipe, seed, history)


def autoencoder(recipe: str, epochs: int | None = None, ranking: bool = False, **options) -> Learn:
    """The stars of a recipe, or the scores of its list, trained on all that it is given."""
    from saelib.training import build, fit, known_stars

    config = find(recipe, epochs)

    def learn(matrix: RatingMatrix, seed: int) -> Predict:
        network = build(config, matrix, seed)
        fit(network, matrix, seed=seed, **options)
        liking = FoldIn.of(network, matrix) if config.rows == "films" else network
        if ranking:
            ease = Ease.fit(matrix.people) if config.head == "ordered" else None
            return lambda people: list_scores(liking, ease, people)
        if liking is network:
            return network.predict
        learned = known_stars(network, matrix)  # the mean of both predictions beats either

        def predict(people: People) -> np.ndarray:
            folded = liking.predict(people)
            return folded if people.rows is None else (folded + learned(people.rows)) / 2

        return predict

    return learn


def models(protocol: str, recipes: Iterable[str], **options) -> Models:
    """What a protocol compares: baselines, and recipes as `sae-<recipe>` with their options."""
    ranking = protocol == "ranking"
    learners = {f"sae-{name}": autoencoder(name, ranking=ranking, **options) for name in recipes}
    return (RANKERS if ranking else BASELINES) | learners
