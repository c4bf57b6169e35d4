"""Fills in the templates of `templates/`; a value that a template asks for and does not get is an error."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from remediations import resources

if TYPE_CHECKING:
    from jinja2 import Environment  # takes as long to import as a host to answer: see `rehearsal`


@lru_cache(maxsize=256)
def render(name: str, **values: Hashable) -> bytes:
    """The template's text in UTF-8, with its final newline."""
    return _environment().get_template(name).render(**values).encode()


def compile_all() -> None:
    """Compiles all templates, as the first `render` of each would."""
    environment = _environment()
    for name in environment.list_templates():
        environment.get_template(name)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(resources.templates())
    return Environment(loader=loader, undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701 - configuration files, not HTML
