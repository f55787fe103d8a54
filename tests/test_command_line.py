"""The commands as a person types them, errors without a traceback, and the interview."""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from itertools import count

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import EXAMPLES, files_of_at_most, write_release
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saelib import cli, compare, evaluation, plots
from saelib.data import releases
from saelib.model import learn
from saelib.network.recipes import RECIPES
from saelib.panel import page
from saelib.panel.terminal import interview
from saelib.recommend.profile import Profile
from saelib.recommend.questions import likely_seen, next_films
from saelib.recommend.recommender import Recommender

COMMANDS = "check fetch train evaluate ladder family recommend rate import panel".split()


def run(*arguments, **kwargs) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "saelib", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **kwargs)


def imported_by(option: str) -> str:
    """Which of the slow packages an option that ends at once has imported."""
    script = (
        "import sys; from saelib.cli import main\n"
        f"try: main([{option!r}])\n"
        "finally: print([m for m in ('torch', 'pandas', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    return done.stdout.splitlines()[-1]


def test_what_a_visitor_needs_is_without_torch_and_matplotlib(project):
    """Each visitor's kernel and each call of `recommend` would pay for them, in time and memory."""
    script = """
import sys
from saelib import Profile, RatingPanel, Recommender
recommender = Recommender.load("models/ml-100k-default.safetensors")
profile = Profile({"80": 5, "90": 2}, seen=["100"])
recommender.recommend(profile)
recommender.why(profile, ["10"])
panel = RatingPanel(recommender)
panel.session.rate("80", 5)
panel.session.more()
assert panel.session.place()
print([m for m in ("torch", "matplotlib") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


@pytest.fixture
def project(monkeypatch, tmp_path, bundle):
    """An empty project with a model in it; output goes nowhere else."""
    monkeypatch.setattr(releases, "PROJECT", tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    bundle.save(tmp_path / "models" / "ml-100k-default.safetensors")
    return tmp_path


# -- Help -------------------------------------------------------------------------------------


def test_help_lists_the_commands_and_imports_nothing_slow():
    done = run("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert re.search(rf"^    {command} +\w", done.stdout, re.MULTILINE), command
    assert imported_by("--help") == "[]"


def test_the_version_is_that_of_the_package_and_imports_nothing_slow():
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"saelib {version('saelib')}\n")
    assert imported_by("--version") == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--help"])
    assert stopped.value.code == 0
    assert f"usage: python -m saelib {command}" in capsys.readouterr().out


def test_the_help_names_every_release():
    for name in releases.RELEASES:
        assert name in cli.DATASETS


# -- Errors without a traceback ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fetch", "--dataset", "ml-2m"], "Unknown data set 'ml-2m'"),
        (["train", "--recipe", "best"], "Unknown recipe 'best'"),
        (
            ["train", "--epochs", "0"],
            "0 is not a number of epochs; expected whole numbers of at least 1",
        ),
        (["train", "--output", "."], ". is a folder; --output takes the name of a file"),
        (["train", "--output", "x.png"], "a file that ends in .safetensors; got x.png"),
        (["train", "--output", "foo.checkpoint0"], "a file that ends in .safetensors"),
        (["train", "--output", "a" * 300 + ".safetensors"], "File name too long"),
        (["evaluate", "--seeds", "0", "0"], "--seeds names a seed twice"),
        (["family", "--seeds", "1", "1"], "--seeds names a seed twice"),
        (["ladder", "--seeds", "1", "1"], "--seeds names a seed twice"),
        (["rate", "--save", "nowhere/me.json"], "could not be saved: [Errno 2] No such file"),
        (["rate", "--save", "."], ". is a folder; --save takes a file name"),
        (["rate", "--save", "a" * 300], "File name too long"),
        (["recommend", "--profile", "a" * 300], "File name too long"),
        (["recommend", "--profile", "/dev/zero"], "longer than 5,000,000 bytes"),
        (["evaluate", "--recipe", "best"], "Unknown recipe 'best'"),
        (["evaluate", "--protocol", "ranking", "--split", "u1"], "--split u1 goes with"),
        (["family", "--protocol", "ranking", "--split", "u1"], "--split u1 goes with"),
        (["family", "--recipe", "elsa"], "'elsa' is not measured by ratings; choose some of"),
        (["train", "--recipe", "elsa"], "The recipe 'elsa' predicts no stars"),
        (["recommend", "--profile", "nobody.json"], "Cannot read the profile nobody.json"),
        (["rate", "--model", "nowhere.safetensors"], "nowhere.safetensors is not there"),
        (["rate", "--films", "0"], "--films must be at least 1; got 0"),
        (["rate", "--dataset", "ml-2m"], "Unknown data set 'ml-2m'"),
        (["rate", "--recipe", "elsa"], "The recipe 'elsa' predicts no stars"),
        (["panel", "--recipe", "best"], "Unknown recipe 'best'"),
        (["rate", "--dataset", "ml-10m", "--recipe", "sparse"], "--dataset ml-10m --recipe sparse"),
        (["rate", "--dataset", "ml-10m"], "Make it: python -m saelib train --dataset ml-10m"),
        (["check", "--dataset", "ml-2m"], "Unknown data set 'ml-2m'"),
    ],
)
def test_an_error_is_one_message(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 1
    heard = capsys.readouterr().err
    assert heard.startswith("Error: ") or "\nError: " in heard
    assert message in heard


def test_an_error_is_without_a_traceback_where_python_was_started_for_it():
    done = run("fetch", "--dataset", "ml-2m")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"Error: Unknown data set 'ml-2m'; choose one of .*\n", done.stderr)


@pytest.mark.parametrize("seed", ["-1", str(2**64), "one", "9" * 5000])
@pytest.mark.parametrize("option", ["train --seed", "ladder --seed", "evaluate --seeds"])
def test_a_seed_is_one_that_can_be_used(option, seed, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([*option.split(), seed])
    assert stopped.value.code == 2
    assert "is no whole number from 0 to 4294967295" in capsys.readouterr().err


@pytest.mark.slow
def test_an_output_with_few_characters_gets_stand_ins(project, capsys):
    (project / "me.json").write_text('{"ratings": {"80": 5}}')
    arguments = ["recommend", "--profile", "me.json", "-n", "40", "--model"]
    arguments.append(project / "models" / "ml-100k-default.safetensors")
    for encoding in ("ascii", "cp1252"):
        environment = os.environ | {"PYTHONIOENCODING": encoding}
        command = [sys.executable, "-m", "saelib", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, env=environment, timeout=60)
        assert (done.returncode, done.stderr) == (0, b"")
        text = done.stdout.decode(encoding)
        assert len(re.findall(r" \*(?:  |$)", text, re.MULTILINE)) == 39
        assert ("Miserables" if encoding == "ascii" else "Misérables") in text
    done = subprocess.run([*command, "--json"], capture_output=True, env=environment, timeout=60)
    assert "Misérables, Les" in [json.loads(line)["title"] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("redirected", "code", "said"),
    [("> /dev/full", 1, "Error: [Errno 28] No space left on device.\n"), ("2>&-", 0, "")],
)
def test_a_full_disk_or_a_closed_stream_is_no_traceback(project, redirected, code, said):
    (project / "me.json").write_text('{"ratings": {"80": 5}}')
    model = project / "models" / "ml-100k-default.safetensors"
    command = f"{sys.executable} -m saelib recommend --profile me.json --model {model} {redirected}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (code, said)


def test_a_missing_package_is_named_with_the_way_out(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "saelib.checks", None)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["check"])
    assert stopped.value.code == 1
    assert re.search(
        r"Error: the package .* is missing in this Python.*venv", capsys.readouterr().err
    )


def test_a_wrong_profile_and_a_foreign_model(project, capsys):
    (project / "me.json").write_text('{"dataset": "ml-100k", "ratings": {"80": 9}}')
    with pytest.raises(SystemExit):
        cli.main(["recommend", "--profile", "me.json"])
    assert "Error: 9 stars for '80' are not on the scale" in capsys.readouterr().err
    (project / "me.json").write_text('{"dataset": "ml-1m", "ratings": {"80": 4}}')
    with pytest.raises(SystemExit):
        cli.main(["recommend", "--profile", "me.json"])
    assert re.search(r"ml-1m-default\.safetensors is not there", capsys.readouterr().err)
    (project / "other.safetensors").write_text("no model")
    with pytest.raises(SystemExit):
        cli.main(["recommend", "--profile", "me.json", "--model", "other.safetensors"])
    assert "other.safetensors is damaged or not a safetensors file" in capsys.readouterr().err


# -- Each command -----------------------------------------------------------------------------


def test_recommend_prints_a_list_or_json(project, capsys):
    (project / "me.json").write_text('{"ratings": {"80": 5, "Toy Story": 1}}')
    cli.main(["recommend", "--profile", "me.json", "-n", "3"])
    lines = capsys.readouterr().out.splitlines()
    assert [line[:5] for line in lines] == ["  1. ", "  2. ", "  3. "]
    assert all(re.search(r"\w.* +\d\.\d ★", line) for line in lines)
    cli.main(["recommend", "--profile", "me.json", "-n", "3", "--json"])
    films = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [set(film) for film in films] == [
        {"movie_id", "title", "year", "genres", "stars", "score", "distribution"}
    ] * 3
    assert films[0]["title"] in lines[0]


def test_several_profiles_make_a_film_night(project, capsys):
    (project / "ann.json").write_text('{"ratings": {"80": 5, "Toy Story": 1}}')
    (project / "bob.json").write_text('{"ratings": {"90": 1}, "rejected": ["100"]}')
    arguments = ["recommend", "--profile", "ann.json", "bob.json", "-n", "3"]
    cli.main(arguments)
    said = capsys.readouterr().out
    assert said.startswith("Expected stars: of the group, then of 1. ann, 2. bob\n\n  1.  ")
    lines = re.findall(r"(\d\.\d) ★  (\d\.\d)  (\d\.\d)", said)
    assert len(lines) == 3
    assert all(group == min(ann, bob) for group, ann, bob in lines)
    cli.main([*arguments, "--how", "average", "--json"])
    films = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for film in films:
        assert film["stars"] == pytest.approx((film["1. ann"] + film["2. bob"]) / 2)
    with pytest.raises(SystemExit):
        cli.main([*arguments[:-1], "0"])
    assert "must be at least 1; got 0" in capsys.readouterr().err


def test_fetch_says_what_is_there(registry, tmp_path, capsys):
    name = registry("csv")
    write_release(tmp_path / "data" / name, "csv")
    cli.main(["fetch", "--dataset", name])
    out = capsys.readouterr().out
    assert "3 ratings by 2 people of 2 films" in out
    assert "Licence: research use" in out


def test_the_ladder_prints_means_and_standard_errors_over_the_seeds(
    project, data, monkeypatch, capsys
):
    from saelib import compare

    def rungs(data, seeds, progress):
        for model, error in (("bias", 0.9), ("sae-plain", 1.0)):
            for seed in seeds:
                gain = float("nan") if model == "bias" else -0.1 - 0.02 * seed
                yield {"model": model, "idea": f"what {model} is", "rmse": error, "gain": gain}

    monkeypatch.setattr(releases, "load", lambda name: data)
    monkeypatch.setattr(compare, "ladder", rungs)
    cli.main(["ladder", "--seeds", "0", "1"])
    out = capsys.readouterr().out
    assert "ml-100k, mean of seeds 0, 1;" in out
    # Gains of -.10 and -.12: mean -.11, standard error .02 / 2.
    assert re.search(r"^sae-plain +1\.0000 +-0\.1100 ± 0\.0100 +what sae-plain is$", out, re.M)
    assert re.search(r"^bias +0\.9000 +what bias is$", out, re.M)
    cli.main(["ladder"])
    assert re.search(r"^sae-plain +1\.0000 +-0\.1000 +what", capsys.readouterr().out, re.M)
    cli.main(["ladder", "--seeds", "0", "1", "--json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["gain"] for row in rows] == pytest.approx([None, None, -0.1, -0.12])


def test_train_saves_a_model_a_plot_and_says_the_errors(project, monkeypatch, data, capsys):
    monkeypatch.setattr(releases, "load", lambda name: data)
    cli.main(["train", "--recipe", "plain", "--epochs", "2"])
    out = capsys.readouterr().out
    assert re.search(r"RMSE of held-out ratings \d\.\d{3} stars at epoch [12] of 2", out)
    assert re.search(r"The model: \d\.\d{3}; the bias baseline: \d\.\d{3}", out)
    made = {path.name for path in (project / "models").iterdir()}
    assert made == {"ml-100k-default.safetensors", "ml-100k-plain.safetensors", "ml-100k-plain.png"}
    assert (project / "models" / "ml-100k-plain.png").read_bytes().startswith(b"\x89PNG")
    recommender = Recommender.load(project / "models" / "ml-100k-plain.safetensors")
    assert recommender.bundle.recipe == "plain"


@pytest.mark.slow
def test_train_goes_on_after_ctrl_c(project, monkeypatch, data, capsys):
    from saelib.network import autoencoder
    from saelib.network.cells import hide_inputs

    monkeypatch.setattr(releases, "load", lambda name: data)
    command = ["train", "--recipe", "both", "--epochs", "3", "--output"]
    cli.main([*command, "whole.safetensors"])

    def stop_at(step: int):
        steps = count(1)

        def hide(*arguments):
            if next(steps) == step:
                raise KeyboardInterrupt
            return hide_inputs(*arguments)

        return hide

    # 60 rows, so 60 batches an epoch of people; then 40 of films. In the second epoch of each:
    for network, step in enumerate((90, 3 * 60 + 50)):
        name = f"halves{network}"
        with monkeypatch.context() as patch:
            patch.setattr(autoencoder, "hide_inputs", stop_at(step))
            cli.main([*command, f"{name}.safetensors"])
        assert "Stopped after epoch 1 of a network" in capsys.readouterr().out
        assert len(Recommender.load(f"{name}.safetensors").bundle.histories) == network + 1
        assert (project / f"{name}.checkpoint{network}").exists()
    kept = (project / "whole.safetensors").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(autoencoder, "hide_inputs", stop_at(90))
        cli.main([*command, "whole.safetensors"])
    assert (project / "whole.safetensors").read_bytes() == kept, "a finished model is not replaced"
    assert (project / "whole-2.safetensors").exists()
    whole, profile = Recommender.load("whole.safetensors"), Profile({"80": 5})
    for network in (0, 1):
        name = f"halves{network}"
        cli.main([*command, f"{name}.safetensors", "--resume"])
        assert not list(project.glob(f"{name}.checkpoint*"))
        resumed = Recommender.load(f"{name}.safetensors")
        assert (whole.predict(profile) == resumed.predict(profile)).all()


def test_a_training_touches_no_files_but_its_own(project, monkeypatch, data):
    monkeypatch.setattr(releases, "load", lambda name: data)
    others = ["my1.checkpoint0", "my.checkpoint0", "my[1].checkpoint0.checkpoint0", "my1.png"]
    for name in others:
        (project / name).write_text("another training's")
    for name in ("my[1]", "my[1].checkpoint0"):
        output = f"{name}.safetensors"
        cli.main(["train", "--recipe", "plain", "--epochs", "1", "--output", output])
        if name == "my[1]":
            assert all((project / other).read_text() for other in others)
    made = {path.name for path in project.iterdir()} - {"models", "pyproject.toml"} - set(others)
    wanted = {f"{name}{end}" for name in ("my[1]", "my[1].checkpoint0") for end in ENDINGS}
    assert made == wanted


ENDINGS = (".safetensors", ".png")


def test_a_profile_with_everything_seen_leaves_nothing_to_recommend(project, capsys):
    seen = list(range(10, 410, 10))
    (project / "me.json").write_text(json.dumps({"ratings": {"80": 5}, "seen": seen}))
    cli.main(["recommend", "--profile", "me.json"])
    assert capsys.readouterr().out.startswith("No film is left to recommend")


def test_evaluate_prints_json_lines_or_a_table(registry, monkeypatch, data, capsys, tmp_path):
    monkeypatch.setattr(releases, "fetch", lambda name: tmp_path)
    monkeypatch.setattr(releases, "read", lambda folder, name: data)
    arguments = ["evaluate", "--epochs", "1", "--recipe", "plain", "--seeds", "0", "1"]
    cli.main([*arguments, "--protocol", "new-users", "--json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 2 * 4 * 6
    assert {row["seed"] for row in rows} == {0, 1}
    assert {row["model"] for row in rows} == {"global-mean", "item-mean", "bias", "sae-plain"}
    wanted = {"dataset", "protocol", "seed", "model", "n_inputs", "rmse", "rmse_seen"}
    assert all(set(row) == wanted for row in rows)
    cli.main([*arguments, "--protocol", "ranking"])
    out = capsys.readouterr().out
    assert "popularity" in out
    assert out.count("±") == 7 * 5


def test_the_family_prints_differences_with_their_standard_errors(
    registry, monkeypatch, data, capsys, tmp_path
):
    monkeypatch.setattr(releases, "fetch", lambda name: tmp_path)
    monkeypatch.setattr(releases, "read", lambda folder, name: data)
    few = {"weight-decay": RECIPES["weight-decay"].with_epochs(1)}
    few["sparse"] = RECIPES["sparse"].with_epochs(1)
    for name, recipe in few.items():
        monkeypatch.setitem(RECIPES, name, recipe)
    arguments = ["family", "--recipe", "sparse", "--seeds", "0", "1"]
    cli.main([*arguments, "--json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["seed"] for row in rows] == [0, 1]
    assert {row["model"] for row in rows} == {"sae-sparse"}
    cli.main(arguments)  # beside what it is compared with
    out = capsys.readouterr().out
    mean = np.mean([row["rmse"] for row in rows])
    assert re.search(
        rf"sae-sparse +{mean:.4f} +[+-]0\.\d{{4}} ± 0\.\d{{4}} +\d+ s  every unit", out
    )
    assert re.search(r"sae-weight-decay +\d\.\d{4} +\+0\.0000 ± 0\.0000", out)
    cli.main([*arguments, "--protocol", "new-users", "--seeds", "0"])
    out = capsys.readouterr().out
    assert out.count("ratings shown") == 6 and out.count("sae-sparse") == 6


def test_check_passes_here_and_names_what_is_missing(registry, capsys):
    with pytest.raises(SystemExit):
        cli.main(["check"])
    out = capsys.readouterr().out
    assert re.search(r"ok +torch >=", out)
    assert re.search(r"MISSING data set ml-100k +not on disk  → python -m saelib fetch", out)


@pytest.mark.parametrize("content", [b"", b"1\t20\t4\t880000001\n"])
def test_check_is_not_green_for_empty_or_cut_files(content, registry, tmp_path, capsys):
    changed = dict.fromkeys(("u.data", "u.item", "u.user"), b"") | {"u.data": content}
    write_release(tmp_path / "data" / "ml-100k", "ml-100k", **changed)
    with pytest.raises(SystemExit):
        cli.main(["check"])
    out = capsys.readouterr().out
    assert re.search(r"MISSING data set ml-100k +damaged  → .*u\.data", out)


def test_check_names_a_version_out_of_range(monkeypatch, ml_100k, capsys):
    there = {"torch": "2.5.1", "voila": "0.6.0"}
    monkeypatch.setattr(importlib.metadata, "version", lambda name: there.get(name, version(name)))
    with pytest.raises(SystemExit):
        cli.main(["check"])
    missing = [line for line in capsys.readouterr().out.splitlines() if "MISSING" in line]
    assert len(missing) == 2
    assert re.search(r"torch >=[\d.]+ +2\.5\.1  → run the set-up again", missing[0])
    assert re.search(r"voila .* 0\.6\.0  → run the set-up again", missing[1])


def test_check_is_green_where_the_data_is(ml_100k, capsys):
    cli.main(["check"])
    assert "MISSING" not in capsys.readouterr().out


# -- The interview ----------------------------------------------------------------------------


class Person:
    """Answers from a list, then as at the end of input; keeps the prompts and what was said."""

    def __init__(self, *answers):
        self.answers, self.prompts, self.heard = list(answers), [], []

    def ask(self, prompt: str) -> str:
        self.prompts.append(prompt)
        if not self.answers:
            raise EOFError
        return self.answers.pop(0)

    def interviewed(self, recommender, n_films=5) -> Profile:
        return interview(recommender, n_films, self.ask, self.heard.append)


def test_a_word_for_a_gender_and_a_beginning_are_understood(recommender):
    person = Person("female", "", "art", "q")
    profile = person.interviewed(recommender)
    assert (profile.gender, profile.occupation) == ("F", "artist")
    assert "  artist" in person.heard, "what a beginning was taken for is said"


@pytest.fixture
def recommender(bundle):
    return Recommender(bundle)


def test_an_interview_from_first_to_last(recommender):
    who = Profile(dataset="ml-100k", gender="F", age=30, occupation="writer")
    titles = likely_seen(recommender, who, 20)["movie_id"].astype(str)
    seen = [titles[3], titles[0]]
    others = [film for film in titles if film not in seen]
    asked = next_films(recommender, replace(who, seen=seen), 5, others)["movie_id"].astype(str)
    assert {asked[0], asked[1]} == set(seen)
    person = Person("F", "30", "writer", " 4, 1 4", "5", "", "3", "1", "2")
    profile = person.interviewed(recommender)
    ratings = {asked[0]: 5, asked[2]: 3, asked[3]: 1, asked[4]: 2}
    assert profile == Profile(ratings, "ml-100k", "F", 30, "writer", seen)
    names = recommender.catalogue.films.set_index("movie_id")
    assert f" 4  {names.loc[int(titles[3]), 'title']}" in "\n".join(person.heard)


def test_later_questions_follow_the_answers(recommender):
    def later(stars: list[str]) -> tuple[str, ...]:
        person = Person("", "", "", "", *stars, *["3"] * 20)
        person.interviewed(recommender, 25)
        return tuple(person.prompts[9:])

    assert later(["5", "1", "5", "1", "5"]) != later(["1", "5", "1", "5", "1"])


def test_an_interview_ends_when_all_films_were_asked(recommender):
    person = Person("", "", "", "", *["3"] * 100)
    assert len(person.interviewed(recommender, 100).ratings) == 40


def test_wrong_answers_are_asked_again_with_the_valid_ones(recommender):
    about = ("x", "f", "old", "130", "30", "wiz", "wri")
    seen = ("21", "0", "1.5", "Titanic", "2 3")
    person = Person(*about, *seen, "6", "2.5", "nan", "five", "4", "q")
    profile = person.interviewed(recommender)
    assert (profile.gender, profile.age, profile.occupation) == ("F", 30, "writer")
    assert list(profile.ratings.values()) == [4]
    said = "\n".join(person.heard)
    assert "Expected one of: F, M; or Enter to skip. Got 'x'" in said
    assert said.count("Expected a whole number from 1 to 120") == 2
    assert "Expected one of: artist, other, writer; or Enter to skip. Got 'wiz'" in said
    assert said.count("Expected numbers from 1 to 20 with spaces between, Enter (none)") == 4
    assert len(profile.seen) == 2
    assert (
        said.count("Expected 1 to 5 in whole stars, Enter (no stars), b (back) or q (finish)") == 4
    )


def test_going_back_takes_the_answer_back(recommender):
    asked = next_films(recommender, Profile(), 5)["movie_id"].astype(str)
    person = Person("", "", "", "", "b", "5", "4", "b", "b", "1", "q")
    profile = person.interviewed(recommender)
    assert profile == Profile({asked[0]: 1}, "ml-100k")
    assert "This is the first film." in person.heard


@pytest.mark.parametrize(
    "answers", [("q",), ("M", "q"), ("M", "", "q"), ("M", "", "", "q"), ("M",)]
)
def test_finishing_early_keeps_what_was_told(answers, recommender):
    profile = Person(*answers).interviewed(recommender)
    assert profile.gender == ("M" if len(answers) > 1 or answers == ("M",) else None)
    assert profile.ratings == {}


def test_rate_at_the_terminal_never_overwrites_a_profile(project, monkeypatch, capsys):
    for _ in range(2):
        monkeypatch.setattr("sys.stdin", io.StringIO("\n\n\n\n5\n1\n4\nq\n"))
        cli.main(["rate", "--films", "5"])
    out = capsys.readouterr().out
    assert len(re.findall(r"^ +\d+\. .* ★", out, re.MULTILINE)) == 20
    first, second = Profile.load("my-profile.json"), Profile.load("my-profile-2.json")
    assert first == second
    assert len(first.ratings) == 3
    films = Recommender.load(cli.model_path("ml-100k")).catalogue.films.set_index("movie_id")
    for movie_id in first.ratings:
        title = films.loc[int(movie_id), "title"]
        assert not re.search(rf"^ +\d+\. +{re.escape(title)} .* ★", out, re.MULTILINE)
    cli.main(["recommend", "--profile", "my-profile.json"])
    assert capsys.readouterr().out.splitlines() == out.splitlines()[-10:]


def test_rate_with_nothing_told_saves_nothing(project, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("q\n"))
    cli.main(["rate"])
    assert "Nothing was told" in capsys.readouterr().out
    assert not list(project.glob("*.json"))


@pytest.mark.slow
def test_rate_keeps_what_was_told_when_it_is_killed(project):
    model = project / "models" / "ml-100k-default.safetensors"
    for number, name in enumerate(("SIGTERM", "SIGHUP", "SIGKILL")):
        command = [sys.executable, "-m", "saelib", "rate", "--model", str(model)]
        path = project / ("my-profile.json" if number == 0 else f"my-profile-{number + 1}.json")
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            process.stdin.write("F\n30\n\n2 3\n5\n4\n")
            process.stdin.flush()
            said = ""
            while " 3/20" not in said:  # the third film is asked about
                said += process.stdout.read(1)
            process.send_signal(getattr(signal, name))
            process.wait(timeout=60)
        told = Profile.load(path)
        assert (told.gender, told.age, len(told.seen)) == ("F", 30, 2)
        assert list(told.ratings.values()) == [5, 4]


def test_rate_shows_the_list_where_the_disk_is_full(project, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n\n\n\n5\n1\n4\nq\n"))
    with files_of_at_most(10), pytest.raises(SystemExit) as stopped:
        cli.main(["rate", "--films", "5"])
    assert stopped.value.code == 1
    heard = capsys.readouterr()
    assert len(re.findall(r"^ +\d+\. .* ★", heard.out, re.MULTILINE)) == 10
    printed = re.search(r"not saved; as it would be:\n\n(\{.*\n\})", heard.out, re.DOTALL)[1]
    assert list(Profile.from_json(printed).ratings.values()) == [5, 1, 4]
    assert re.fullmatch(r"Error: Cannot write the profile my-profile\.json: .*\n", heard.err)
    assert {path.name for path in project.iterdir()} == {"models", "pyproject.toml"}


def test_rate_asks_nothing_where_it_could_not_save(project, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("F\n"))
    with pytest.raises(SystemExit):
        cli.main(["rate", "--save", "nowhere/me.json"])
    assert capsys.readouterr().out == ""


# -- Whatever is typed ------------------------------------------------------------------------

HOSTILE = ["", "-1", "0", "1", "3", "9" * 400, "nan", "..", "/", "x.safetensors", "folder"]
HOSTILE += ["me.json", "bad.json", "everything.json", "a" * 300, "~nosuchuser/x", "\x1b[31m", "é★"]
HOSTILE += ["/dev/null", "/dev/full", "tiny", "plain", "default", "ratings", "ranking", "u1", "[1]"]
HOSTILE += ["model.safetensors", "broken.safetensors", "\udcff.safetensors", "--", "-x"]
OPTIONS = "dataset recipe seed output resume protocol split seeds no-demographics json profile "
OPTIONS += "films save model help nonsense port dark no-browser output scale all"
OPTIONS = [f"--{name}" for name in OPTIONS.split()] + ["-n"]


FAMILY_ROW = {"model": "sae-weight-decay", "idea": "", "seed": 0, "rmse": 1.0, "seconds": 1.0}
FAMILY_ROW |= {"ndcg@10": 0.5}


@pytest.fixture
def hostile(project, monkeypatch, data):
    """A project in which training and serving cost nothing, and files of all kinds."""
    monkeypatch.setattr(releases, "load", lambda name: releases.check_name(name) or data)
    monkeypatch.setattr(releases, "fetch", lambda name: releases.check_name(name) or project)
    monkeypatch.setattr(releases, "read", lambda folder, name: data)
    monkeypatch.setitem(releases.RELEASES, "tiny", replace(releases.RELEASES["ml-100k"]))
    nothing = pd.DataFrame({"dataset": ["tiny"], "model": ["bias"], "seed": [0], "rmse": [1.0]})
    monkeypatch.setattr(evaluation, "evaluate", lambda *rest, **options: nothing)
    monkeypatch.setattr(compare, "ladder", lambda *rest, **options: iter(()))
    monkeypatch.setattr(compare, "family", lambda *rest, **options: iter([FAMILY_ROW]))
    bundle = Recommender.load(cli.model_path("ml-100k")).bundle
    monkeypatch.setattr(learn, "train", lambda *rest, **options: bundle)
    monkeypatch.setattr(plots, "plot_histories", lambda *rest, **options: plt.figure())
    monkeypatch.setattr(page, "serve", lambda *rest, **options: None)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    (project / "folder").mkdir()
    (project / "me.json").write_text('{"ratings": {"80": 5}}')
    (project / "bad.json").write_bytes(b"\xff")
    everything = {"ratings": {"80": 5}, "seen": list(range(10, 410, 10))}
    (project / "everything.json").write_text(json.dumps(everything))
    content = cli.model_path("ml-100k").read_bytes()
    (project / "model.safetensors").write_bytes(content)
    (project / "broken.safetensors").write_bytes(content[:-1] + b"x")
    yield project
    plt.close("all")


@pytest.mark.fuzz
@settings(
    max_examples=EXAMPLES // 2,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    st.sampled_from([*COMMANDS, "", "nonsense"]),
    st.lists(st.tuples(st.sampled_from(OPTIONS), st.none() | st.sampled_from(HOSTILE)), max_size=3),
)
def test_any_arguments_end_in_a_message_and_an_exit_code(hostile, capsys, command, options):
    arguments = [part for option in options for part in option if part is not None]
    try:
        cli.main([command, *arguments])
        code = 0
    except SystemExit as stopped:
        code = stopped.code
    heard = capsys.readouterr()
    assert "Traceback" not in heard.out + heard.err
    assert code in (0, 1, 2)
    assert not code or heard.err
    for figure in plt.get_fignums():
        plt.close(figure)
