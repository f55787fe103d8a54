"""The words of the data in a person's language; those of one's own data stay as they are."""

from saelib.language import ngettext, pgettext

AGES = ("under 18", "18-24", "25-34", "35-44", "45-49", "50-55", "56+")  # by bracket
WORDS = {
    "genre": "Action,Adventure,Animation,Children,Children's,Comedy,Crime,Documentary,Drama,"
    "Fantasy,Film-Noir,Horror,IMAX,Musical,Mystery,Romance,Sci-Fi,Thriller,War,Western,unknown",
    "age": "under 18",
    "occupation": "academic/educator,administrator,artist,clerical/admin,college/grad student,"
    "customer service,doctor,doctor/health care,educator,engineer,entertainment,executive,"
    "executive/managerial,farmer,healthcare,homemaker,K-12 student,lawyer,librarian,marketing,"
    "none,other,programmer,retired,sales/marketing,salesman,scientist,self-employed,student,"
    "technician,technician/engineer,tradesman/craftsman,unemployed,writer",
}


def extract(*_file: object, **_options: object) -> list[tuple]:
    """Tell Babel the words above: line, function, (context, word), comments; see babel.cfg."""
    words = [(kind, word) for kind in WORDS for word in WORDS[kind].split(",")]
    return [(0, "pgettext", of_context, []) for of_context in words]


def genres(text: str) -> str:
    """All genres of a film: 'Comedy|Drama' is 'Comedia, Drama' in Spanish."""
    return ", ".join(genre(name) for name in text.split("|") if name)


def genre(name: str) -> str:
    """A genre: 'Sci-Fi' is 'Ciencia ficción' in Spanish."""
    return pgettext("genre", name)


def gender(code: str) -> str:
    """A gender as MovieLens codes it: 'F' is 'female'."""
    return {"F": pgettext("gender", "female"), "M": pgettext("gender", "male")}.get(code, code)


def age(bracket: int) -> str:
    """An age bracket by its place in `matrix.AGES`: 0 is 'under 18'."""
    return pgettext("age", AGES[bracket])


def occupation(name: str) -> str:
    """An occupation of ml-100k or ml-1m."""
    return pgettext("occupation", name)


def stars(given: float) -> str:
    """As a screen reader shall say it: '1 star', '4.5 stars'."""
    words = ngettext("{stars:g} star", "{stars:g} stars", 1 if given == 1 else 2)
    return words.format(stars=given)
