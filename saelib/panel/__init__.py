"""What people touch: sliders, the page, the terminal."""
