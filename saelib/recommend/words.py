"""The few words of the data that are shown in a person's language; files keep them as they are.

Titles stay as the data set writes them. What a table does not list, such as a genre of one's own
data, is shown as it is there.
"""

from __future__ import annotations

from collections.abc import Sequence

from saelib.data.features import AGE_BRACKETS, AGE_LABELS
from saelib.language import _, pgettext


def listed(names: Sequence[str]) -> str:
    """['a', 'b', 'c'] -> 'a, b and c'. names: at least one."""
    *first, last = names
    return _("{names} and {last}").format(names=", ".join(first), last=last) if first else last


def genre(name: str) -> str:
    """A genre of MovieLens: 'Sci-Fi' -> 'Ciencia ficción'."""
    return {
        "Action": pgettext("genre", "Action"),
        "Adventure": pgettext("genre", "Adventure"),
        "Animation": pgettext("genre", "Animation"),
        "Children": pgettext("genre", "Children"),
        "Children's": pgettext("genre", "Children's"),
        "Comedy": pgettext("genre", "Comedy"),
        "Crime": pgettext("genre", "Crime"),
        "Documentary": pgettext("genre", "Documentary"),
        "Drama": pgettext("genre", "Drama"),
        "Fantasy": pgettext("genre", "Fantasy"),
        "Film-Noir": pgettext("genre", "Film-Noir"),
        "Horror": pgettext("genre", "Horror"),
        "IMAX": pgettext("genre", "IMAX"),
        "Musical": pgettext("genre", "Musical"),
        "Mystery": pgettext("genre", "Mystery"),
        "Romance": pgettext("genre", "Romance"),
        "Sci-Fi": pgettext("genre", "Sci-Fi"),
        "Thriller": pgettext("genre", "Thriller"),
        "War": pgettext("genre", "War"),
        "Western": pgettext("genre", "Western"),
        "unknown": pgettext("genre", "unknown"),
    }.get(name, name)


def genres(text: str) -> str:
    """All genres of a film: 'Comedy|Drama' -> 'Comedia, Drama'."""
    return ", ".join(map(genre, text.split("|")))


def gender(code: str) -> str:
    """A gender as MovieLens codes it: 'F' -> 'female'."""
    return {"F": pgettext("gender", "female"), "M": pgettext("gender", "male")}.get(code, code)


def gender_to_type(code: str) -> str:
    """The same for a question at the terminal, where one letter is enough."""
    return {
        "F": pgettext("gender to type", "F"),
        "M": pgettext("gender to type", "M"),
    }.get(code, code)


def age(bracket: int) -> str:
    """An age bracket, by its place in AGE_BRACKETS: 0 -> 'under 18'."""
    return pgettext("age", "under 18") if AGE_BRACKETS[bracket] < 18 else AGE_LABELS[bracket]


def occupation(name: str) -> str:
    """An occupation of ml-100k or ml-1m."""
    return {
        "administrator": pgettext("occupation", "administrator"),
        "artist": pgettext("occupation", "artist"),
        "doctor": pgettext("occupation", "doctor"),
        "educator": pgettext("occupation", "educator"),
        "engineer": pgettext("occupation", "engineer"),
        "entertainment": pgettext("occupation", "entertainment"),
        "executive": pgettext("occupation", "executive"),
        "healthcare": pgettext("occupation", "healthcare"),
        "homemaker": pgettext("occupation", "homemaker"),
        "lawyer": pgettext("occupation", "lawyer"),
        "librarian": pgettext("occupation", "librarian"),
        "marketing": pgettext("occupation", "marketing"),
        "none": pgettext("occupation", "none"),
        "other": pgettext("occupation", "other"),
        "programmer": pgettext("occupation", "programmer"),
        "retired": pgettext("occupation", "retired"),
        "salesman": pgettext("occupation", "salesman"),
        "scientist": pgettext("occupation", "scientist"),
        "student": pgettext("occupation", "student"),
        "technician": pgettext("occupation", "technician"),
        "writer": pgettext("occupation", "writer"),
        "academic/educator": pgettext("occupation", "academic/educator"),
        "clerical/admin": pgettext("occupation", "clerical/admin"),
        "college/grad student": pgettext("occupation", "college/grad student"),
        "customer service": pgettext("occupation", "customer service"),
        "doctor/health care": pgettext("occupation", "doctor/health care"),
        "executive/managerial": pgettext("occupation", "executive/managerial"),
        "farmer": pgettext("occupation", "farmer"),
        "K-12 student": pgettext("occupation", "K-12 student"),
        "sales/marketing": pgettext("occupation", "sales/marketing"),
        "self-employed": pgettext("occupation", "self-employed"),
        "technician/engineer": pgettext("occupation", "technician/engineer"),
        "tradesman/craftsman": pgettext("occupation", "tradesman/craftsman"),
        "unemployed": pgettext("occupation", "unemployed"),
    }.get(name, name)
