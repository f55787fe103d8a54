"""The four blanks of one_class.ipynb: what is wrong with a try, and answers to go on with.

`check("share_filled", globals())` prints one line. A try that is not right is replaced by a given
answer, so that no later cell needs what a blank has left empty.
"""

import re
from collections.abc import Callable
from functools import partial
from numbers import Real
from operator import index
from time import perf_counter

import torch
from torch import Tensor, nn

NARROW, WIDE = range(1, 21), range(100, 301)
HINTS = {  # of what Python or torch say of an error
    r"name '(encoder|decoder)'": "Write self. before its name.",
    r"not Linear|.Linear. and|and .Linear": "A layer is called like a function: self.encoder(…).",
    r"name '(m|predicted_ui|residual)'": "The names are predicted, residuals and rated.",
    r"(sum|mean)\(\)": "Write (…).sum() in place of np.sum(…) or np.mean(…).",
}
EMPTY = "it returns nothing. Write your code below the line '# Your code here.', with a return."


def check(name: str, names: dict) -> None:
    """Look at the try called `name` in a notebook's `globals()`, and replace a wrong one."""
    find_wrong, answer = BLANKS[name]
    attempt, n_films = names.get(name), names["n_films"]
    if attempt is None:
        wrong = "it is not there. Run the cell above, once it has no error."
    elif hasattr(attempt, "instead_of"):  # the cell was not run again: nor has its mistake gone
        wrong = attempt.instead_of
    else:
        try:
            wrong = find_wrong(attempt, n_films)
        except Exception as error:
            told = " ".join(str(error).split()).rstrip(".")
            hints = [hint for pattern, hint in HINTS.items() if re.search(pattern, told)]
            wrong = " ".join([f"it stops with {type(error).__name__}: {told:.150}.", *hints])
    if not wrong:
        print(f"{name}: right.")
        return
    print(f"{name}: {wrong} The notebook goes on with a given answer.")
    names[name] = partial(answer, n_films) if answer is Autoencoder else partial(answer)
    names[name].instead_of = wrong


def missing(returned: object) -> bool:
    """Whether a function returns nothing, or the dots of an empty blank."""
    return returned is None or returned is ...


def wrong_share(attempt: Callable, n_films: int) -> str:
    """Compare with shares of small tables; two digits are enough."""
    for ratings, people, films in ((6, 3, 4), (700, 100, 100), (12, 3, 4)):
        share, right = attempt(ratings, people, films), ratings / (people * films)
        if missing(share):
            return EMPTY
        if not isinstance(share, Real) and getattr(share, "ndim", None) != 0:
            return f"it returns a {type(share).__name__}. Expected a number."
        if abs(float(share) - right) < 0.004:
            continue
        said = f"for {ratings} ratings, {people} people and {films} films it says {float(share):g}"
        if abs(float(share) - 100 * right) < 0.4:
            return f"{said}, a percentage. A share lies between 0 and 1."
        return f"{said}. There are {people * films} cells; how many of them are filled?"
    return ""


def wrong_forward(attempt: Callable, n_films: int) -> str:
    """Compare with the code and the predictions that the network's own layers make."""
    residuals = 3 * torch.randn(5, n_films, generator=torch.Generator().manual_seed(0))
    network = attempt(3)
    predicted = network(residuals.clone())
    if missing(predicted):
        return EMPTY
    if not isinstance(predicted, Tensor):
        return f"forward returns a {type(predicted).__name__}. Expected a tensor."
    if predicted.shape == (5, 3):
        return "forward returns the code. The decoder makes predictions of it, one for each film."
    if predicted.shape != residuals.shape:
        return (
            f"forward makes {tuple(predicted.shape)} of {tuple(residuals.shape)}; keep the shape."
        )
    code = residuals @ network.encoder.weight.T
    if torch.allclose(predicted, code @ network.decoder.weight.T, atol=1e-4):
        return "the tanh is missing. It stands on the code, between encoder and decoder."
    if not torch.allclose(predicted, code.tanh() @ network.decoder.weight.T, atol=1e-4):
        return "forward makes other numbers. First the encoder, then a tanh, then the decoder."
    return "" if predicted.requires_grad else "it cannot learn. Leave out detach and no_grad."


def wrong_loss(attempt: Callable, n_films: int) -> str:
    """Compare with the formula where the predictions for empty cells are not 0."""
    random = torch.Generator().manual_seed(0)
    for people, films in ((6, 9), (4, 30)):
        residuals, guess = (torch.randn(people, films, generator=random) for _ in range(2))
        rated = (torch.rand(people, films, generator=random) < 0.3).float()
        residuals, predicted = residuals * rated, guess.requires_grad_()
        squares = (predicted - residuals).square()
        loss = attempt(predicted, residuals, rated)
        if not isinstance(loss, Tensor):
            return EMPTY if missing(loss) else "it returns no tensor, so nothing can learn."
        if loss.numel() != 1:
            return f"it returns {loss.numel()} numbers. A loss is one number: a mean."
        mistakes = {
            "it counts the empty cells, too. Multiply by `rated`.": squares.mean(),
            "it asks the empty cells, too. Multiply by `rated` first.": squares.sum() / rated.sum(),
            "it is a sum. Divide by the number of rated cells.": (rated * squares).sum(),
            "it divides by all cells. Divide by the rated ones.": (rated * squares).mean(),
            "it is a root. Leave the root out.": ((rated * squares).sum() / rated.sum()).sqrt(),
        }
        for mistake, value in mistakes.items():
            if torch.isclose(loss, value, rtol=1e-4).all():
                return mistake
        if not torch.isclose(loss, (rated * squares).sum() / rated.sum(), rtol=1e-4).all():
            return "it is another number than the formula's. Compare its parts."
        if not loss.requires_grad:
            return "nothing can learn from it. Leave out detach, no_grad and numpy."
    batch, started = torch.ones(16, n_films), perf_counter()
    attempt(batch, batch, batch)
    slow = perf_counter() - started > 0.2
    return "it is right, and too slow. Compute with whole tables, not in loops." if slow else ""


def wrong_widths(attempt: Callable, n_films: int) -> str:
    """Any narrow and any wide code that train in seconds will do, in either order."""
    widths = attempt()
    if missing(widths):
        return EMPTY
    try:
        narrow, wide = sorted(map(index, widths))
    except (TypeError, ValueError):
        return f"it returns {widths!r:.60}. Expected two whole numbers, such as return 5, 300."
    if narrow not in NARROW or wide not in WIDE:
        return f"it returns {narrow} and {wide}. Take one from 1 to 20 and one from 100 to 300."
    return ""


def share_filled(n_ratings, n_people, n_films):
    return n_ratings / (n_people * n_films)


class Autoencoder(nn.Module):
    def __init__(self, n_films, width):
        super().__init__()
        self.encoder = nn.Linear(n_films, width, bias=False)
        self.decoder = nn.Linear(width, n_films, bias=False)

    def forward(self, residuals):
        return self.decoder(torch.tanh(self.encoder(residuals)))


def masked_loss(predicted, residuals, rated):
    return (rated * (predicted - residuals).square()).sum() / rated.sum()


def two_widths():
    return 10, 200


BLANKS = {
    "share_filled": (wrong_share, share_filled),
    "Autoencoder": (wrong_forward, Autoencoder),
    "masked_loss": (wrong_loss, masked_loss),
    "two_widths": (wrong_widths, two_widths),
}
