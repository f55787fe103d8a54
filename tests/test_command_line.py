"""The commands as a person types them, and errors without a traceback."""

import io
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from saelib import __version__, cli, commands, movielens
from saelib.autoencoder import StackedAutoencoder
from saelib.evaluation import BASELINES
from saelib.model import Model
from saelib.recipes import FAMILY, LADDER
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender


@pytest.fixture
def project(monkeypatch, tmp_path, trained, data):
    """An empty project with a model and a profile in it; output goes nowhere else."""
    monkeypatch.setattr(movielens, "PROJECT", tmp_path)
    monkeypatch.setattr(commands, "load", lambda name: data)
    monkeypatch.chdir(tmp_path)
    trained.save(tmp_path / "models" / "ml-100k-default.safetensors")
    (tmp_path / "me.json").write_text('{"ratings": {"80": 5, "Toy Story": 1}}')
    return tmp_path


def said(capsys, line: str) -> str:
    capsys.readouterr()
    cli.main(line.split())
    return capsys.readouterr().out


def test_help_and_version_wait_for_nothing_slow_and_each_command_explains_itself(capsys):
    script = (
        "import sys; from saelib.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print([name for name in ('torch', 'pandas', 'numpy') if name in sys.modules])"
    )
    for option, wanted in (("--help", [*cli.COMMANDS]), ("--version", [f"saelib {__version__}"])):
        out = subprocess.check_output([sys.executable, "-c", script, option], text=True)
        assert out.endswith("\n[]\n") and all(re.search(rf"^ *{w}\b", out, re.M) for w in wanted)
    for name in cli.COMMANDS:
        with pytest.raises(SystemExit):
            cli.main([name, "--help"])
        assert f"usage: python -m saelib {name}" in capsys.readouterr().out
    assert all(name in cli.DATASETS for name in movielens.RELEASES)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("train --recipe best", "Unknown recipe 'best'"),
        ("train --output x.png", "the name of a file ending in .safetensors, not x.png"),
        ("train --resume", "There is no checkpoint to go on from"),
        ("train --scale 1 5", "and --keep-last go with --ratings FILE"),
        ("evaluate --not-rated 0", "and --keep-last go with --ratings FILE"),
        ("train --device foo", "--device foo cannot be used"),
        ("panel --host http://[::1", "There is no page at http://[::1"),
        ("train --ratings mine.csv", "--ratings needs --scale"),
        ("train --ratings ml-1m.csv --scale 1 5", "named like a release"),
        ("train --ratings nowhere.csv --scale 1 5", "nowhere.csv"),
        ("evaluate --protocol ranking --split u1", "--split u1 goes with --protocol ratings"),
        ("recommend --profile nobody.json", "nobody.json"),
        ("recommend --profile me.json --model me.json", "me.json is no model of this version"),
        ("rate --dataset ml-10m", "Make it: python -m saelib train --dataset ml-10m"),
        ("import nowhere.csv", "nowhere.csv"),
        ("train --seed -1", "is no whole number from 0 to 999999999"),
        (f"train --seed {'9' * 5000}", "is no whole number from 0 to 999999999"),
        ("train --epochs 0", "is no whole number from 1 to 999999999"),
        ("evaluate --protocol x", "invalid choice: 'x'"),
    ],
)
def test_what_cannot_be_done_is_one_message(project, line, message, capsys):
    """Exit status 1; where the words make no command, 2, and how it is used."""
    with pytest.raises(SystemExit) as stopped:
        cli.main(line.split())
    heard = capsys.readouterr().err or stopped.value.code
    assert heard.startswith(("Error: ", "usage: ")) and message in heard
    assert (stopped.value.code == 2) == heard.startswith("usage: ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("redirected", "code", "message"),
    [
        ("> /dev/full", 1, "Error: [Errno 28] No space left on device.\n"),
        ("| head -0", 0, ""),
        ("--model me.json", 1, None),
        ("-n 40", 0, ""),
    ],
)
def test_whatever_becomes_of_the_output_there_is_no_traceback(project, redirected, code, message):
    """A full disk, a reader who has enough, no model; and a console without ★ shows ?."""
    command = f"{sys.executable} -m saelib recommend --profile me.json"
    command += f" --model models/ml-100k-default.safetensors {redirected}"
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, shell=True, env=ascii_only, capture_output=True, text=True)
    assert done.returncode == code and "Traceback" not in done.stderr
    assert done.stderr == message or (message is None and done.stderr.startswith("Error: "))
    assert len(re.findall(r"\d\.\d \?", done.stdout)) == (38 if "40" in redirected else 0)


def test_train_saves_a_model_and_says_the_errors(project, capsys):
    (project / "models" / "other.checkpoint").write_text("another training's")
    out = said(capsys, "train --recipe plain --epochs 2 --seed 3")
    assert re.search(r"validation ratings: \d\.\d{3} after epoch [12] of 2; .*: \d\.\d{3}", out)
    made = {path.name for path in (project / "models").iterdir()}
    default = {"ml-100k-default.safetensors", "other.checkpoint"}
    assert made == default | {"ml-100k-plain.safetensors"}
    model = Model.load(project / "models" / "ml-100k-plain.safetensors")
    assert (model.recipe, model.seed) == ("plain", 3)
    assert f"validation ratings: {model.validation_rmse:.3f} after" in out


def test_train_goes_on_after_ctrl_c_and_a_whole_model_stays(project, capsys):
    command = "train --recipe bare --epochs 4 --output whole.safetensors"
    said(capsys, command)
    whole, loss, steps = project / "whole.safetensors", StackedAutoencoder.loss, []
    before, of_numbers = whole.read_bytes(), rb"digest\W+(\w{64})"

    def press(*of):
        steps.append(1)
        if len(steps) == 150:  # 60 rows make 60 batches an epoch, so it is in the third one
            raise KeyboardInterrupt
        return loss(*of)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as stopped:
        patch.setattr(StackedAutoencoder, "loss", press)
        cli.main(command.split())
    assert stopped.value.code == "\nStopped. The same command with --resume goes on from there."
    assert whole.read_bytes() == before and whole.with_suffix(".checkpoint").exists()
    said(capsys, f"{command} --resume")
    assert not list(project.glob("*.checkpoint"))
    digests = [re.search(of_numbers, content)[1] for content in (before, whole.read_bytes())]
    assert digests[0] == digests[1], "to the bit"


def test_ratings_of_ones_own_become_a_model_that_recommends(project, data, capsys):
    rated = data.ratings.assign(rating=2 * data.ratings["rating"])
    columns = {"user_id": "user", "movie_id": "item"}
    rated.rename(columns=columns).to_csv("mine.csv", index=False)
    data.movies.rename(columns={"movie_id": "item"}).to_csv("films.csv", index=False)
    own = "--ratings mine.csv --scale 2 10 2 --items films.csv"
    said(capsys, f"train {own} --recipe bare --epochs 1")
    model = Model.load(project / "models" / "mine-bare.safetensors")
    assert (model.scale.lowest, model.scale.highest, model.dataset) == (2, 10, "mine")
    assert not Recommender(model).knows_people
    path = "models/mine-bare.safetensors"
    (project / "you.json").write_text('{"dataset": "mine", "ratings": {"80": 10}}')
    assert "★" in said(capsys, f"recommend --profile you.json --model {path}")


@pytest.mark.parametrize(
    ("protocol", "keys", "n"),
    [
        ("ratings", {"rmse", "rmse_seen"}, 1),
        ("new-users", {"n_inputs", "rmse", "rmse_seen"}, 6),
        ("ranking", {"ndcg@10", "recall@20", "coverage"}, 1),
        ("future", {"people", "n_people", "rmse", "rmse_seen"}, 3),
    ],
)
def test_evaluate_prints_json_lines_or_a_table(project, capsys, protocol, keys, n):
    command = f"evaluate --epochs 1 --recipe bare --seeds 0 1 0 --protocol {protocol}"
    lines = said(capsys, f"{command} --json --no-demographics").splitlines()
    rows = [json.loads(line, parse_constant=pytest.fail) for line in lines]
    simple = ["global-mean", "item-mean", "bias"]
    simple += ["popularity", "ease"] if protocol == "ranking" else []
    assert [row["model"] for row in rows] == list(np.repeat([*simple, "sae-bare"], n)) * 2
    assert {row["seed"] for row in rows} == {0, 1}
    common = {"dataset", "protocol", "seed", "model", "seconds", "demographics"}
    assert all(set(row) == common | keys for row in rows)
    table = said(capsys, command)
    assert len(re.findall(r"^sae-bare.*±", table, re.M)) >= 1
    metric = "ndcg@10" if protocol == "ranking" else "rmse"
    assert (f"{metric}: difference from sae-bare" in table) == (n == 1)


def test_groups_of_recipes_are_measured_and_each_recipe_once(project, monkeypatch, capsys):
    """`ladder` and `family` have two recipes in common."""
    asked = []
    monkeypatch.setattr(
        commands.models, "models", lambda of, names, **fit: asked.extend(names) or BASELINES
    )
    said(capsys, "evaluate --recipe ladder plain family")
    assert len(asked) == len(set(asked)) == len(LADDER) + len(FAMILY) and asked[0] == "plain"


def test_an_interrupted_evaluation_gives_no_figure_of_that_model(project, monkeypatch, capsys):
    def press(*of):
        raise KeyboardInterrupt

    monkeypatch.setattr(StackedAutoencoder, "loss", press)
    with pytest.raises(SystemExit) as stopped:
        cli.main("evaluate --recipe plain bare --seeds 0 1 --json".split())
    assert stopped.value.code == "\nStopped."
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["model"] for row in rows] == ["global-mean", "item-mean", "bias"]


def test_recommend_prints_a_list_or_json(project, capsys):
    lines = said(capsys, "recommend --profile me.json -n 3").splitlines()
    assert [line[:5] for line in lines[:3]] == ["  1. ", "  2. ", "  3. "]
    assert all(re.search(r"\w.* +\d\.\d ★", line) for line in lines[:3])
    rows = said(capsys, "recommend --profile me.json -n 3 --json").splitlines()
    films = [json.loads(row, parse_constant=pytest.fail) for row in rows]
    assert len(films) == 3 and films[0]["title"] in lines[0]
    assert {"movie_id", "title", "year", "genres", "stars", "distribution"} <= set(films[0])
    everything = {"ratings": {"80": 5}, "seen": list(range(10, 410, 10))}
    (project / "all.json").write_text(json.dumps(everything))
    assert said(capsys, "recommend --profile all.json").startswith("No film is left")


def test_rate_and_import_write_a_profile_and_overwrite_none(project, monkeypatch, capsys):
    for _ in range(2):
        monkeypatch.setattr("sys.stdin", io.StringIO("\n\n\n\n5\n1\n4\nq\n"))
        out = said(capsys, "rate")
    first, second = Profile.load("my-profile.json"), Profile.load("my-profile-2.json")
    assert first == second and len(first.ratings) == 3
    again = said(capsys, "recommend --profile my-profile.json")
    assert out.endswith(again) and again
    monkeypatch.setattr("sys.stdin", io.StringIO("q\n"))
    assert "Nothing was told" in said(capsys, "rate")
    (project / "mine.csv").write_text("title,year,stars\nSabrina,1995,4\nNo such film,1999,2\n")
    out = said(capsys, "import mine.csv --scale 1 5 --output new.json")
    assert Profile.load("new.json").ratings == {"60": 4}
    assert "No such film" in out and "new.json" in out
    assert len(list(project.glob("my-profile*"))) == 2


def test_panel_serves_a_model(project, monkeypatch, trained):
    served = []
    monkeypatch.setattr("saelib.panel.page.serve", lambda of, **told: served.append((of, told)))
    cli.main("panel --class --port 9000 --visitors 3 --lang es --no-browser".split())
    [(recommender, told)] = served
    told_whole = {"ip": "localhost", "port": 9000, "visitors": 3, "host": "", "room": True}
    assert told == told_whole | {"language": "es", "open_browser": False}
    assert recommender.dataset == "ml-100k"
    np.testing.assert_array_equal(recommender.model.liking.codes, trained.liking.codes)
