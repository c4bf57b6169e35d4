"""A host of 500 sites with 10,000 lines of one fault is diagnosed in about the time of a small one."""

from __future__ import annotations

import time
from dataclasses import replace

from remediations import diagnosis
from remediations.facts.base import Unknown
from remediations.facts.logs import Log
from remediations.facts.sockets import ListeningSocket
from tests.causes.recorded import snapshot
from tests.lab.host import LabHost
from tests.on_host import on

SITES, POOLS, LINES, SECONDS = 500, 200, 10_000, 6.0
"""Of processor time. It takes 2 s; when each cause counted everything anew it took 25 s."""
SITE = """server {{ listen 80; server_name s{n}.example; location / {{ include fastcgi_params;
 fastcgi_pass unix:/run/php/p{pool}.sock; }} }}
"""
LOG = "/var/log/nginx/error.log"
SHOP, POOL = "/etc/nginx/sites-available/shop", "/etc/php/8.2/fpm/pool.d/www.conf"
LONG = 600 << 20
"""More than a private copy of it would have room for."""


def test_hundreds_of_sites_and_pools_and_thousands_of_lines_stay_bounded() -> None:
    host = snapshot("header-too-big")
    sockets, logs = host.sockets, host.logs
    assert not isinstance(sockets, Unknown)
    assert not isinstance(logs, Unknown)
    sites = "".join(SITE.format(n=number, pool=number % POOLS) for number in range(SITES)).encode()
    pools = "".join(f"[p{n}]\nuser = www-data\nlisten = /run/php/p{n}.sock\npm = ondemand\n" for n in range(POOLS))
    host = host.with_file(SHOP, host.files["/etc/nginx/sites-enabled/shop"].data + sites)
    host = host.with_file(POOL, host.files[POOL].data + b"\n" + pools.encode())
    php = next(one for one in sockets if one.unix and "php" in one.address)
    listening = tuple(ListeningSocket(f"/run/php/p{n}.sock", True, 0, 511, php.pids) for n in range(POOLS))
    line = logs[LOG].data.splitlines()[-1] + b"\n"
    many = replace(host, sockets=(*sockets, *listening), logs={**logs, LOG: Log(LOG, line * LINES, cut=False)})
    start = time.process_time()
    found = diagnosis.diagnose(many)
    assert [one.cause for one in found][:1] == ["header-too-big"]
    assert time.process_time() - start < SECONDS


def test_a_log_of_600_mib_is_read_from_its_end_and_never_copied(web1: LabHost) -> None:
    """nginx -t opens it for writing, for which an overlay copies it: that was "No space left on device"."""
    web1.sh(f"yes 'an old and ugly line' | head -c {LONG} >{LOG}")
    with on(web1) as at:
        verdicts, logs = at.snapshot.verdicts, at.snapshot.logs
    assert not isinstance(verdicts, Unknown)
    assert not isinstance(logs, Unknown)
    assert [one.output for one in verdicts if not one.ok] == []
    assert (logs[LOG].cut, len(logs[LOG].data)) == (True, 256 << 10)
    assert int(web1.sh(f"stat -c %s {LOG}")) == LONG
