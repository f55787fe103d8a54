"""From a release to a model that recommends: train it, save it in one file, load it again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from saelib.datasets import MovieLens
from saelib.errors import CheckpointError
from saelib.model import StackedAutoencoder
from saelib.preprocessing import RatingMatrix, encode_demographics, split_ratings
from saelib.storage import read_tensors, write_tensors
from saelib.training import History, build, find_recipe, fit


@dataclass
class TrainedModel:
    """All that recommending needs: the network and what its columns mean.

    films: one row per column of the network's input, with movie_id, title, year, genres,
    n_ratings and spread (standard deviation of the ratings, stars). user_ids: who it was trained
    on. scale: lowest and highest rating and the step between, in stars. occupations: those that
    the release knows; empty where it has no demographics.
    """

    model: StackedAutoencoder
    dataset: str
    recipe: str
    seed: int
    scale: tuple[float, float, float]
    films: pd.DataFrame
    user_ids: np.ndarray
    occupations: list[str]
    history: History

    def save(self, path: Path) -> None:
        """Write one safetensors file. Raises CheckpointError; the old file then survives."""
        films = self.films
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors["user_ids"] = torch.from_numpy(self.user_ids.astype(np.int64))
        for column in ("movie_id", "n_ratings"):
            tensors[f"films.{column}"] = torch.from_numpy(films[column].to_numpy(np.int64).copy())
        years = films["year"].fillna(0).to_numpy(np.int64)
        tensors["films.year"] = torch.from_numpy(years)  # 0: unknown
        tensors["films.spread"] = torch.from_numpy(films["spread"].to_numpy(np.float32).copy())
        about = {key: getattr(self, key) for key in ("dataset", "recipe", "seed", "scale")}
        about |= {"occupations": self.occupations, "history": asdict(self.history)}
        about |= {"settings": self.model.settings}
        about |= {key: films[key].tolist() for key in ("title", "genres")}
        write_tensors(path, tensors, {"format": "saelib model 1", "about": json.dumps(about)})

    @classmethod
    def load(cls, path: Path) -> TrainedModel:
        """Read what `save` wrote. Raises CheckpointError for any other file."""
        tensors, metadata = read_tensors(path, "saelib model 1")
        try:
            about = json.loads(metadata["about"])
            model = StackedAutoencoder(**about["settings"])
            weights = {k.removeprefix("model."): v for k, v in tensors.items() if "model." in k}
            model.load_state_dict(weights)
            year = pd.Series(tensors["films.year"].numpy(), dtype="Int64")
            films = pd.DataFrame(
                {
                    "movie_id": tensors["films.movie_id"].numpy(),
                    "title": pd.Series(about["title"], dtype=str),
                    "year": year.mask(year == 0),
                    "genres": pd.Series(about["genres"], dtype=str),
                    "n_ratings": tensors["films.n_ratings"].numpy(),
                    "spread": tensors["films.spread"].numpy(),
                }
            )
            return cls(
                model.eval(),
                about["dataset"],
                about["recipe"],
                about["seed"],
                tuple(about["scale"]),
                films,
                tensors["user_ids"].numpy(),
                about["occupations"],
                History(**about["history"]),
            )
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"{path} does not fit this version of saelib ({error}). Train it again with "
                "`python -m saelib train`."
            ) from error


def train(
    data: MovieLens,
    recipe: str = "default",
    *,
    seed: int = 0,
    epochs: int | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> TrainedModel:
    """Train a recipe on nine tenths of a release; the other tenth chooses the epoch.

    Raises SaelibError for an unknown recipe, and what `fit` raises.
    """
    settings = find_recipe(recipe, epochs)
    training, held_out = split_ratings(len(data.ratings), seed)
    shown = RatingMatrix.from_movielens(data, data.ratings.iloc[training])
    hidden = RatingMatrix.from_movielens(data, data.ratings.iloc[held_out])
    people = encode_demographics(data, shown.user_ids)
    model = build(settings, shown.csr, people is not None, seed)
    history = fit(
        model,
        shown.csr,
        settings,
        demographics=people if model.n_demographics else None,
        validation=hidden.csr,
        seed=seed,
        checkpoint=checkpoint,
        resume=resume,
        progress=progress,
    )
    of_film = data.ratings.groupby("movie_id")["rating"].agg(n_ratings="size", spread="std")
    films = data.movies.set_index("movie_id").loc[shown.item_ids].join(of_film).reset_index()
    films = films.fillna({"n_ratings": 0, "spread": 0}).astype({"n_ratings": "int64"})
    occupations = [] if data.users is None else sorted(data.users["occupation"].unique())
    return TrainedModel(
        model, data.name, recipe, seed, data.scale, films, shown.user_ids, occupations, history
    )
