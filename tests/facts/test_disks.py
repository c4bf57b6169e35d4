"""What is mounted, how full it is and what fills it: the fragment on this machine, and what is made of its words."""

from __future__ import annotations

import subprocess

import pytest

from remediations.facts import disks
from remediations.facts.base import Unknown
from remediations.facts.disks import Disks, Held

TOLD = rb"""m ext4 rw /
m ext4 rw /var
m nfs4 rw /srv/my\040files
m squashfs ro /snap/core/1
m tmpfs rw /run
k /dev/sda1      1000   990     10  99% /
k /dev/my disk   2000     0   1900   0% /var
k tmpfs           100     0    100   0% /run
i /dev/sda1        50    40     10  80% /
i /dev/my disk      -     -      -    - /var
l /srv/logs /var/big
f 9000 /var/a log
d 7000 12 nginx /var/log/error.log (deleted)
d 7000 13 nginx /var/log/error.log (deleted)
d 9999 14 php-fpm8.2 /dev/zero (deleted)
n 400 /var/lib/php/sessions
"""


def read(stdout: bytes) -> Disks:
    found = disks.parse(stdout)
    assert not isinstance(found, Unknown)
    return found


def test_what_the_host_says_is_read() -> None:
    found = read(TOLD)
    root, var = found.disks["/"], found.disks["/var"]
    assert (root.kind, root.used, root.free, root.percent) == ("ext4", 990 << 10, 10 << 10, 99)
    assert (root.inodes, root.inodes_free, var.inodes, var.percent) == (50, 10, 0, 0)
    assert found.largest == (Held("/var/a log", 9000),)
    assert found.deleted == (Held("/var/log/error.log", 7000, 12, "nginx"),)
    assert found.crowded == (("/var/lib/php/sessions", 400),)


@pytest.mark.parametrize(
    ("path", "mount"),
    [
        ("/etc/nginx", "/"),
        ("/var", "/var"),
        ("/var/log/nginx", "/var"),
        ("/variety", "/"),
        ("/srv/logs/x", "/var"),
        ("/srv/my files/x", None),
        ("/snap/core/1/x", None),
    ],
)
def test_a_path_lies_on_the_nearest_file_system_above_it_and_never_on_one_that_was_not_measured(
    path: str, mount: str | None
) -> None:
    disk = read(TOLD).under(path)
    assert (disk and disk.mount) == mount


def test_the_fragment_measures_the_root_of_this_machine_and_looks_for_nothing_where_there_is_room() -> None:
    done = subprocess.run(["sh", "-c", disks.FACT.script], capture_output=True, check=True, timeout=20)
    found = read(done.stdout)
    assert found.disks["/"].used > 0
    assert "/proc" not in found.disks
