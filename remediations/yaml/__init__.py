"""YAML with positions: every value knows its file, line and key, so that an error can name them."""
