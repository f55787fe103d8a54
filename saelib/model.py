"""Two questions, one file: will you see it, and how will you like it?"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from safetensors import safe_open
from safetensors.numpy import save

from saelib.baseline import Ease
from saelib.data import Dataset, Scale
from saelib.errors import SaelibError
from saelib.evaluation import BASELINES, RANKERS, History, Learn, Predict
from saelib.fold_in import FoldIn
from saelib.matrix import ALL, LIKED, Films, People, RatingMatrix, split
from saelib.recipes import Config, find

if TYPE_CHECKING:  # a model with a FoldIn recommends without torch
    from saelib.autoencoder import StackedAutoencoder

LIKING = 0.7  # what liking weighs in the list, beside seeing
FORMAT = "saelib model 8"

# -- The list ---------------------------------------------------------------------------------


def like(distribution: np.ndarray) -> np.ndarray:
    """P(like): of 4 stars or more. distribution: (…, n_levels)."""
    stars = np.linspace(1, 5, distribution.shape[-1])
    return distribution[..., stars >= LIKED].sum(axis=-1)


def list_scores(
    liking: FoldIn | StackedAutoencoder,
    ease: Ease,
    people: People,
    films: Films = ALL,
) -> np.ndarray:
    """(n, n_films) by which a list is sorted: P(see) x P(like)^LIKING.

    EASE's score is no calibrated probability, so what each of the two counts is weighed.
    """
    return ease.scores(people, films) * like(liking.distribution(people, films)) ** LIKING


# -- One file ---------------------------------------------------------------------------------


@dataclass
class Model:
    """What `train` makes.

    liking: how will you like it? A `FoldIn`, or a network over people. ease: will you see it? None
    where liking has no distribution over stars. films: a row for each column of the ratings, with
    movie_id, title, year, genres, n_ratings and spread (standard deviation of the ratings). scale:
    of the ratings. groups: of demographics, see `groups_of`. history: of the training.
    """

    liking: FoldIn | StackedAutoencoder
    ease: Ease | None
    films: pd.DataFrame
    scale: Scale
    groups: dict[str, list]
    dataset: str
    recipe: str
    seed: int
    history: History

    @property
    def validation_rmse(self) -> float:
        """Of the validation ratings, by which the epoch was chosen; in the unit of the scale."""
        return self.scale.star * min(self.history.validation_loss) ** 0.5

    @property
    def knows_people(self) -> bool:
        """Whether it makes a difference who a person is."""
        weight = getattr(self.liking, "demographics", None)
        if weight is None:
            weight = self.liking.config.demographics  # type: ignore[union-attr]
        return bool(self.groups) and weight > 0

    def scores(self, people: People, films: Films = ALL) -> np.ndarray:
        """(n, n_films) by which the list is sorted; expected stars where there is no `ease`."""
        if self.ease is None:
            return self.liking.predict(people)[:, films]
        return list_scores(self.liking, self.ease, people, films)

    def save(self, path: Path) -> None:
        """Write one safetensors file, whole or not at all. Raises SaelibError, OSError."""
        parts: dict[str, Any] = {"liking": self.liking, "ease": self.ease}
        films = self.films.astype(object).where(self.films.notna(), None)
        about = {"films": films.to_dict("list"), "scale": asdict(self.scale)}
        about |= {name: getattr(self, name) for name in ("groups", "dataset", "recipe", "seed")}
        about |= {"history": asdict(self.history), "settings": {}}
        arrays = {}
        for part, of in parts.items():
            fields = {} if of is None else dict(vars(of))
            if "config" in fields:  # a network
                weights = {name: tensor.numpy() for name, tensor in of.state_dict().items()}
                fields = weights | {"config": asdict(of.config), "sizes": of.sizes}
            for name, value in fields.items():
                if isinstance(value, np.ndarray):
                    short = value.astype(np.float16) if value.dtype == np.float32 else value
                    arrays[f"{part}.{name}"] = short if (short == value).all() else value
                else:
                    about["settings"][f"{part}.{name}"] = value
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise SaelibError(f"The model has numbers that are not finite; {path} is not written.")
        about["digest"] = _digest(arrays, about)
        metadata = {"format": FORMAT, "about": json.dumps(about)}
        write_whole(path, save({k: np.asarray(v, order="C") for k, v in arrays.items()}, metadata))

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read what `save` wrote; nothing is executed. Raises SaelibError for any other file."""
        try:
            with safe_open(path, "numpy") as file:
                metadata = file.metadata() or {}
                if metadata.get("format") != FORMAT:
                    raise ValueError(f"its format is {metadata.get('format')!r:.40}")
                about = json.loads(metadata["about"])
                arrays = {name: file.get_tensor(name) for name in file.keys()}
            if about.pop("digest") != _digest(arrays, about):
                raise ValueError("it has been changed")
            parts: dict[str, dict] = {"liking": {}, "ease": {}}
            for key, value in (about["settings"] | arrays).items():
                part, name = key.split(".", 1)
                is_short = getattr(value, "dtype", None) == np.float16
                parts[part][name] = value.astype(np.float32) if is_short else value
            liking = parts["liking"]
            types = {"title": str, "year": "Int64", "genres": str, "n_ratings": "int64"}
            return cls(
                _network(liking) if "config" in liking else FoldIn(**liking),
                Ease(**parts["ease"]) if parts["ease"] else None,
                pd.DataFrame(about["films"]).astype(types | {"spread": float}),
                Scale(**about["scale"]),
                **{name: about[name] for name in ("groups", "dataset", "recipe", "seed")},
                history=History(**about["history"]),
            )
        except Exception as error:
            raise SaelibError(
                f"{path} is no model of this version of saelib ({error}). Train it again: "
                "python -m saelib train"
            ) from error


def write_whole(path: Path | str, data: bytes) -> None:
    """Write a file so that it holds all of the bytes or is as it was. Raises SaelibError."""
    part = Path(f"{path}.part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        os.replace(part, path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        problem = f"{path} cannot be written: {error}. Free space, or go elsewhere."
        raise SaelibError(problem) from error


def _digest(arrays: dict[str, np.ndarray], about: dict) -> str:
    digest = hashlib.sha256(json.dumps(about).encode())
    for name in sorted(arrays):
        digest.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


def _network(fields: dict) -> StackedAutoencoder:
    """A network over people, out of a file."""
    import torch

    from saelib.family import MEMBERS

    config = Config(**fields.pop("config"))
    network = MEMBERS[config.member](config, *fields.pop("sizes"))
    network.load_state_dict({name: torch.from_numpy(value) for name, value in fields.items()})
    return network.eval()


# -- From ratings to a model ------------------------------------------------------------------


def train(
    data: Dataset, recipe: str = "default", *, seed: int = 0, epochs: int | None = None, **options
) -> Model:
    """Train a recipe on nine tenths of the ratings; the other tenth chooses the epoch.

    options: checkpoint, resume, keep, progress and device, see `training.fit`. Raises SaelibError.
    """
    from saelib.training import build, fit

    config, parts = find(recipe, epochs), split(len(data.ratings), seed)
    known, others = (RatingMatrix.from_dataset(data, data.ratings.iloc[part]) for part in parts)
    network = build(config, known, seed)
    history = fit(network, known, validation=others.csr, seed=seed, **options)
    of_film = data.ratings.groupby("movie_id")["rating"].agg(n_ratings="size", spread="std")
    films = data.movies.set_index("movie_id").loc[known.item_ids].join(of_film).reset_index()
    films = films.fillna({"n_ratings": 0, "spread": 0}).astype({"n_ratings": "int64"})
    return Model(
        FoldIn.of(network, known) if config.rows == "films" else network,
        Ease.fit(known.people) if config.head == "ordered" else None,
        films,
        data.scale,
        known.groups,
        data.name,
        recipe,
        seed,
        history,
    )


def autoencoder(recipe: str, epochs: int | None = None, **options) -> Learn:
    """The stars of a recipe, trained on all that it is given, for all its epochs.

    Of people whom a network over films was trained on it has two predictions, that of the folded-in
    vector and that of the vector it learned; their mean is better than either.
    """
    from saelib.training import build, fit, known_stars

    config = find(recipe, epochs)

    def learn(matrix: RatingMatrix, seed: int) -> Predict:
        network = build(config, matrix, seed)
        fit(network, matrix, seed=seed, **options)
        if config.rows == "people":
            return network.predict
        folded, learned = FoldIn.of(network, matrix), known_stars(network, matrix)

        def predict(people: People) -> np.ndarray:
            if people.rows is None:
                return folded.predict(people)
            return (folded.predict(people) + learned(people.rows)) / 2

        return predict

    return learn


def ranker(recipe: str, epochs: int | None = None, **options) -> Learn:
    """The order in which a recipe recommends."""
    from saelib.training import build, fit

    config = find(recipe, epochs)

    def learn(matrix: RatingMatrix, seed: int) -> Predict:
        network = build(config, matrix, seed)
        fit(network, matrix, seed=seed, **options)
        liking = FoldIn.of(network, matrix) if config.rows == "films" else network
        if config.head != "ordered":
            return liking.predict
        ease = Ease.fit(matrix.people)
        return lambda people: list_scores(liking, ease, people)

    return learn


def models(protocol: str, recipes: Iterable[str], **options) -> dict[str, Learn]:
    """What a protocol compares: the baselines, and recipes as `sae-<recipe>`.

    options: epochs, and what `training.fit` takes.
    """
    of_recipe, baselines = autoencoder, BASELINES
    if protocol == "ranking":
        of_recipe, baselines = ranker, RANKERS
    return baselines | {f"sae-{name}": of_recipe(name, **options) for name in recipes}
