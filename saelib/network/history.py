"""The losses of a training, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class History:
    """Mean squared error after each epoch, in stars squared, whatever loss was trained on.

    train_loss: mean over the epoch's steps, with dropout on. validation_loss: of held-out ratings,
    dropout off. best_epoch counts from 1 and is the one whose weights the model keeps: the lowest
    validation loss, or the last epoch where there are no validation ratings.
    """

    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    best_epoch: int = 0
    interrupted: bool = False
