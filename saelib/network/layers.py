"""Stacked as the word was meant: each layer is first trained by itself."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from saelib.network.autoencoder import StackedAutoencoder
from saelib.network.cells import draw_shown
from saelib.network.training import Oriented, build, fit


def train_layers(network: StackedAutoencoder, oriented: Oriented, seed: int) -> None:
    """Give a network of several layers its weights layer by layer, in place.

    The first layer is trained as an autoencoder of the ratings, each further one as an autoencoder
    of the code below it, which stays as it is; everywhere a share of the inputs is hidden, as the
    config says (Bengio et al. 2007, 'Greedy layer-wise training of deep networks'; Vincent et al.
    2010, 'Stacked denoising autoencoders'). Each takes config.layer_epochs. What all layers
    together make of it is left to `fit`.
    """
    config = oriented.config
    alone = replace(config, hidden=config.hidden[:1], epochs=config.layer_epochs, layer_epochs=0)
    shallow = build(replace(oriented, config=alone), seed).to(network.device)
    fit(shallow, replace(oriented, config=alone), seed=seed, progress=False)
    network.load_state_dict(shallow.state_dict(), strict=False)  # all but the inner layers
    codes = torch.from_numpy(shallow.codes(oriented.ratings, oriented.row_features))
    codes = codes.to(network.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for encode, decode in zip(network.encoder, reversed(network.decoder)):
            codes = _train_layer(encode, decode, codes, network)


def _train_layer(
    encode: nn.Module, decode: nn.Module, codes: Tensor, network: StackedAutoencoder
) -> Tensor:
    """Train one layer and its mirror on codes (n_rows, …); return the codes that it makes."""
    config, activation = network.config, network.activation
    optimizer = torch.optim.Adam(
        [*encode.parameters(), *decode.parameters()], lr=config.learning_rate
    )
    for _ in range(config.layer_epochs):
        for batch in torch.randperm(len(codes)).tensor_split(min(config.n_batches, len(codes))):
            rows = torch.arange(len(batch), device=codes.device)[:, None].expand(-1, codes.shape[1])
            shown = draw_shown(len(batch), rows, config.input_dropout)
            hidden = activation(encode(codes[batch] * shown))
            loss = (activation(decode(hidden)) - codes[batch]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return activation(encode(codes))
