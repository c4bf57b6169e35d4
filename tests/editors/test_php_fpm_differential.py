"""What the real php-fpm reads back is what load() says, before an edit and after it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from remediations.editors.fpm_pool import PhpValue, Pool, Setting
from remediations.editors.php_fpm import FpmConfig, PmValues, load, set_pm
from remediations.editors.splice import apply
from remediations.errors import EditError
from tests.editors.php_fpm_corpus.cases import READ, REFUSED, UNKNOWN_TO_US, Files, random_case
from tests.editors.php_fpm_corpus.oracle import Answer, read_back

pytestmark = pytest.mark.lab

SEEDS = 40
WANTED = PmValues(max_children=41, start_servers=9, min_spare_servers=4, max_spare_servers=13)


def written(files: Files, folder: Path) -> dict[str, bytes]:
    """The files on disk, with `@/` replaced by the folder; their paths and bytes."""
    found = {str(folder / name): data.replace(b"@/", f"{folder}/".encode()) for name, data in files.items()}
    on_disk(found)
    return found


def on_disk(files: dict[str, bytes]) -> None:
    for name, data in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(data)


def said(setting: Setting[str | None] | Setting[int], unit: str = "") -> list[str]:
    """A setting as `-tt` prints it."""
    return ["undefined" if setting.value is None else f"{setting.value}{unit}"]


def as_printed(pool: Pool) -> dict[str, list[str]]:
    return {
        "listen": said(pool.listen),
        "listen.backlog": said(pool.listen_backlog),
        "listen.owner": said(pool.listen_owner),
        "listen.group": said(pool.listen_group),
        "listen.mode": said(pool.listen_mode),
        "listen.acl_users": said(pool.listen_acl_users),
        "listen.acl_groups": said(pool.listen_acl_groups),
        "user": said(pool.user),
        "group": said(pool.group),
        "pm": said(pool.pm),
        "pm.max_children": said(pool.max_children),
        "pm.start_servers": said(pool.start_servers),
        "pm.min_spare_servers": said(pool.min_spare_servers),
        "pm.max_spare_servers": said(pool.max_spare_servers),
        "pm.max_requests": said(pool.max_requests),
        "pm.process_idle_timeout": said(pool.process_idle_timeout),
        "pm.status_path": said(pool.status_path),
        "pm.status_listen": said(pool.status_listen),
        "ping.path": said(pool.ping_path),
        "request_terminate_timeout": said(pool.request_terminate_timeout, "s"),
        "request_slowlog_timeout": said(pool.request_slowlog_timeout, "s"),
        "slowlog": said(pool.slowlog),
        "chroot": said(pool.chroot),
        **values_as_printed(pool.php_values),
    }


def values_as_printed(values: tuple[PhpValue, ...]) -> dict[str, list[str]]:
    """php-fpm prints its lists last first."""
    found: dict[str, list[str]] = {}
    for one in reversed(values):
        found.setdefault(f"php{'_admin' * one.admin}_value[{one.key}]", []).append(one.value)
    return found


def assert_agree(config: FpmConfig, answer: Answer) -> None:
    assert answer.accepted, answer.output
    assert [one.name for one in config.pools] == [name for name in answer.sections if name != "global"]
    for pool in config.pools:
        printed = answer.sections[pool.name]
        php = {key: values for key, values in printed.items() if key.startswith(("php_value[", "php_admin_value["))}
        expected = as_printed(pool)
        assert {key: printed.get(key) for key in expected} == expected
        assert php.keys() <= expected.keys()
    assert_globals_agree(config, answer.sections["global"])


def assert_globals_agree(config: FpmConfig, printed: dict[str, list[str]]) -> None:
    found = config.global_settings
    expected = {
        "error_log": said(found.error_log),
        "process.max": said(found.process_max),
        "process_control_timeout": said(found.process_control_timeout, "s"),
        "emergency_restart_threshold": said(found.emergency_restart_threshold),
        "emergency_restart_interval": said(found.emergency_restart_interval, "s"),
        "daemonize": ["yes" if found.daemonize.value else "no"],
        "pid": said(found.pid),
    }
    assert {key: printed[key] for key in expected} == expected


@pytest.mark.parametrize("name", READ)
def test_php_fpm_reads_what_load_reads(name: str, tmp_path: Path) -> None:
    main = tmp_path / "main.conf"
    config = load(str(main), written(READ[name], tmp_path))
    assert_agree(config, read_back(main))


@pytest.mark.parametrize("name", READ)
def test_php_fpm_reads_what_was_set_and_nothing_else_has_changed(name: str, tmp_path: Path) -> None:
    main, files = tmp_path / "main.conf", written(READ[name], tmp_path)
    config = load(str(main), files)
    before, target = read_back(main), config.pools[0]
    edit = set_pm(config, target.name.upper(), WANTED)
    edited = {file: apply(data, edit.get(file, ())) for file, data in files.items()}
    on_disk(edited)
    after = read_back(main)
    meant = {key: [str(value)] for key, value in WANTED.of(target.pm.value).items()}
    if target.pm.value == "static":
        meant |= {key: before.sections[target.name][key] for key in WANTED.of("dynamic") if key not in meant}
    expected = {section: dict(values) for section, values in before.sections.items()}
    expected[target.name] |= meant
    assert after.accepted, after.output
    assert after.sections == expected
    config = load(str(main), edited)
    assert_agree(config, after)
    assert set_pm(config, target.name, WANTED) == {}


@pytest.mark.parametrize("name", UNKNOWN_TO_US)
def test_what_only_php_can_evaluate_is_marked_and_not_overwritten(name: str, tmp_path: Path) -> None:
    files, key = UNKNOWN_TO_US[name]
    main = tmp_path / "main.conf"
    config = load(str(main), written(files, tmp_path))
    pool = config.pools[0]
    assert read_back(main).accepted
    settings = {"pm.max_children": pool.max_children, "pm.max_requests": pool.max_requests}
    assert [one for one, setting in settings.items() if not setting.known] == [key]
    if key == "pm.max_children":
        with pytest.raises(EditError, match=r"main\.conf:7: pm\.max_children is set by an expression"):
            set_pm(config, "www", WANTED)


@pytest.mark.parametrize("name", REFUSED)
def test_what_php_fpm_refuses_load_refuses_with_file_and_line(name: str, tmp_path: Path) -> None:
    main = tmp_path / "main.conf"
    files = written(REFUSED[name], tmp_path)
    answer = read_back(main)
    assert not answer.accepted, answer.output
    with pytest.raises(EditError, match=r"^/\S+:\d+: "):
        load(str(main), files)


def expected_refusal(answer: Answer) -> bool:
    """What php-fpm refuses for the meaning of the whole, which load() leaves to php-fpm's own test."""
    return bool(re.search(r"\[pool \S+\] |unknown entry|Can't use '\$pool'", answer.output))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_lines_drawn_by_lot_are_read_or_refused_as_php_fpm_does(seed: int, tmp_path: Path) -> None:
    main = tmp_path / "main.conf"
    files = written(random_case(seed), tmp_path)
    answer = read_back(main)
    if answer.accepted:
        assert_agree(load(str(main), files), answer)
    elif not expected_refusal(answer):
        with pytest.raises(EditError, match=r"^/\S+:\d+: "):
            load(str(main), files)


def test_the_files_that_debian_ships_are_read_and_edited(tmp_path: Path) -> None:
    root = Path("/etc/php/8.2/fpm")
    shipped = [root / "php-fpm.conf", *sorted((root / "pool.d").glob("*.conf"))]
    files = {str(path): path.read_bytes() for path in shipped}
    moved = {
        name.replace(str(root), str(tmp_path)): data.replace(bytes(root), bytes(tmp_path))
        for name, data in files.items()
    }
    on_disk(moved)
    main = tmp_path / "php-fpm.conf"
    config = load(str(main), moved)
    assert_agree(config, read_back(main))
    edit = set_pm(config, "www", WANTED)
    on_disk({name: apply(data, edit.get(name, ())) for name, data in moved.items()})
    assert read_back(main).sections["www"]["pm.max_children"] == ["41"]
