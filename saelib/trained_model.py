"""From a release to a model that recommends: train it, save it in one file, load it again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.sparse import csr_array

from saelib.choice import Ease, ListModel
from saelib.datasets import MovieLens
from saelib.errors import CheckpointError
from saelib.features import N_DEMOGRAPHICS, TrainingSet
from saelib.model import StackedAutoencoder
from saelib.preprocessing import RatingMatrix, split_ratings
from saelib.rating_model import FoldIn, RatingModel, fit_networks
from saelib.recipes import find_recipe
from saelib.storage import read_tensors, write_tensors
from saelib.taste import TasteMap, code_layer
from saelib.training import History, held_out_loss

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
                found = {name: value.numpy() for name, value in network.state_dict().items()}
                settings = network.settings
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
            networks = []
            for number, network in enumerate(about["networks"]):
                found = _under(f"network{number}.", tensors)
                if network["kind"] == "FoldIn":
                    networks.append(_put_together(FoldIn, found, network["settings"]))
                else:
                    model = StackedAutoencoder(**network["settings"])
                    weights = {name: torch.from_numpy(value) for name, value in found.items()}
                    model.load_state_dict(weights)
                    networks.append(model.eval())
            rating, lists = RatingModel(networks), None
            if "choice" in about:
                choice = _put_together(Ease, _under("choice.", tensors), about["choice"])
                lists = ListModel(choice, rating, scale)
            settings = about["taste"] | {"network": code_layer(rating)}
            taste = _put_together(TasteMap, _under("taste.", tensors), settings)
            of_film = ("movie_id", "title", "year", "genres", "n_ratings", "spread")
            films = {k: about[k] if k in about else tensors[f"films.{k}"] for k in of_film}
            films = pd.DataFrame(films).astype({"title": str, "year": "Int64", "genres": str})
            films["year"] = films["year"].mask(films["year"] == 0)
            trained = cls(
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
            trained._try_out()
            return trained
        except Exception as error:  # whatever does not fit
            raise CheckpointError(
                f"{path} does not fit this version of saelib ({error!r}). Train it again with "
                "`python -m saelib train`."
            ) from error

    def _try_out(self) -> None:
        """Use every part once. Raises whatever it may where they do not fit one another."""
        low, high, step = self.scale
        texts = [self.dataset, *self.occupations, *self.taste.names]
        texts += [*self.films["title"], *self.films["genres"]]
        if not (0 < low < high and step > 0 and all(type(text) is str for text in texts)):
            raise ValueError("no scale of stars, or no text where one belongs")
        row = csr_array(([high], ([0], [0])), shape=(1, len(self.films)), dtype=np.float32)
        person = np.ones((1, N_DEMOGRAPHICS), dtype=np.float32)
        for model in [self.rating.predict] + ([self.lists.scores] if self.lists else []):
            found = model(row, person)
            if found.shape != row.shape or not np.isfinite(found).all():
                raise ValueError("no score for each film")
        self.taste.near(self.taste.place(row, person), len(self.taste.places))

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training early."""
        return any(history.interrupted for history in self.histories)


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
    """Train a recipe on nine tenths of a release; the other tenth chooses each network's epoch.

    Raises SaelibError for an unknown recipe, and what `fit` raises.
    """
    recipes = find_recipe(recipe, epochs, stars=True)
    training, held_out = split_ratings(len(data.ratings), seed)
    known = TrainingSet.from_movielens(data, data.ratings.iloc[training])
    validation = RatingMatrix.from_movielens(data, data.ratings.iloc[held_out]).csr
    rating, histories = fit_networks(
        recipes,
        known,
        validation=validation,
        seed=seed,
        checkpoint=checkpoint,
        resume=resume,
        progress=progress,
    )
    lists = ListModel.fit(known, rating) if rating.is_ordered else None
    of_film = data.ratings.groupby("movie_id")["rating"].agg(n_ratings="size", spread="std")
    films = data.movies.set_index("movie_id").loc[known.matrix.item_ids].join(of_film).reset_index()
    films = films.fillna({"n_ratings": 0, "spread": 0}).astype({"n_ratings": "int64"})
    occupations = [] if data.users is None else sorted(data.users["occupation"].unique())
    return TrainedModel(
        rating,
        lists,
        TasteMap.fit(rating, known, films["genres"]),
        data.name,
        recipe,
        seed,
        data.scale,
        films,
        known.matrix.user_ids,
        occupations,
        histories,
        held_out_loss(rating, known.ratings, validation, known.people) ** 0.5,
    )
