"""Fixtures of the remediations' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.editors.nginx_oracle import Nginx, real_nginx


@pytest.fixture(scope="session")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """The real nginx, locked in; where it is missing the test fails, since a skip looks like a pass."""
    with real_nginx(tmp_path_factory.mktemp("nginx")) as found:
        yield found
