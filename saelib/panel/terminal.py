"""The questions of `python -m saelib rate`: films, one by one, and their stars."""

import textwrap
from collections.abc import Callable
from contextlib import suppress

from saelib.errors import SaelibError
from saelib.language import _
from saelib.recommend.profile import Profile
from saelib.recommend.recommender import Recommender
from saelib.recommend.session import Session


def interview(
    recommender: Recommender,
    n_films: int = 20,
    *,
    keep: Callable[[Profile], None],
    ask: Callable[[str], str] = input,
    say: Callable[[str], None] = print,
) -> Profile:
    """Ask for the stars of one film after another; return what was told.

    ask: shows a prompt and returns the line typed. keep: gets the profile after each answer, so
    that nothing is lost. The end of input and Ctrl-C finish as 'q' does.
    """
    session, films, at = Session(recommender), list[str](), 0
    say(_("Enter: not seen; b goes back to the last film, q finishes."))
    with suppress(EOFError, KeyboardInterrupt):
        while at < n_films:
            if at == len(films):  # what is asked next depends on the answers so far
                films += session.questions(1)["movie_id"].astype(str).tolist()
            if at == len(films):
                break
            film = films[at]
            line = ask(f"{recommender.catalogue.label(film)}, {recommender.scale}: ").strip()
            if line.lower() == "q":
                break
            if line.lower() == "b":
                at = max(at - 1, 0)
                continue
            try:
                session.rate(film, float(line.replace(",", ".")) if line else None)
            except SaelibError as error:
                say(textwrap.fill(str(error), 79))
            except ValueError:
                say(_("Expected a number; got {line!r}.").format(line=line))
            else:
                keep(session.profile)
                at += 1
    return session.profile
