"""Where somebody rates films and sees what to watch next: notebook, page and terminal."""
