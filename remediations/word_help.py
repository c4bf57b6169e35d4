"""`VERB --help` for verbs with a word of their own: Invoke would take the flag for that word (seen: `lab.up -h`)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from invoke.tasks import Task

from remediations import terminal

T = TypeVar("T", bound=Callable[..., Any])


class WordTask(Task[T]):
    """A task that prints its help, and does nothing, where its word is -h or --help: `@task(klass=WordTask)`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.texts = {str(name): str(text) for name, text in (self.help or {}).items()}  # Invoke uses its own up

    def __call__(self, *args: Any, **kwargs: Any) -> T:
        if {"-h", "--help"} & {word for word in (*args[1:], *kwargs.values()) if isinstance(word, str)}:
            terminal.document("\n".join(self._help()) + "\n")
            return None  # type: ignore[return-value]  # Invoke keeps what a task returns and looks at none of it
        return super().__call__(*args, **kwargs)

    def _help(self) -> Iterator[str]:
        yield f"Usage: {self.name} {' '.join(name.upper() for name in self.positional)} [--options]"
        yield from ("", inspect.getdoc(self) or "", "", "Options:")
        yield from (f"  --{name:<12} {text}" for name, text in self.texts.items())
