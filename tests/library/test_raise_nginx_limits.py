"""raise-nginx-limits: how far it goes, what bounds it, and what it leaves to a person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from remediations.facts.base import Unknown
from remediations.facts.processes import Process
from remediations.findings import Evidence, Finding
from remediations.library import known
from remediations.library.raise_nginx_limits import RaiseNginxLimits
from remediations.parameters import build
from remediations.plan import Proposal, make
from remediations.snapshot import Snapshot
from tests.builders import host_file
from tests.editors.nginx_oracle import Nginx
from tests.library.nginx_host import CONF, MASTER, added, after, assert_valid, disliked, host
from tests.library.units import unit, with_units

CONNECTIONS = Finding(
    "worker-connections", "nginx.service", "certain", "", (Evidence("log:/x", ""),), "raise-nginx-limits"
)
FILES = replace(CONNECTIONS, cause="nginx-file-limit")


def nginx(conf: str, soft: str = "1024", hard: str = "524288") -> Snapshot:
    made = host(conf.encode())
    return with_units(made, unit("nginx.service", LimitNOFILE=hard, LimitNOFILESoft=soft))


def plan(snapshot: Snapshot, *findings: Finding, **parameters: object) -> Proposal:
    return build(RaiseNginxLimits, parameters, "test").plan(snapshot, findings)


def test_the_library_finds_it_by_its_name() -> None:
    assert known()["raise-nginx-limits"] is RaiseNginxLimits


@pytest.mark.parametrize(
    ("conf", "finding", "lines"),
    [
        ("events {\n    worker_connections 768;\n}\nhttp {}\n", CONNECTIONS,
         "+worker_rlimit_nofile 8192;\n-    worker_connections 768;\n+    worker_connections 4096;\n"),
        ("worker_rlimit_nofile 100;\nevents {\n    worker_connections 768;\n}\nhttp {}\n", FILES,
         "-worker_rlimit_nofile 100;\n+worker_rlimit_nofile 8192;\n"),
        ("events {\n    worker_connections 30000;\n}\nhttp {}\n", FILES, "+worker_rlimit_nofile 60000;\n"),
        ("worker_rlimit_nofile 65536;\nevents {\n    worker_connections 768;\n}\nhttp {}\n", CONNECTIONS,
         "-    worker_connections 768;\n+    worker_connections 4096;\n"),
        ("events {\n    multi_accept on;\n}\nhttp {}\n", CONNECTIONS,
         "+worker_rlimit_nofile 8192;\n+    worker_connections 4096;\n"),
    ],
    ids=["connections", "files", "files follow connections", "files enough", "nothing said"],
)  # fmt: skip
def test_both_limits_fit_together_afterwards(conf: str, finding: Finding, lines: str, nginx_binary: Nginx) -> None:
    snapshot = nginx(conf)
    proposal = plan(snapshot, finding)
    assert added(proposal) == lines
    assert [(each.unit, each.action) for each in proposal.actions] == [("nginx.service", "reload")]
    assert "eats any number" in proposal.warnings[0]
    assert_valid(nginx_binary, after(snapshot, proposal))


@pytest.fixture
def nginx_binary(nginx: Nginx) -> Nginx:
    return nginx


def test_an_already_remedied_host_is_left_to_a_person() -> None:
    snapshot = nginx("events {\n    worker_connections 768;\n}\nhttp {}\n")
    planned = make(snapshot, [CONNECTIONS], [RaiseNginxLimits()])
    done = snapshot.with_file(CONF, planned.files[0].change.after)
    again = plan(done, CONNECTIONS)
    assert (again.files, again.actions) == ((), ())
    assert "worker_connections is 4096 already" in again.refusals[0]
    assert plan(done, CONNECTIONS, connections=9000).files
    assert "may open 8192 files already" in plan(done, FILES).refusals[0]


def test_a_healthy_host_is_left_alone() -> None:
    assert plan(nginx("events {}\nhttp {}\n")) == Proposal()


def test_a_limit_that_systemd_gives_is_never_lowered() -> None:
    proposal = plan(nginx("events {}\nhttp {}\n", soft="65536"), CONNECTIONS)
    assert "worker_rlimit_nofile" not in added(proposal)
    assert plan(nginx("events {}\nhttp {}\n", soft="infinity", hard="infinity"), FILES).files == ()


def test_what_the_unit_allows_bounds_both_and_is_said() -> None:
    conf = "events {\n    worker_connections 768;\n}\nhttp {}\n"
    low = plan(nginx(conf, soft="1024", hard="3000"), CONNECTIONS)
    assert "+worker_rlimit_nofile 3000;" in added(low)
    assert "+    worker_connections 1500;" in added(low)
    none = plan(nginx(conf, soft="600", hard="600"), CONNECTIONS)
    assert none.files == ()
    assert "LimitNOFILE=600" in none.refusals[0]
    assert "restart nginx" in plan(nginx(conf, soft="600", hard="600"), FILES).refusals[0]


def test_an_unknown_limit_is_not_touched() -> None:
    unknown = host(b"events {\n    worker_connections 768;\n}\nhttp {}\n")
    proposal = plan(replace(unknown, units=Unknown("no systemd")), CONNECTIONS)
    assert "worker_rlimit_nofile" not in added(proposal)
    assert "not known" in proposal.refusals[0]
    assert plan(replace(unknown, units=Unknown("no systemd")), FILES).files == ()


def test_an_included_file_is_edited_where_it_says_so() -> None:
    snapshot = nginx("include /etc/nginx/limits.conf;\nevents {}\nhttp {}\n")
    there = host_file("/etc/nginx/limits.conf", b"worker_rlimit_nofile 100;\n")
    snapshot = replace(snapshot, files={**snapshot.files, there.path: there})
    assert [change.path for change in plan(snapshot, FILES).files] == ["/etc/nginx/limits.conf"]


def test_what_cannot_be_judged_or_done_is_refused() -> None:
    snapshot = nginx("events {}\nhttp {}\n")
    assert "not valid" in plan(disliked(snapshot, "nginx: [emerg] bad"), FILES).refusals[0]
    owner = Process(MASTER, 1, 33, 100, "nginx", "nginx: master process", "nginx.service")
    assert "does not run as root" in plan(replace(snapshot, processes={MASTER: owner}), FILES).refusals[0]
