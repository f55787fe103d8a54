"""The comparison of notebooks: numbers within a tolerance, text not at all."""

import nbformat
import pytest
from nbval.plugin import IPyNbCell
from tolerance import as_committed, compare, same_text, tolerance_of

TABLE = "       fed in  unseen\nplain    0.86    1.03\nbias     0.92    0.94\n12,345 rows, 42 %\n"


@pytest.mark.parametrize(
    ("found", "wanted", "share", "same"),
    [
        ("0.86", "0.87", 0, True),
        ("0.86", "0.88", 0, False),
        ("0.860", "0.87", 0, False),
        ("12%", "13%", 0, True),
        ("12%", "14%", 0, False),
        ("12%", "13", 0, False),
        ("-0.0", "0.0", 0, True),
        ("-0.1", "0.1", 0, False),
        ("1,200", "1,201", 0, False),
        ("1,200", "1,201", 0.01, True),
        ("1,200", "1,301", 0.01, False),
        ("7", "8", 0, False),
        ("0.94", "nan", 0, False),
        # What is no number is text.
        ("sae-plain", "sae plain", 0, False),
        ("Python 3.11.7", "Python 3.12.7", 0, False),
        ("torch 2.13", "torch2.13", 0, False),
        ("1995-10.5", "1995-10.6", 0, False),
        ("a-0.5", "a-0.6", 0, False),
        ("a # b", "a 7 b", 0, False),
    ],
)
def test_a_number_may_differ_by_its_last_digit_or_by_the_stated_share(found, wanted, share, same):
    assert same_text(f"error {found} stars", f"error {wanted} stars", share) is same


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1.03", "1.05"),
        ("bias     0.92    0.94\n", ""),
        ("0.86    1.03\nbias     0.92    0.94", "0.92    0.94\nbias     0.86    1.03"),
        ("plain", "plane"),
        ("42 %\n", "42 %\nmore\n"),
    ],
)
def test_a_wrong_table_is_noticed(old, new):
    assert same_text(TABLE, TABLE.replace("1.03", "1.04"))
    assert not same_text(TABLE.replace(old, new), TABLE)


def test_a_cell_is_compared_by_nbval_with_this_tolerance():
    assert IPyNbCell.compare_outputs is compare
    texts = [("0.42", "<b>0.42"), ("0.41", "<b>0.43"), ("0.41", "<b>0.45")]
    outputs = [{"text/plain": plain, "text/html": html} for plain, html in texts]
    wanted, near, far = ([nbformat.from_dict({"data": data})] for data in outputs)
    assert as_committed(near, wanted) == wanted
    assert as_committed(far, wanted) != wanted
    assert as_committed(wanted + wanted, wanted) == wanted + wanted
    assert tolerance_of(["nbval-check-output", "tolerance=0.05"]) == 0.05
    assert tolerance_of([]) == 0
