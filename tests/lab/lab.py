"""Booting hosts: the one way in for pytest's fixtures and for the command line."""

from collections.abc import Sequence
from pathlib import Path

from tests.lab import container, features, keys, network, overlay, site, teardown
from tests.lab.base import ensure_base
from tests.lab.host import LabHost
from tests.lab.record import Record, claim


def boot(
    name: str, run: Path, wanted: Sequence[str] = (), *, stays: bool = False, via: LabHost | None = None
) -> LabHost:
    """A host that serves its sites when this returns.

    `run` is the folder of the key pair and known_hosts that its hosts share. A host that `stays` outlives this process.
    `via` is the only host from which this one can be reached.
    """
    chosen = features.choose(wanted)
    base = ensure_base(features.base_kind(chosen))
    keys.ensure_login_key(run)
    names = tuple(feature.name for feature in chosen)
    record = claim(name, features.login_user(chosen), names, run, stays=stays, via=via.id if via else None)
    try:
        _start(record, base, chosen, via)
    except BaseException:
        teardown.remove(record)
        raise
    return LabHost(**vars(record))


def _start(record: Record, base: Path, chosen: Sequence[features.Feature], via: Record | None) -> None:
    overlay.mount(record, base)
    site.furnish(record)
    for feature in chosen:
        feature.install(record)
    keys.make_host_key(record)
    keys.write_ssh_config(record, via)
    network.connect(record)
    container.start(record)
