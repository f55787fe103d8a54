"""What cells print is compared with what is committed: text exactly, numbers within a tolerance.

nbval compares text alone: a last digit that rounds the other way on another processor fails
a notebook. Here a number with a decimal point or a percent sign may differ by one in its last
printed digit. A cell tagged `tolerance=0.05` states another one: all its numbers may differ by
that share of what is committed. Whole numbers are exact elsewhere, and words are everywhere.
"""

import re
from collections.abc import Mapping

from nbval.plugin import IPyNbCell

# Not 3.11.7 or 1995-10: versions and dates are words.
NUMBER = re.compile(
    r"(?<![\w.])(?<!\w[-−])[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?%?(?!\.?\d|[-−]\d)"
)
_exactly = IPyNbCell.compare_outputs


def close(found: str, wanted: str, share: float = 0.0) -> bool:
    """Whether two numbers, as printed, say the same within the tolerance."""
    decimals = [len(number.rstrip("%").partition(".")[2]) for number in (found, wanted)]
    if decimals[0] != decimals[1] or found.endswith("%") != wanted.endswith("%"):
        return False
    a, b = (float(n.rstrip("%").replace(",", "").replace("−", "-")) for n in (found, wanted))
    last_digit = 10.0 ** -decimals[1] if decimals[1] or wanted.endswith("%") else 0.0
    return abs(a - b) <= max(1.001 * last_digit, share * abs(b))


def same_text(found: str, wanted: str, share: float = 0.0) -> bool:
    """Whether two outputs are the same but for numbers that are close (and how wide they are)."""
    texts = [re.sub(r"[ \t]+|-{2,}", " ", NUMBER.sub(" \0 ", text)) for text in (found, wanted)]
    pairs = zip(NUMBER.findall(found), NUMBER.findall(wanted))
    return texts[0] == texts[1] and all(close(a, b, share) for a, b in pairs)


def as_committed(found, wanted, share: float = 0.0):
    """`found`, with each text that is the same within the tolerance put as it is committed."""
    if isinstance(found, str) and isinstance(wanted, str):
        return wanted if same_text(found, wanted, share) else found
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        made = {key: as_committed(value, wanted.get(key), share) for key, value in found.items()}
        return type(found)(made)
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        return [as_committed(a, b, share) for a, b in zip(found, wanted)]
    return found


def tolerance_of(tags: list[str]) -> float:
    """The share that a cell's tag `tolerance=SHARE` states; 0 where it has none."""
    stated = [tag.removeprefix("tolerance=") for tag in tags if tag.startswith("tolerance=")]
    return float(stated[0]) if stated else 0.0


def compare(cell: IPyNbCell, found: list, wanted: list, skip_compare=None) -> bool:
    """In place of nbval's comparison of one cell's outputs."""
    share = tolerance_of(cell.cell.metadata.get("tags", []))
    return _exactly(cell, as_committed(found, wanted, share), wanted, skip_compare)


def install() -> None:
    """Let nbval compare with the tolerance."""
    IPyNbCell.compare_outputs = compare
