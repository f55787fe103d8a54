"""A person in, films out; no widgets."""
