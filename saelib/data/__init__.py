"""files -> tables -> matrix, and what is known of people and films."""
