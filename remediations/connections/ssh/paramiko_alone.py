"""Paramiko without what it imports and a login does not need, which would take longer than the login.

Invoke is for `Match exec` in an ssh_config. Such a one is read with Fabric, and so with Invoke (see `route`). The
library about installed packages tells Paramiko its own version: the name of the folder beside it tells that as well.
What is there already, stays.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType


@contextmanager
def _instead(modules: Mapping[str, ModuleType | None]) -> Iterator[None]:
    """While it lasts, these modules are had where the real ones are not there yet; None: not to be had."""
    put = {name: module for name, module in modules.items() if name not in sys.modules}
    sys.modules.update(put)  # type: ignore[arg-type]  # None is Python's word for "not to be had"
    try:
        yield
    finally:
        for name in put:
            del sys.modules[name]


def _unneeded() -> dict[str, ModuleType | None]:
    """Invoke, and the library about packages where Paramiko's folder `paramiko-5.0.0.dist-info` lies open."""
    for folder in sys.path:
        for found in Path(folder).glob("paramiko-*.dist-info"):
            versions = ModuleType("importlib.metadata")
            vars(versions)["version"] = {"paramiko": found.stem.removeprefix("paramiko-")}.__getitem__
            return {"invoke": None, versions.__name__: versions}
    return {"invoke": None}


with _instead(_unneeded()):
    import paramiko  # noqa: F401 - here first, so that all others find it
