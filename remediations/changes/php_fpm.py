"""PHP-FPM's files as something to change: what forbids it, the edited files, and the act that makes it read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from remediations.changes.file import FileChange
from remediations.changes.unit import UnitAction
from remediations.editors import php_fpm
from remediations.editors.splice import apply
from remediations.errors import EditError
from remediations.facts.base import Unknown
from remediations.php import pools as php_pools
from remediations.php.pools import PoolAt
from remediations.snapshot import FpmVersion, Snapshot

Values = Mapping[str, str]
"""What a pool is to say, by its keys in small letters."""


def refusal(snapshot: Snapshot, version: FpmVersion) -> str | None:
    """Why no file of this PHP-FPM may be edited: an edit of a configuration that is not valid cannot be judged."""
    main = version.fpm.main
    verdicts = () if isinstance(snapshot.verdicts, Unknown) else snapshot.verdicts
    bad = next((each for each in verdicts if each.subject == main and not each.ok), None)
    if bad is not None:
        return f"{main} does not validate, so it is not edited: {_essence(bad.output)}"
    unread = next((one for one in version.config.wanted if one.file != main), None)
    if unread is not None:
        return f"{unread.file}:{unread.line}: the included {unread.pattern} could not be read"
    return None


def _essence(output: str) -> str:
    """The line that names the fault and its place."""
    lines = output.splitlines() or ["php-fpm -t fails without a word"]
    return next((line for line in lines if "ERROR" in line or "error" in line), lines[0])


def edited(snapshot: Snapshot, remediation: str, wanted: Sequence[tuple[PoolAt, Values]]) -> tuple[FileChange, ...]:
    """One change a real file. Raises EditError where a value cannot be set without changing something else."""
    staged, order = snapshot, dict[str, None]()
    for at, values in wanted:
        data = {path: file.data for path, file in staged.files.items()}
        config = php_fpm.load(at.version.fpm.main, data, prefix=at.version.config.prefix)
        for path, splices in php_fpm.set_values(config, at.pool.name, values).items():
            real = staged.files[path].real_path
            staged = staged.with_file(real, apply(data[path], splices))
            order[real] = None
    _refuse_side_effects(snapshot, staged, wanted)
    return tuple(_change(snapshot, staged, remediation, real) for real in order)


def _refuse_side_effects(snapshot: Snapshot, staged: Snapshot, wanted: Sequence[tuple[PoolAt, Values]]) -> None:
    """A file that two PHP-FPMs read, or one under two names, must not change a pool that nobody asked about."""
    asked = {at.subject: {key: value.encode() for key, value in values.items()} for at, values in wanted}
    before = _values(snapshot)
    for subject, after in _values(staged).items():
        if after != before[subject] | asked.get(subject, {}):
            raise EditError(f"pool {subject} reads the same lines and would change too: give it lines of its own first")


def _values(snapshot: Snapshot) -> dict[str, dict[str, bytes | None]]:
    """What the files say of every pool."""
    if isinstance(snapshot.fpm_versions, Unknown):
        raise EditError(snapshot.fpm_versions.reason)
    return {at.subject: php_fpm.values_of(at.pool) for at in php_pools.every(snapshot.fpm_versions)}


def _change(snapshot: Snapshot, staged: Snapshot, remediation: str, real: str) -> FileChange:
    before, after = snapshot.file_at(real), staged.file_at(real)
    assert before is not None
    assert after is not None
    return FileChange(remediation, real, replace(before, path=real), after.data)


def reload(snapshot: Snapshot, remediation: str, version: FpmVersion, reason: str) -> tuple[UnitAction, ...]:
    """The reload of this PHP-FPM where it runs: through the unit whose main process it is, else by a signal."""
    master = version.fpm.master
    if master is None:
        return ()
    unit = php_pools.main_unit(snapshot, version)
    name = unit.name if unit and unit.can_reload else ""
    return (UnitAction(remediation, name, "reload", reason, pid=master),)


def reloads(
    snapshot: Snapshot, remediation: str, versions: Sequence[FpmVersion], files: Sequence[FileChange]
) -> Iterator[UnitAction]:
    """One reload a PHP-FPM that has a changed pool."""
    for version in versions:
        own = {snapshot.files[path].real_path for path in version.config.read}
        reason = f"to read {', '.join(file.path for file in files if file.path in own)}"
        yield from reload(snapshot, remediation, version, reason)


def cut_requests(versions: Sequence[FpmVersion]) -> Iterator[str]:
    """A reload kills the workers at once, unless PHP-FPM is told to wait for them."""
    for version in versions:
        if version.fpm.master is not None and not version.config.global_settings.process_control_timeout.value:
            yield (
                f"the reload answers the requests that are being served with 502: {version.fpm.main} leaves "
                "process_control_timeout at 0"
            )
