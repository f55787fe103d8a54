"""All that recommending needs, in one file. A model of `FoldIn`s loads without torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from saelib.choice import Ease, ListModel
from saelib.errors import CheckpointError
from saelib.fold_in import FoldIn
from saelib.history import History
from saelib.rating_model import RatingModel
from saelib.storage import read_tensors, write_tensors
from saelib.taste import TasteMap, code_layer

if TYPE_CHECKING:
    from saelib.model import StackedAutoencoder

FORMAT = "saelib model 5"

Arrays = dict[str, np.ndarray]


@dataclass
class TrainedModel:
    """All that recommending needs: the networks and what their columns mean.

    rating: how will you like it? lists: will you see it, and then like it? None in recipes whose
    networks predict no distribution over stars. taste: where people stand, on two axes. films: one
    row per column of the ratings, with movie_id, title, year, genres, n_ratings and spread
    (standard deviation of the ratings, stars). user_ids: who it was trained on. scale: lowest and
    highest rating and the step between, in stars. occupations: those that the release knows; empty
    where it has no demographics. histories: of each network. held_out_rmse: stars, of the tenth of
    the ratings that was held out.
    """

    rating: RatingModel
    lists: ListModel | None
    taste: TasteMap
    dataset: str
    recipe: str
    seed: int
    scale: tuple[float, float, float]
    films: pd.DataFrame
    user_ids: np.ndarray
    occupations: list[str]
    histories: list[History]
    held_out_rmse: float

    def save(self, path: Path) -> None:
        """Write one safetensors file. Raises CheckpointError; the old file then survives."""
        films = self.films
        tensors, networks = {}, []
        for number, network in enumerate(self.rating.networks):
            if isinstance(network, FoldIn):
                found, settings = _take_apart(network)
            else:
                found, settings = network.arrays(), network.settings
            tensors |= {f"network{number}.{name}": value for name, value in found.items()}
            networks.append({"kind": type(network).__name__, "settings": settings})
        about = {key: getattr(self, key) for key in ("dataset", "recipe", "seed", "scale")}
        about |= {"held_out_rmse": self.held_out_rmse}
        about["networks"] = networks
        if self.lists is not None:
            found, about["choice"] = _take_apart(self.lists.choice)
            tensors |= {f"choice.{name}": value for name, value in found.items()}
        found, about["taste"] = _take_apart(self.taste, "network")
        tensors |= {f"taste.{name}": value for name, value in found.items()}
        tensors["user_ids"] = self.user_ids.astype(np.int64)
        for column in ("movie_id", "n_ratings"):
            tensors[f"films.{column}"] = films[column].to_numpy(np.int64)
        tensors["films.year"] = films["year"].fillna(0).to_numpy(np.int64)  # 0: unknown
        tensors["films.spread"] = films["spread"].to_numpy(np.float32)
        about |= {key: films[key].tolist() for key in ("title", "genres")}
        about |= {"occupations": self.occupations, "histories": [asdict(h) for h in self.histories]}
        write_tensors(path, tensors, {"format": FORMAT, "about": json.dumps(about)})

    @classmethod
    def load(cls, path: Path) -> TrainedModel:
        """Read what `save` wrote. Raises CheckpointError for any other file."""
        tensors, metadata = read_tensors(path, FORMAT)
        try:
            about = json.loads(metadata["about"])
            scale = tuple(about["scale"])
            networks = [
                _network(found["kind"], _under(f"network{number}.", tensors), found["settings"])
                for number, found in enumerate(about["networks"])
            ]
            rating, lists = RatingModel(networks), None
            if "choice" in about:
                choice = _put_together(Ease, _under("choice.", tensors), about["choice"])
                lists = ListModel(choice, rating, scale)
            settings = about["taste"] | {"network": code_layer(rating)}
            taste = _put_together(TasteMap, _under("taste.", tensors), settings)
            year = pd.Series(tensors["films.year"], dtype="Int64")
            films = pd.DataFrame(
                {
                    "movie_id": tensors["films.movie_id"],
                    "title": pd.Series(about["title"], dtype=str),
                    "year": year.mask(year == 0),
                    "genres": pd.Series(about["genres"], dtype=str),
                    "n_ratings": tensors["films.n_ratings"],
                    "spread": tensors["films.spread"],
                }
            )
            return cls(
                rating,
                lists,
                taste,
                about["dataset"],
                about["recipe"],
                about["seed"],
                scale,
                films,
                tensors["user_ids"],
                about["occupations"],
                [History(**history) for history in about["histories"]],
                about["held_out_rmse"],
            )
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"{path} does not fit this version of saelib ({error}). Train it again with "
                "`python -m saelib train`."
            ) from error

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training early."""
        return any(history.interrupted for history in self.histories)


def _network(kind: str, arrays: Arrays, settings: dict) -> FoldIn | StackedAutoencoder:
    if kind == "FoldIn":
        return _put_together(FoldIn, arrays, settings)
    from saelib.model import StackedAutoencoder  # with torch, which no `FoldIn` waits for

    return StackedAutoencoder.from_arrays(arrays, settings)


def _take_apart(thing: FoldIn | Ease | TasteMap, *without: str) -> tuple[Arrays, dict]:
    """The arrays of a dataclass, and all else that it holds; `without` some fields."""
    names = [field.name for field in fields(thing) if field.name not in without]
    values = {name: getattr(thing, name) for name in names}
    arrays = {k: v for k, v in values.items() if isinstance(v, np.ndarray)}
    return arrays, {k: v for k, v in values.items() if k not in arrays}


def _put_together(kind: type, arrays: Arrays, settings: dict):
    if "scale" in settings:
        settings = settings | {"scale": tuple(settings["scale"])}
    return kind(**arrays, **settings)


def _under(prefix: str, tensors: Arrays) -> Arrays:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
