"""The network against plain loops, and a training that is exact, repeatable and resumable."""

from __future__ import annotations

import json
import os
import pickle
from dataclasses import fields, replace
from operator import attrgetter

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import files_of_at_most
from safetensors.torch import save_file
from scipy.sparse import csr_array
from torch import nn

from saelib.data.features import N_DEMOGRAPHICS, encode_demographics
from saelib.data.matrix import RatingMatrix, split_ratings
from saelib.errors import CheckpointError, SaelibError
from saelib.model.bundle import Bundle
from saelib.model.fold_in import FoldIn
from saelib.model.learn import train
from saelib.network import training
from saelib.network.autoencoder import StackedAutoencoder
from saelib.network.baseline import BiasBaseline
from saelib.network.heads import masked_loss
from saelib.network.recipes import RECIPES, Recipe
from saelib.network.storage import read_tensors, write_tensors
from saelib.network.training import build, fit, held_out_loss, hide_inputs, orient

SMALL = Recipe(hidden=(8,), one_cycle=False, n_batches=5, epochs=6)


@pytest.fixture(scope="module")
def known(data):
    return RatingMatrix.from_dataset(data)


@pytest.fixture(scope="module")
def csr(known):
    return known.csr


def dense_layer(*bags: nn.EmbeddingBag) -> torch.Tensor:
    return torch.cat([bag.weight for bag in bags])


def test_the_plain_network_equals_linear_layers(csr):
    torch.manual_seed(0)
    model = StackedAutoencoder(40, (16, 8, 4)).eval()
    ratings = torch.from_numpy(csr.toarray())
    x = torch.relu(ratings @ model.rating_inputs.weight + model.input_bias)
    for layer in [*model.encoder, *model.decoder, model.outputs]:
        x = torch.relu(x @ layer.weight.T + layer.bias)
    torch.testing.assert_close(model(ratings), x, atol=1e-5, rtol=1e-5)
    sizes = [(m.in_features, m.out_features) for m in [*model.encoder, *model.decoder]]
    assert sizes == [(16, 8), (8, 4), (4, 8), (8, 16)]
    assert model.encode(ratings).shape == (60, 4)


def test_the_residual_network_by_hand(csr, data):
    torch.manual_seed(0)
    model = StackedAutoencoder(
        40,
        (8,),
        activation="tanh",
        inputs="residuals+mask",
        n_row_features=N_DEMOGRAPHICS,
        row_scale=0.5,
    ).eval()
    baseline = BiasBaseline.fit(csr)
    model.set_baseline(baseline)
    people = encode_demographics(data, np.arange(1, 61))
    stars, rated = csr.toarray().astype(float), csr.toarray() > 0
    expected = baseline.predict(csr)
    inputs = np.hstack([np.where(rated, stars - expected, 0), rated])
    inputs *= 3 / np.sqrt(rated.sum(axis=1, keepdims=True))
    weights = {k: v.numpy().astype(float) for k, v in model.state_dict().items()}
    first = np.vstack([weights["rating_inputs.weight"], weights["mask_inputs.weight"]])
    hidden = inputs @ first + 0.5 * people @ weights["row_inputs.weight"].T
    code = np.tanh(hidden + weights["input_bias"])
    output = code @ weights["outputs.weight"].T + weights["outputs.bias"]
    np.testing.assert_allclose(model.predict(csr, people), expected + output, atol=1e-4)


@pytest.mark.parametrize("skips", [False, True])
def test_a_deep_decoder_that_is_told_of_its_columns_by_hand(csr, skips):
    torch.manual_seed(0)
    model = StackedAutoencoder(
        40, (8, 8, 3), activation="tanh", inputs="mask", n_column_features=5, skips=skips
    ).eval()
    for name in ("column_features", "column_map"):
        getattr(model, name).data.normal_()
    code = model.encode(torch.from_numpy(csr[:6].toarray()))
    last = torch.tanh(model.decoder[0](code))  # 3 -> 8, no skip
    step = torch.tanh(model.decoder[1](last))  # 8 -> 8
    last = last + step if skips else step
    vectors = model.outputs.weight + model.column_features @ model.column_map
    torch.testing.assert_close(
        model.decode(code), last @ vectors.T + model.outputs.bias, atol=1e-5, rtol=1e-5
    )
    if skips:
        assert not step.any(), "a layer with a skip starts at adding nothing"


def test_a_person_without_ratings_gets_a_finite_prediction():
    model = StackedAutoencoder(5, (4,), inputs="residuals+mask")
    assert torch.isfinite(model(torch.zeros(2, 5))).all()
    assert torch.isfinite(StackedAutoencoder(5, (4,))(torch.zeros(2, 5))).all()


def test_the_masked_loss_and_its_gradient_against_a_loop():
    rng = np.random.default_rng(0)
    ratings = np.where(rng.random((6, 9)) < 0.4, rng.integers(1, 6, (6, 9)), 0).astype(np.float32)
    predicted = rng.normal(3, 1, (6, 9)).astype(np.float32)
    loss, gradient, n = 0.0, np.zeros((6, 9)), int((ratings > 0).sum())
    for u in range(6):
        for i in range(9):
            if ratings[u, i]:
                loss += (predicted[u, i] - ratings[u, i]) ** 2 / n
                gradient[u, i] = 2 * (predicted[u, i] - ratings[u, i]) / n
    tensor = torch.tensor(predicted, requires_grad=True)
    found = masked_loss(tensor, torch.from_numpy(ratings))
    found.backward()
    assert found.item() == pytest.approx(loss, rel=1e-5)
    np.testing.assert_allclose(tensor.grad, gradient, atol=1e-6)


def test_unobserved_cells_change_nothing(csr):
    torch.manual_seed(0)
    model = StackedAutoencoder(40, (8,)).eval()
    ratings = torch.from_numpy(csr.toarray())
    loss = masked_loss(model(ratings), ratings)
    disturbed = model(ratings) + 100 * (ratings == 0)
    assert masked_loss(disturbed, ratings) == loss


def test_hidden_inputs_are_the_share_asked_for():
    torch.manual_seed(0)
    ratings = torch.ones(200, 500)
    shown = hide_inputs(ratings, (0.2, 0.6))
    shares = 1 - shown.mean(dim=1)
    assert 0.35 < shares.mean() < 0.45
    assert 0.14 < shares.min() < 0.3 < 0.5 < shares.max() < 0.67
    assert torch.equal(hide_inputs(ratings, (0.0, 0.0)), ratings)


def test_plain_is_the_network_of_the_lessons():
    [plain] = RECIPES["plain"]
    assert (plain.hidden, plain.activation, plain.dropout) == ((128, 64), "relu", 0.5)
    assert (plain.inputs, plain.epochs) == ("stars", 70)


def weights_of(model) -> bytes:
    return b"".join(v.numpy().tobytes() for v in model.state_dict().values())


def fresh(known, seed=0, recipe=SMALL):
    return build(known, orient(recipe, known), seed)


def fitted(known, seed=0, recipe=SMALL, **options):
    model = fresh(known, seed, recipe)
    history = fit(model, known.csr, recipe, seed=seed, progress=False, **options)
    return model, history


@pytest.mark.parametrize(
    "recipe", [SMALL, replace(SMALL, input_dropout=(0.1, 0.9), weight_decay=2.0, one_cycle=True)]
)
def test_the_same_seed_gives_the_same_bits_whatever_was_drawn_before(known, recipe):
    first, history = fitted(known, recipe=recipe)
    torch.rand(7)
    np.random.rand(7)
    second, again = fitted(known, recipe=recipe)
    assert weights_of(first) == weights_of(second)
    assert history == again
    assert weights_of(first) != weights_of(fitted(known, seed=1, recipe=recipe)[0])


def test_training_leaves_the_callers_random_numbers_alone(known):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fitted(known)
    assert torch.equal(torch.rand(3), expected)


def test_the_loss_of_held_out_ratings_falls_and_the_best_epoch_is_kept(data):
    trained = train(data, "decay", epochs=30, progress=False)
    [history] = trained.histories
    losses = history.validation_loss
    assert len(losses) == len(history.train_loss) == 30
    assert min(losses) < 0.75 * losses[0]
    assert history.best_epoch == int(np.argmin(losses)) + 1
    shown, hidden = (
        RatingMatrix.from_dataset(data, data.ratings.iloc[part]).csr
        for part in split_ratings(len(data.ratings), 0)
    )
    kept = held_out_loss(trained.liking, shown, hidden)
    assert kept == pytest.approx(min(losses), rel=1e-6)
    assert trained.held_out_rmse == pytest.approx(min(losses) ** 0.5, rel=1e-6)


def test_strong_decay_shrinks_the_weights_but_not_the_biases(known):
    loose, _ = fitted(known)
    tight, _ = fitted(known, recipe=replace(SMALL, weight_decay=20.0))
    assert tight.outputs.weight.norm() < 0.7 * loose.outputs.weight.norm()
    untrained = fresh(known)
    # 30 steps shrink a weight without gradient to 0.98 ** 30 = 0.55 of itself.
    assert tight.input_bias.norm() > 0.75 * untrained.input_bias.norm()


def test_without_validation_the_last_epoch_is_kept(known):
    model, history = fitted(known)
    assert history.best_epoch == SMALL.epochs
    assert history.validation_loss == []
    assert not model.training


class _Interrupt:
    """Raise KeyboardInterrupt in the middle of the given epoch."""

    def __init__(self, monkeypatch, epoch: int):
        self.calls = 0

        def hide(ratings, share):
            self.calls += 1
            if self.calls == SMALL.n_batches * (epoch - 1) + 3:
                raise KeyboardInterrupt
            return hide_inputs(ratings, share)

        monkeypatch.setattr(training, "hide_inputs", hide)


def test_ctrl_c_keeps_the_best_epoch_so_far(known, data, monkeypatch):
    with monkeypatch.context() as patch:
        _Interrupt(patch, epoch=4)
        model, history = fitted(known)
    assert history.interrupted
    assert history.best_epoch == len(history.train_loss) == 3
    stopped = fresh(known)
    # The one-cycle pace is off in SMALL, so three epochs of six are three epochs of three.
    fit(stopped, known.csr, replace(SMALL, epochs=3), progress=False)
    assert weights_of(model) == weights_of(stopped)


def test_ctrl_c_before_the_first_epoch_is_done_is_passed_on(known, monkeypatch):
    _Interrupt(monkeypatch, epoch=1)
    with pytest.raises(KeyboardInterrupt):
        fitted(known)


@pytest.mark.parametrize("one_cycle", [False, True])
def test_a_resumed_training_ends_as_an_uninterrupted_one(known, tmp_path, monkeypatch, one_cycle):
    recipe = replace(SMALL, one_cycle=one_cycle, input_dropout=(0.1, 0.5), weight_decay=1.0)
    checkpoint = tmp_path / "training.checkpoint"
    whole, history = fitted(known, recipe=recipe, validation=known.csr)
    with monkeypatch.context() as patch:
        _Interrupt(patch, epoch=4)
        _, stopped = fitted(known, recipe=recipe, validation=known.csr, checkpoint=checkpoint)
    assert stopped.interrupted
    resumed, continued = fitted(
        known, recipe=recipe, validation=known.csr, checkpoint=checkpoint, resume=True
    )
    assert weights_of(resumed) == weights_of(whole)
    assert continued == history


def test_another_trainings_checkpoint_is_refused(known, tmp_path):
    checkpoint = tmp_path / "training.checkpoint"
    fitted(known, checkpoint=checkpoint)
    for seed, recipe, ratings, word in [
        (1, SMALL, known, "seed"),
        (0, replace(SMALL, dropout=0.1), known, "recipe"),
        (0, SMALL, known.take(np.arange(60)[::-1]), "ratings"),
    ]:
        with pytest.raises(CheckpointError, match=f"of a training with another {word}"):
            fitted(ratings, seed, recipe, checkpoint=checkpoint, resume=True)
    with pytest.raises(CheckpointError, match=r"nothing to resume: .*other is not there"):
        fitted(known, checkpoint=tmp_path / "other", resume=True)


def test_a_training_that_diverges_says_so(known):
    with pytest.raises(SaelibError, match=r"diverged. Lower the learning rate"):
        fitted(known, recipe=replace(SMALL, inputs="stars", activation="relu", learning_rate=1e30))


def test_too_few_ratings_are_called_so(known, data):
    row = known.take(np.zeros(20, dtype=int)).ratings.copy()
    row.data[row.indptr[1] :] = 0
    row.eliminate_zeros()
    model = fresh(replace(known, matrix=replace(known.matrix, csr=row)))
    with pytest.raises(SaelibError, match=r"too few ratings to train on: \d+ in 20 rows, so that"):
        fit(model, row, SMALL, progress=False)
    few = replace(data, ratings=data.ratings.iloc[:4])
    with pytest.raises(SaelibError, match=r"too few"):
        train(few, "plain", epochs=1, progress=False)
    with pytest.raises(SaelibError, match="No ratings are held out to measure on"):
        held_out_loss(fresh(known), known.csr, csr_array(known.csr.shape))


def test_unknown_recipe_and_impossible_epochs(data):
    with pytest.raises(SaelibError, match="Unknown recipe 'best'; choose one of plain, residuals"):
        train(data, "best")
    with pytest.raises(SaelibError, match="0 epochs"):
        train(data, epochs=0)


# -- The saved model --------------------------------------------------------------------------


def test_a_saved_model_comes_back_whole(trained, data, tmp_path):
    path = tmp_path / "folder" / "model.safetensors"
    trained.save(path)
    loaded = Bundle.load(path)
    for ours, theirs in zip(loaded.rating.networks, trained.liking.models, strict=True):
        for field in fields(FoldIn):
            assert np.array_equal(getattr(ours, field.name), getattr(theirs, field.name))
    pd.testing.assert_frame_equal(loaded.films, trained.films, check_dtype=False)
    np.testing.assert_array_equal(loaded.user_ids, trained.user_ids)
    for key in ("dataset", "recipe", "seed", "scale", "occupations", "histories", "held_out_rmse"):
        assert getattr(loaded, key) == getattr(trained, key)
    people = encode_demographics(data, trained.user_ids)
    csr = RatingMatrix.from_dataset(data).csr
    for people_told in (people, None):
        for model in ("rating.predict", "rating.distribution", "lists.scores"):
            before, after = (attrgetter(model)(t)(csr, people_told) for t in (trained, loaded))
            np.testing.assert_array_equal(before, after)
    assert [p.name for p in path.parent.iterdir()] == ["model.safetensors"]


class Evil:
    def __reduce__(self):
        return os.system, ("touch executed",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged or not a safetensors file"),
        (b"\x80" * 1000, "damaged or not a safetensors file"),
        (pickle.dumps(Evil()), "damaged or not a safetensors file"),
    ],
)
def test_a_foreign_file_is_refused_and_nothing_in_it_runs(content, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        Bundle.load(path)
    assert not (tmp_path / "executed").exists()


def test_a_truncated_model_and_others_safetensors_are_refused(trained, tmp_path):
    path = tmp_path / "model.safetensors"
    trained.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged"):
        Bundle.load(path)
    save_file({"a": torch.ones(2)}, path)
    with pytest.raises(CheckpointError, match=r"'saelib model 5'.*it says None"):
        Bundle.load(path)
    network = {"kind": "StackedAutoencoder", "settings": {"n_columns": 3, "layers": 2}}
    about = {"scale": [1, 5, 1], "networks": [network]}
    metadata = {"format": "saelib model 5", "about": json.dumps(about)}
    write_tensors(path, {"a": np.ones(2)}, metadata)
    with pytest.raises(CheckpointError, match="does not fit this version"):
        Bundle.load(path)
    with pytest.raises(CheckpointError, match=r"nowhere\.safetensors is not there"):
        Bundle.load(tmp_path / "nowhere.safetensors")


def test_the_old_model_survives_a_full_disk(trained, tmp_path):
    path = tmp_path / "model.safetensors"
    trained.save(path)
    before = path.read_bytes()
    with files_of_at_most(1000), pytest.raises(CheckpointError, match="File too large"):
        trained.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_what_a_killed_writer_left_is_cleared_and_what_another_one_writes_is_not(tmp_path):
    old, new = tmp_path / ".saelib-1.part", tmp_path / ".saelib-2.part"
    for part in (old, new):
        part.write_bytes(b"half")
    os.utime(old, (0, 0))
    write_tensors(tmp_path / "model.safetensors", {"a": np.ones(2)}, {})
    assert {p.name for p in tmp_path.iterdir()} == {".saelib-2.part", "model.safetensors"}


def test_a_model_that_is_no_numbers_is_not_saved(trained, tmp_path):
    spread = trained.films["spread"].copy()
    spread[3] = np.nan
    broken = replace(trained, films=trained.films.assign(spread=spread))
    with pytest.raises(CheckpointError, match=r"films\.spread holds numbers that are not finite"):
        broken.save(tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["a weight", "a text", "the name of an array"])
def test_a_file_that_is_not_as_it_was_written_is_refused(kind, tmp_path):
    path = tmp_path / "file"
    written = {"weights": np.ones((2, 3), dtype=np.float32), "n": np.array(3)}
    write_tensors(path, written, {"format": "a kind", "title": "Fargo"})
    read, metadata = read_tensors(path, "a kind")
    assert {name: array.tolist() for name, array in read.items()} == {
        "weights": [[1, 1, 1], [1, 1, 1]],
        "n": 3,
    }
    assert metadata == {"format": "a kind", "title": "Fargo"}
    content = path.read_bytes()
    path.write_bytes(
        {
            "a weight": content[:-1] + bytes([content[-1] ^ 1]),
            "a text": content.replace(b"Fargo", b"Cargo"),
            "the name of an array": content.replace(b"weights", b"heights"),
        }[kind]
    )
    with pytest.raises(CheckpointError, match="damaged: it is not as it was written"):
        read_tensors(path, "a kind")


def test_a_recipe_is_more_cautious_where_ratings_are_few():
    """Twice as much decay, facts and shrinkage at a sixteenth of a million; half as much raters."""
    recipe = Recipe(weight_decay=3.5, facts=1.0, raters=0.8, shrinkage=5.0, caution=0.25)
    few = recipe.for_ratings(62_500)
    assert (few.weight_decay, few.facts, few.raters, few.shrinkage) == (7.0, 2.0, 0.4, 10.0)
    assert few.for_ratings(62_500) == few, "once"
    assert recipe.for_ratings(1_000_000) == replace(recipe, caution=0.0)


def test_the_network_of_few_ratings_is_made_by_the_cautious_recipe(known):
    recipe = replace(RECIPES["default"].networks[0], hidden=(4,))
    oriented = orient(recipe, known)
    assert oriented.recipe == recipe.for_ratings(known.csr.nnz) != recipe
    network = build(known, oriented, 0)
    assert network.shrinkage == oriented.recipe.shrinkage
    assert network.row_scale == oriented.recipe.facts
