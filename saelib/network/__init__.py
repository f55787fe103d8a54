"""The lessons' core: baseline, autoencoder, loss, recipes, training."""
