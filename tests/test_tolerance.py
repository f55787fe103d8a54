"""The comparison of notebooks: numbers within a tolerance, text not at all."""

import nbformat
import pytest
from nbval.plugin import IPyNbCell
from tolerance import as_committed, close, compare, same_text, tolerance_of

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
    ],
)
def test_a_number_may_differ_by_its_last_digit_or_by_the_stated_share(found, wanted, share, same):
    assert close(found, wanted, share) is same
    assert same_text(f"error {found} stars", f"error {wanted} stars", share) is same


@pytest.mark.parametrize(
    "wrong",
    [
        TABLE.replace("1.03", "1.05"),  # a wrong number
        TABLE.replace("bias     0.92    0.94\n", ""),  # a missing line
        TABLE.replace(
            "plain    0.86    1.03\nbias     0.92    0.94", "bias  0.92  0.94\nplain  0.86  1.03"
        ),
        TABLE.replace("0.86    1.03\nbias     0.92    0.94", "0.92    0.94\nbias     0.86    1.03"),
        TABLE.replace("plain", "plane"),
        TABLE.replace("12,345", "12,346"),
        TABLE + "more\n",
        TABLE.replace("0.94", "nan"),
        TABLE.replace("0.94", "#"),
    ],
)
def test_it_notices(wrong):
    assert same_text(TABLE, TABLE.replace("1.03", "1.04"))
    assert not same_text(wrong, TABLE)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ("sae-plain", "sae plain"),
        ("Python 3.11.7", "Python 3.12.7"),
        ("torch 2.13", "torch2.13"),
        ("1995-10.5", "1995-10.6"),
        ("a-0.5", "a-0.6"),
        ("a # b", "a 7 b"),
    ],
)
def test_what_is_no_number_is_text(found, wanted):
    assert not same_text(found, wanted)


def test_a_cell_is_compared_by_nbval_with_this_tolerance():
    assert IPyNbCell.compare_outputs is compare
    output = {
        "output_type": "execute_result",
        "data": {"text/plain": "0.42", "text/html": "<b>0.42"},
    }
    output |= {"metadata": {}, "execution_count": 3}
    wanted = nbformat.from_dict([output])
    near = nbformat.from_dict([output | {"data": {"text/plain": "0.41", "text/html": "<b>0.43"}}])
    far = nbformat.from_dict([output | {"data": {"text/plain": "0.41", "text/html": "<b>0.45"}}])
    assert as_committed(near, wanted) == wanted
    assert as_committed(far, wanted) != wanted
    assert as_committed(wanted + wanted, wanted) == wanted + wanted
    assert tolerance_of(["nbval-check-output", "tolerance=0.05"]) == 0.05
    assert tolerance_of([]) == 0
