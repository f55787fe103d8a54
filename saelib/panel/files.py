"""What goes into the panel and out of it as a file."""

from __future__ import annotations

import pandas as pd

from saelib.errors import ProfileError
from saelib.language import _
from saelib.recommend.imports import Imported, read_profile
from saelib.recommend.profile import MAX_BYTES
from saelib.recommend.recommender import Recommender

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # how what spreadsheets compute begins


def uploaded(file: dict, recommender: Recommender, *, compare: bool = False) -> Imported:
    """A profile, or an export of elsewhere, as `FileUpload` holds it. Raises ProfileError.

    compare: see `import_files`.
    """
    if file["size"] > MAX_BYTES:
        refuse(file["name"], file["size"])
    content, catalogue = bytes(file["content"]), recommender.catalogue
    return read_profile(content, file["name"], catalogue, recommender.scale, compare=compare)


def refuse(name: str, size: int | None) -> None:
    """Raises ProfileError: a file cannot be loaded.

    size: in bytes; None where it could not be read.
    """
    if size is None:
        raise ProfileError(
            _("{file} could not be read by the browser; choose it again.").format(file=name)
        )
    raise ProfileError(
        _(
            "{file} is too large for a profile: {size:.1f} MB; expected a file of at most "
            "{most:.0f} MB, as Save profile makes it."
        ).format(file=name, size=size / 1e6, most=MAX_BYTES / 1e6)
    )


def spreadsheet(films: pd.DataFrame) -> str:
    """The list as CSV that spreadsheets open. films: as of `Session.recommendations`.

    A text that begins with one of `=+-@`, a tab or a line break could be run as a formula by the
    spreadsheet that opens it; a title of one's own data may hold anything. Such a cell gets an
    apostrophe in front, by which spreadsheets know a text (OWASP, 'CSV Injection'). Numbers are
    written as they are.
    """
    table = films[["movie_id", "title", "year", "genres", "stars"]].round({"stars": 2})
    for name in table.select_dtypes(exclude="number"):
        table[name] = table[name].map(_as_text, na_action="ignore")
    return "\ufeff" + table.to_csv(index=False)  # the mark tells spreadsheets: UTF-8


def _as_text(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
