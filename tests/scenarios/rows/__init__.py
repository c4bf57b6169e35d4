"""The scenarios, a family a file: each holds ROWS; there is no registry."""
