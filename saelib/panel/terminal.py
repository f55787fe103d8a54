"""The questions of `python -m saelib rate`: who are you, what have you seen, how was it?"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from contextlib import suppress

from saelib.errors import SaelibError
from saelib.language import _
from saelib.recommend import words
from saelib.recommend.profile import ABOUT, Profile
from saelib.recommend.recommender import Recommender
from saelib.recommend.session import Session

AT_ONCE = 5  # films asked about between two looks at the answers
TITLES = 20  # of which it is asked whether they were seen
Question = tuple[str, Callable[[str], None]]  # what is asked, and what takes the answer


def interview(
    recommender: Recommender,
    n_films: int = 20,
    *,
    keep: Callable[[Profile], None],
    ask: Callable[[str], str] = input,
    say: Callable[[str], None] = print,
) -> Profile:
    """Ask who somebody is, what they have seen and how they liked it; return what they told.

    ask: shows a prompt and returns the line typed; 'b' goes back to the last question, 'q', the end
    of input and Ctrl-C finish. keep: gets the profile after each answer, so that nothing is lost.
    """
    session, label = Session(recommender), recommender.catalogue.label
    questions = [*(_who(session) if recommender.knows_people else []), _which(session, label)]
    n_questions = len(questions) + n_films
    before: list[Profile] = []  # what was told before each of the answers

    def how(film: str) -> Question:
        asked = f"{label(film)}, {recommender.scale}: "
        return asked, lambda line: session.rate(film, _number(line))

    say(_("Enter skips a question, b goes back to the last one, q finishes."))
    with suppress(EOFError, KeyboardInterrupt):
        while len(before) < n_questions:
            if len(before) == len(questions):  # what is asked next depends on the answers so far
                films = session.questions(min(AT_ONCE, n_questions - len(before)))["movie_id"]
                questions += [how(str(film)) for film in films]
                if films.empty:
                    break
            question, take = questions[len(before)]
            line, profile = ask(question).strip(), session.profile
            if line.lower() == "q":
                break
            if line.lower() != "b":
                try:
                    if line:
                        take(line)
                    before.append(profile)
                except SaelibError as error:
                    say(textwrap.fill(str(error), 79))
            elif before:
                session.profile = before.pop()
            keep(session.profile)
    return session.profile


def _who(session: Session) -> list[Question]:
    groups = session.recommender.groups
    genders = {words.gender(code).casefold(): code for code in groups["gender"]}
    jobs = {words.occupation(name).casefold(): name for name in groups["occupation"]}

    def tell(**told: object) -> None:
        session.tell(**{key: getattr(session.profile, key) for key in ABOUT} | told)

    gender = _("Gender ({genders}): ").format(genders=", ".join(genders))
    job = "\n".join([textwrap.fill(", ".join(jobs), 79), _("Occupation: ")])
    return [
        (gender, lambda line: tell(gender=genders.get(line.casefold(), line))),
        (_("Age in years: "), lambda line: tell(age=_number(line))),
        (job, lambda line: tell(occupation=jobs.get(line.casefold(), line))),
    ]


def _which(session: Session, label: Callable[[str], str]) -> Question:
    session.offer(TITLES)
    films = {str(number): film for number, film in enumerate(session.ticks, start=1)}

    def tick(line: str) -> None:
        numbers = line.replace(",", " ").split()
        if not films.keys() >= {*numbers}:
            said = _("Expected numbers from 1 to {n} with spaces between; got {line!r}.")
            raise SaelibError(said.format(n=len(films), line=line))
        for number in numbers:
            session.tick(films[number])

    titles = [f"{number:>2}  {label(film)}" for number, film in films.items()]
    asked = _("Which of these films have you seen? Their numbers, such as 1 4 7: ")
    return "\n".join(["", *titles, asked]), tick


def _number(line: str) -> float:
    try:
        number = float(line.replace(",", "."))
        return int(number) if number.is_integer() else number
    except ValueError:
        raise SaelibError(_("Expected a number; got {line!r}.").format(line=line)) from None
