"""The questions of `python -m saelib rate`: who are you, what have you seen, how was it?"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping

import pandas as pd

from saelib.data.features import age_bracket
from saelib.errors import ProfileError
from saelib.language import _
from saelib.recommend.catalogue import label
from saelib.recommend.profile import Profile
from saelib.recommend.questions import likely_seen, next_films
from saelib.recommend.recommender import Recommender
from saelib.recommend.words import gender, gender_to_type, genre, occupation

AT_ONCE = 5  # films asked about between two looks at the answers
TITLES = 20  # of which it is asked whether they were seen


def interview(
    recommender: Recommender,
    n_films: int = 20,
    ask: Callable[[str], str] = input,
    say: Callable[[str], None] = print,
    keep: Callable[[Profile], None] = lambda profile: None,
) -> Profile:
    """Ask for demographics (where the model knows them), films seen, stars; return the answers.

    ask: shows a prompt and returns the line typed. A wrong answer is asked again with the valid
    ones. 'q', the end of input or Ctrl-C finishes early and keeps what was answered. keep: gets
    the profile so far after each answer, so that nothing is lost whatever happens.
    """
    profile = Profile(dataset=recommender.dataset)
    try:
        if recommender.offered is not None:
            genders, occupations = recommender.offered.genders, recommender.offered.occupations
            say(
                _(
                    "Who are you? The answers stay on this machine. Enter: skip a question, "
                    "q: finish."
                )
            )
            others = {gender(g): g for g in genders} if set(genders) <= {"F", "M"} else {}
            to_type = {gender_to_type(g): g for g in genders}
            profile.gender = _choice(_("Gender"), to_type, ask, say, others)
            keep(profile)
            profile.age = _age(ask, say)
            keep(profile)
            to_type = {occupation(o): o for o in occupations}
            profile.occupation = _choice(_("Occupation"), to_type, ask, say)
            keep(profile)
        not_seen = _ask_seen(recommender, profile, ask, say)
        keep(profile)
        _ask_films(recommender, n_films, profile, not_seen, ask, say, keep)
    except (_Finished, EOFError, KeyboardInterrupt):
        say("")
    return profile


class _Finished(Exception):  # noqa: N818 - no error, a way out of two loops
    """The person has typed 'q'."""


def _ask_seen(recommender, profile, ask, say) -> list[str]:
    """Take the films seen into the profile; return those that were not, if any was."""
    films = likely_seen(recommender, profile, TITLES)
    ids = [_name(recommender, film) for film in films["movie_id"]]
    names = [label(film.title, film.year) for film in films.itertuples()]
    say("\n" + _("Which of these films have you seen?"))
    for number, name in enumerate(names, start=1):
        say(f"{number:2}  {name}")
    while True:
        line = ask(_("Their numbers, such as 1 4 7 (Enter: none): ")).strip()
        if line.lower() == "q":
            raise _Finished
        words = re.findall(r"[^\s,]+", line)
        if all(word.isdecimal() and 1 <= int(word) <= len(films) for word in words):
            numbers = list(dict.fromkeys(int(word) for word in words))
            profile.seen = [ids[number - 1] for number in numbers]
            if not numbers:
                return []
            say(f"  {'; '.join(names[number - 1] for number in numbers)}")
            return [film for film in ids if film not in profile.seen]
        say(
            _(
                "Expected numbers from 1 to {n} with spaces between, Enter (none) or q (finish); "
                "got {line!r}."
            ).format(n=len(films), line=line)
        )


def _ask_films(recommender, n_films, profile, not_seen, ask, say, keep) -> None:
    scale = recommender.scale
    wanted = str(scale)
    if scale.step == 1:
        wanted = _("{low:g} to {high:g} in whole stars").format(
            low=scale.lowest, high=scale.highest
        )
    question = _(
        "How did you like these films, the ones that you have seen first? Stars from {scale};\n"
        "Enter: not seen or no stars, b: back, q: finish."
    )
    say("\n" + question.format(scale=wanted))
    films: list[pd.Series] = []
    answers: list[float | None] = []
    while len(answers) < n_films:
        if len(answers) == len(films):  # the next questions depend on the answers so far
            n = min(AT_ONCE, n_films - len(films))
            asked = [*not_seen, *(film["movie_id"] for film in films)]
            films += [row[1] for row in next_films(recommender, profile, n, asked).iterrows()]
            if len(answers) == len(films):
                return
        film = films[len(answers)]
        genres = [genre(name) for name in film["genres"].split("|") if name]
        name = ", ".join([label(film["title"], film["year"]), *genres])
        line = ask(f"{len(answers) + 1:2}/{n_films}  {name}: ").strip()
        if line.lower() == "b":
            if answers:
                answers.pop()
                profile.ratings.pop(_name(recommender, films[len(answers)]["movie_id"]), None)
                keep(profile)
            else:
                say(_("This is the first film."))
            continue
        if line.lower() == "q":
            raise _Finished
        try:
            stars = None if line == "" else recommender.check_stars(film["title"], _number(line))
        except ProfileError:
            expected = _(
                "Expected {scale}, Enter (no stars), b (back) or q (finish); got {line!r}."
            )
            say(expected.format(scale=wanted, line=line))
            continue
        answers.append(stars)
        if stars is not None:
            whole = int(stars) if stars == int(stars) else stars
            profile.ratings[_name(recommender, film["movie_id"])] = whole
            keep(profile)


def _name(recommender: Recommender, film: int) -> str:
    return recommender.catalogue.name(recommender.catalogue.position(film))


def _number(line: str) -> float:
    try:
        return float(line.replace(",", "."))
    except ValueError:
        raise ProfileError(_("{line!r} is not a number.").format(line=line)) from None


def _choice(
    question: str, options: Mapping[str, str], ask, say, others: Mapping[str, str] | None = None
) -> str | None:
    """One of `options`, typed in any case or by a beginning that fits only one; None if skipped.

    options: what is typed -> what it means. others: further words that mean one of them.
    """
    typed_for = {meaning: word for word, meaning in options.items()}
    by_name = {word.casefold(): meaning for word, meaning in {**(others or {}), **options}.items()}
    few = len(options) <= 4
    if not few:
        say(textwrap.fill(f"{question}: {', '.join(options)}.", 79))
    prompt = f"{question} ({', '.join(options)}): " if few else f"{question}: "
    while True:
        line = ask(prompt).strip().casefold()
        if line == "":
            return None
        if line == "q":
            raise _Finished
        fits = [line] if line in by_name else [name for name in by_name if name.startswith(line)]
        if len(fits) == 1:
            if fits[0] != line:
                say(f"  {typed_for[by_name[fits[0]]]}")
            return by_name[fits[0]]
        valid = _("Expected one of: {options}; or Enter to skip. Got {line!r}.")
        say(textwrap.fill(valid.format(options=", ".join(options), line=line), 79))


def _age(ask, say) -> int | None:
    while True:
        line = ask(_("Age in years: ")).strip()
        if line == "":
            return None
        if line.lower() == "q":
            raise _Finished
        try:
            age_bracket(int(line))
            return int(line)
        except (ValueError, ProfileError):
            expected = _("Expected a whole number from 1 to 120, or Enter to skip. Got {line!r}.")
            say(expected.format(line=line))
