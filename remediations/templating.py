"""Fills in the templates of `templates/`; a value that a template asks for and does not get is an error."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache, lru_cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from remediations import resources


@lru_cache(maxsize=256)
def render(name: str, **values: Hashable) -> bytes:
    """The template's text in UTF-8, with its final newline."""
    return _environment().get_template(name).render(**values).encode()


@cache
def _environment() -> Environment:
    loader = FileSystemLoader(resources.templates())
    return Environment(loader=loader, undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701 - configuration files, not HTML
