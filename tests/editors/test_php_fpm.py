"""A PHP-FPM configuration is read through its includes, and a pool's limits are written where they are in force."""

from __future__ import annotations

import pytest

from remediations.editors.file_pattern import matches
from remediations.editors.php_fpm import FpmConfig, PmValues, Wanted, load, set_pm
from remediations.editors.splice import apply
from remediations.errors import EditError

POOL = b"""[www]
user = www-data
listen = /run/php/php8.2-fpm.sock
pm = dynamic
pm.max_children = 5
pm.start_servers = 2
pm.min_spare_servers = 1
pm.max_spare_servers = 3
"""
WANTED = PmValues(max_children=40, start_servers=8, min_spare_servers=4, max_spare_servers=12)
MAIN = "/etc/php/8.2/fpm/php-fpm.conf"
INCLUDE = b"[global]\npid = /run/php/php8.2-fpm.pid\ninclude=/etc/php/8.2/fpm/pool.d/*.conf\n"


def config(pool: bytes = POOL, **more: bytes) -> FpmConfig:
    files = {MAIN: INCLUDE, "/etc/php/8.2/fpm/pool.d/www.conf": pool}
    files |= {f"/etc/php/8.2/fpm/pool.d/{name}.conf": data for name, data in more.items()}
    return load(MAIN, files)


def after(before: FpmConfig, name: str = "www", wanted: PmValues = WANTED) -> FpmConfig:
    edit = set_pm(before, name, wanted)
    return load(before.main, {file: apply(data, edit.get(file, ())) for file, data in before.files.items()})


def test_a_value_knows_its_file_and_line_and_a_default_knows_that_it_is_one() -> None:
    pool = config().pools[0]
    source = pool.max_children.source
    assert source is not None
    assert (source.file, source.line) == ("/etc/php/8.2/fpm/pool.d/www.conf", 5)
    assert pool.max_requests.is_default
    assert pool.max_requests.value == 0
    assert (pool.process_idle_timeout.value, pool.listen_backlog.value) == (10, -1)


def test_files_that_are_included_and_not_known_are_wanted() -> None:
    main = b"include=/etc/php/8.2/fpm/pool.d/*.conf\ninclude = extra.conf\n"
    found = load(MAIN, {MAIN: main})
    assert found.pools == ()
    assert found.wanted == (
        Wanted("/etc/php/8.2/fpm/pool.d/*.conf", MAIN, 1),
        Wanted("/usr/extra.conf", MAIN, 2),
    )
    assert load(MAIN, {}).wanted == (Wanted(MAIN, MAIN, 0),)


def test_relative_includes_begin_at_the_prefix_that_php_was_built_with() -> None:
    files = {"/x/php-fpm.conf": b"include=etc/*.conf\n", "/opt/remi/php81/root/usr/etc/www.conf": POOL}
    found = load("/x/php-fpm.conf", files, prefix="/opt/remi/php81/root/usr")
    assert [pool.name for pool in found.pools] == ["www"]


def test_files_are_read_in_the_order_of_their_names() -> None:
    found = config(B=b"[www]\npm.max_children = 6\n", zzz=b"[www]\npm.max_children = 7\n")
    assert [file.rpartition("/")[2] for file in found.read] == ["php-fpm.conf", "B.conf", "www.conf", "zzz.conf"]
    assert found.pools[0].max_children.value == 7


def test_a_pool_is_found_whatever_its_case() -> None:
    found = config().pool("WWW")
    assert found is not None
    assert found.name == "www"
    assert config().pool("shop") is None


def test_of_two_equal_php_values_the_first_wins_and_an_admin_value_wins_over_a_plain_one() -> None:
    """Seen on a real worker of PHP 8.2: it keeps these lists last first and applies each in turn."""
    lines = b"php_value[memory_limit] = 1M\nphp_admin_value[memory_limit] = 2M\nphp_admin_value[memory_limit] = 3M\n"
    pool = config(POOL + lines).pools[0]
    limit = pool.php("memory_limit")
    assert limit is not None
    assert (limit.value, limit.admin, limit.source.line) == ("2M", True, 10)
    assert pool.php("precision") is None


def test_each_value_is_written_in_the_file_in_which_it_is_in_force() -> None:
    before = config(zzz=b"[WWW]\npm.max_children = 6 ; more\n")
    edit = set_pm(before, "www", WANTED)
    folder = "/etc/php/8.2/fpm/pool.d/"
    assert (
        apply(before.files[f"{folder}zzz.conf"], edit[f"{folder}zzz.conf"]) == b"[WWW]\npm.max_children = 40 ; more\n"
    )
    changed = apply(POOL, edit[f"{folder}www.conf"])
    assert changed == POOL.replace(b"= 2", b"= 8").replace(b"= 1", b"= 4").replace(b"servers = 3", b"servers = 12")


def test_values_in_force_need_no_edit() -> None:
    assert set_pm(after(config()), "www", WANTED) == {}


def test_a_value_that_says_the_same_in_other_words_stays() -> None:
    before = config(POOL.replace(b"= 5", b"= 0040"))
    assert len(set_pm(before, "www", WANTED)["/etc/php/8.2/fpm/pool.d/www.conf"]) == 3


@pytest.mark.parametrize("pm", [b"static", b"ondemand"])
def test_under_static_and_ondemand_the_spare_servers_are_left_alone(pm: bytes) -> None:
    before = config(POOL.replace(b"dynamic", pm))
    edit = set_pm(before, "www", WANTED)
    data = apply(before.files["/etc/php/8.2/fpm/pool.d/www.conf"], edit["/etc/php/8.2/fpm/pool.d/www.conf"])
    assert data == POOL.replace(b"dynamic", pm).replace(b"= 5", b"= 40")


def test_absent_and_commented_keys_go_under_the_other_limits_not_under_a_later_pm_key() -> None:
    text = b"[www]\nuser = a\npm = dynamic\npm.max_children = 5\n;pm.start_servers = 2\n\npm.status_path = /status\n"
    data = after(config(text)).files["/etc/php/8.2/fpm/pool.d/www.conf"]
    added = b"pm.start_servers = 8\npm.min_spare_servers = 4\npm.max_spare_servers = 12\n"
    assert data == text.replace(b"= 5\n", b"= 40\n" + added)


def test_of_two_pools_in_one_file_only_the_one_is_changed() -> None:
    both = POOL + POOL.replace(b"[www]", b"[shop]").replace(b"8.2", b"8.3")
    data = after(config(both), "shop").files["/etc/php/8.2/fpm/pool.d/www.conf"]
    assert data.startswith(POOL)
    assert b"pm.max_children = 40" in data


def test_lines_that_two_pools_read_are_not_edited() -> None:
    main = b"[a]\nlisten=/a\ninclude=/common\n[b]\nlisten=/b\ninclude=/common\n"
    shared = load("/m", {"/m": main, "/common": POOL.partition(b"\n")[2]})
    with pytest.raises(EditError, match=r"^/common: .* would change another pool"):
        set_pm(shared, "a", WANTED)


def test_a_pool_that_is_not_there_or_has_no_pm_is_an_error() -> None:
    with pytest.raises(EditError, match=r"there is no pool \[shop\]"):
        set_pm(config(), "shop", WANTED)
    with pytest.raises(EditError, match=r"www\.conf:4: pool \[www\] has no pm that can be read"):
        set_pm(config(POOL.replace(b"= dynamic", b"= ${PM}")), "www", WANTED)


@pytest.mark.parametrize("values", [(0, 1, 1, 1), (5, 1, 2, 3), (5, 4, 1, 3), (5, 2, 1, 6), (5, 2, 3, 1)])
def test_limits_that_php_fpm_would_refuse_cannot_be_made(values: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="PHP-FPM refuses"):
        PmValues(*values)


def test_a_hash_is_an_error_that_says_where_and_why() -> None:
    with pytest.raises(EditError, match=r"pool\.d/www\.conf:9: # old is no comment: PHP-FPM knows ';' alone"):
        config(POOL + b"# old\n")


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        ("/a/*.conf", "/a/b.conf", True),
        ("/a/*.conf", "/a/b/c.conf", False),
        ("/a/*.conf", "/a/.b.conf", False),
        ("/a/.*.conf", "/a/.b.conf", True),
        ("/a/?.conf", "/a/bb.conf", False),
        ("/a/[a-c].conf", "/a/b.conf", True),
        ("/a/[!a-c].conf", "/a/b.conf", False),
        ("/a/[]x].conf", "/a/].conf", True),
        ("/a/b+c.conf", "/a/b+c.conf", True),
        (r"/a/\*.conf", "/a/*.conf", True),
        (r"/a/\*.conf", "/a/b.conf", False),
        ("/a/b.conf", "/a/bxconf", False),
    ],
)
def test_a_pattern_finds_what_glob_finds(pattern: str, path: str, found: bool) -> None:
    assert matches(pattern, path) is found
