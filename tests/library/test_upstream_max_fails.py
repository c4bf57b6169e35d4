"""upstream-max-fails: what it writes, what it leaves, what it says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from remediations.editors.nginx_tree import NginxTree
from remediations.errors import PlaybookError
from remediations.facts.base import Unknown
from remediations.facts.validation import Verdict
from remediations.library import known
from remediations.library.upstream_max_fails import UpstreamMaxFails
from remediations.parameters import build
from remediations.plan import Proposal
from remediations.snapshot import Snapshot
from tests.editors.nginx_oracle import Nginx
from tests.library.nginx_host import (
    CONF,
    MASTER,
    added,
    after,
    assert_valid,
    diff,
    disliked,
    host,
    planned,
    stopped,
    symlinked,
)
from tests.library.units import unit, with_units

TWO = """\
    upstream app {
        server 127.0.0.1:8001;
        server 127.0.0.1:8002;
    }
"""
BOTH = "max_fails=3 fail_timeout=30s"


def plan(snapshot: Snapshot, **parameters: object) -> Proposal:
    return build(UpstreamMaxFails, parameters, "test").plan(snapshot, ())


def servers(*lines: str, name: str = "app") -> str:
    return f"    upstream {name} {{\n" + "".join(f"        server {line};\n" for line in lines) + "    }\n"


def test_the_library_finds_it_by_its_name() -> None:
    assert known()["upstream-max-fails"] is UpstreamMaxFails


def test_servers_that_say_nothing_get_both_parameters() -> None:
    assert (
        diff(plan(host(TWO)))
        == f"""\
--- {CONF}
+++ {CONF}
@@ -1,7 +1,7 @@
 events {{}}
 http {{
     upstream app {{
-        server 127.0.0.1:8001;
-        server 127.0.0.1:8002;
+        server 127.0.0.1:8001 {BOTH};
+        server 127.0.0.1:8002 {BOTH};
     }}
 }}
"""
    )


def test_a_second_plan_finds_nothing() -> None:
    snapshot = host(TWO)
    second = plan(after(snapshot, plan(snapshot)))
    assert (second.files, second.actions, second.warnings) == ((), (), ())


def test_a_healthy_host_is_left_alone() -> None:
    said = plan(host(servers(f"a:1 {BOTH}", f"b:1 {BOTH}")))
    assert said == Proposal()


def test_a_running_nginx_is_reloaded_through_its_master_where_no_unit_is_known() -> None:
    (action,) = plan(host(TWO)).actions
    assert (action.action, action.unit, action.pid) == ("reload", "", MASTER)
    assert action.reason == f"to read {CONF}"


@pytest.mark.parametrize(
    ("shown", "unit_name"),
    [({}, "nginx.service"), ({"ActiveState": "inactive"}, ""), ({"CanReload": "no"}, "")],
    ids=["its unit", "run outside of its unit", "a unit without a reload"],
)
def test_nginx_is_reloaded_through_its_unit_where_it_runs_in_one(shown: dict[str, str], unit_name: str) -> None:
    (action,) = plan(with_units(host(TWO), unit("nginx.service", **shown))).actions
    assert (action.action, action.unit, action.pid) == ("reload", unit_name, MASTER)


def test_nginx_that_does_not_run_is_not_reloaded() -> None:
    said = plan(stopped(host(TWO)))
    assert said.files
    assert said.actions == ()


def test_a_value_that_stands_is_kept_and_reported() -> None:
    said = plan(host(servers("10.0.0.1:1 max_fails=1", "10.0.0.2:1 fail_timeout=5s")))
    assert added(said) == (
        "-        server 10.0.0.1:1 max_fails=1;\n"
        "-        server 10.0.0.2:1 fail_timeout=5s;\n"
        "+        server 10.0.0.1:1 max_fails=1 fail_timeout=30s;\n"
        "+        server 10.0.0.2:1 fail_timeout=5s max_fails=3;\n"
    )
    assert said.notes == (
        f"upstream app: 10.0.0.1:1 ({CONF}:4) keeps max_fails=1",
        f"upstream app: 10.0.0.2:1 ({CONF}:5) keeps fail_timeout=5s",
    )


def test_a_value_that_is_given_replaces_the_one_that_stands() -> None:
    said = plan(host(servers("10.0.0.1:1 max_fails=1", "10.0.0.2:1 max_fails=5 fail_timeout=10s")), max_fails=5)
    assert added(said) == (
        "-        server 10.0.0.1:1 max_fails=1;\n+        server 10.0.0.1:1 max_fails=5 fail_timeout=30s;\n"
    )
    assert said.notes == (f"upstream app: 10.0.0.2:1 ({CONF}:5) keeps fail_timeout=10s",)


def test_a_given_time_replaces_the_one_that_stands() -> None:
    said = plan(host(servers("10.0.0.1:1 max_fails=3 fail_timeout=10s", f"10.0.0.2:1 {BOTH}")), fail_timeout="30s")
    assert added(said) == (
        "-        server 10.0.0.1:1 max_fails=3 fail_timeout=10s;\n"
        "+        server 10.0.0.1:1 max_fails=3 fail_timeout=30s;\n"
    )
    assert said.notes == ()


def test_of_a_repeated_parameter_the_last_is_replaced_and_none_is_added() -> None:
    said = plan(host(servers("a:1 max_fails=1 max_fails=2 fail_timeout=9s", f"b:1 {BOTH}")), max_fails=3)
    assert "+        server a:1 max_fails=1 max_fails=3 fail_timeout=9s;\n" in added(said)


@pytest.mark.parametrize(("stands", "given"), [("60s", "1m"), ("60", "1m"), ("1m", "60"), ("90", "1m30s")])
def test_the_same_time_in_other_words_is_not_rewritten(stands: str, given: str) -> None:
    line = f"10.0.0.1:1 max_fails=3 fail_timeout={stands}"
    assert plan(host(servers(line, line)), fail_timeout=given).files == ()


@pytest.mark.parametrize(("given", "written"), [("1m", "1m"), (45, "45s"), ("45", "45s"), ("45s", "45s")])
def test_a_given_time_is_written_with_its_unit(given: object, written: str) -> None:
    assert added(plan(host(TWO), fail_timeout=given)).count(f"max_fails=3 fail_timeout={written};") == 2


@pytest.mark.parametrize("wrong", ["0", "0s", "soon", "30ms", "1s 1m", "-1", "1m\u0661s"])
def test_a_time_that_nginx_would_not_take_is_refused_before_anything_is_read(wrong: str) -> None:
    with pytest.raises(PlaybookError, match="fail_timeout"):
        build(UpstreamMaxFails, {"fail_timeout": wrong}, "test")


def test_backup_servers_and_those_marked_down_are_left_alone() -> None:
    said = plan(host(servers("10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1 backup", "10.0.0.4:1 down")))
    assert added(said).count("max_fails") == 2
    assert said.notes == (
        f"upstream app: 10.0.0.3:1 ({CONF}:6) is marked backup and is left alone",
        f"upstream app: 10.0.0.4:1 ({CONF}:7) is marked down and is left alone",
    )


@pytest.mark.parametrize("line", ["127.0.0.1:8001", "unix:/run/app.sock", "[::1]:8001", "10.0.0.1:1 weight=2"])
def test_a_group_of_one_server_is_reported_and_not_edited(line: str) -> None:
    said = plan(host(servers(line)))
    assert said.files == ()
    assert said.warnings == (
        f"upstream app ({CONF}:3) has one server only: "
        "nginx ignores max_fails and fail_timeout there, so nothing is written",
    )


def test_one_server_with_a_backup_is_not_single() -> None:
    said = plan(host(servers("10.0.0.1:1", "10.0.0.2:1 backup")))
    assert added(said) == f"-        server 10.0.0.1:1;\n+        server 10.0.0.1:1 {BOTH};\n"
    assert said.warnings == ()


def test_one_name_may_be_many_addresses_so_it_is_edited_with_a_warning() -> None:
    said = plan(host(servers("app.internal:8001")))
    assert f"server app.internal:8001 {BOTH};" in added(said)
    assert said.warnings == (
        f"upstream app: app.internal:8001 ({CONF}:4) is the group's only server: "
        "max_fails has an effect only where that name has more than one address",
    )


def test_the_last_server_that_is_up_is_pointed_out() -> None:
    said = plan(host(servers("10.0.0.1:1", "10.0.0.2:1 down")))
    assert said.warnings == (
        f"upstream app: 10.0.0.1:1 ({CONF}:4) is the only one up: while nginx leaves it out the answer is 502",
    )


def test_a_server_that_is_never_left_out_is_pointed_out() -> None:
    said = plan(host(servers("10.0.0.1:1 max_fails=0", "10.0.0.2:1")))
    assert said.warnings == (
        f"upstream app: 10.0.0.1:1 ({CONF}:4) keeps max_fails=0: nginx never leaves it out, however often it fails",
    )


def test_a_server_that_was_never_left_out_is_once_a_value_is_given() -> None:
    said = plan(host(servers("10.0.0.1:1 max_fails=0 fail_timeout=30s", f"10.0.0.2:1 {BOTH}")), max_fails=3)
    assert added(said) == (
        "-        server 10.0.0.1:1 max_fails=0 fail_timeout=30s;\n"
        "+        server 10.0.0.1:1 max_fails=3 fail_timeout=30s;\n"
    )
    assert said.warnings == ()


def test_an_address_in_a_pass_cannot_carry_parameters_and_that_is_said() -> None:
    said = plan(host("    server {\n        location / { proxy_pass http://127.0.0.1:3000; }\n    }\n"))
    assert said.files == ()
    assert said.notes == (f"{CONF}:4: proxy_pass leads to 127.0.0.1:3000 without a group: nothing to write there",)


def test_only_the_chosen_groups_are_edited() -> None:
    said = plan(host(TWO + servers("10.0.0.1:1", "10.0.0.2:1", name="other")), upstreams=["OTHER"])
    assert "127.0.0.1" not in added(said)
    assert added(said).count(BOTH) == 2


def test_a_chosen_group_that_is_not_there_is_refused_with_those_that_are() -> None:
    said = plan(host(TWO), upstreams=["app", "api"])
    assert said.files == ()
    assert said.refusals == (f"upstream api: no such group in http{{}} of {CONF}; groups: app",)


def test_groups_of_stream_are_not_touched() -> None:
    stream = b"events {}\nstream { upstream app { server 10.0.0.1:1; server 10.0.0.2:1; } }\n"
    assert plan(host(stream)) == Proposal()


def test_servers_of_an_included_file_are_edited_there_once() -> None:
    inside = (
        "    upstream a { include /etc/nginx/conf.d/s.conf; }\n    upstream b { include /etc/nginx/conf.d/s.conf; }\n"
    )
    (change,) = plan(host(inside, s="server 10.0.0.1:1;\nserver 10.0.0.2:1;")).files
    assert change.path == "/etc/nginx/conf.d/s.conf"
    assert change.after == f"server 10.0.0.1:1 {BOTH};\nserver 10.0.0.2:1 {BOTH};".encode()


def test_one_of_two_groups_that_share_their_servers_cannot_be_edited_alone() -> None:
    inside = (
        "    upstream a { include /etc/nginx/conf.d/s.conf; }\n    upstream b { include /etc/nginx/conf.d/s.conf; }\n"
    )
    said = plan(host(inside, s="server 10.0.0.1:1;\nserver 10.0.0.2:1;\n"), upstreams=["a"])
    assert said.files == ()
    assert said.refusals == ("upstream a: shares included servers with b; name both or none",)


def test_behind_a_symlink_the_target_is_edited() -> None:
    path, target = "/etc/nginx/conf.d/api.conf", "/srv/sites/api"
    snapshot = symlinked(host("    include conf.d/*.conf;\n", api=TWO), path, target)
    (change,) = plan(snapshot).files
    assert change.path == target
    assert change.before is snapshot.files[path]


def test_carriage_returns_tabs_comments_and_latin_1_stay() -> None:
    conf = (
        b"events {}\r\nhttp {\r\n\tupstream app { # caf\xe9\r\n\t\tserver 10.0.0.1:1 # one ;\r\n\t\t;\r\n"
        b"\t\tserver 10.0.0.2:1;server 10.0.0.3:1;\r\n\t}\r\n}"
    )
    (change,) = plan(host(conf)).files
    assert change.after is not None
    assert change.after.count(f" {BOTH}".encode()) == 3
    assert f"server 10.0.0.1:1 {BOTH} # one".encode() in change.after
    assert change.after.replace(f" {BOTH}".encode(), b"") == conf


def test_a_host_without_nginx_has_nothing_to_do() -> None:
    said = plan(replace(host(TWO), nginx=None))
    assert said == Proposal(notes=("nginx is not installed",))


def test_a_configuration_that_could_not_be_read_is_refused() -> None:
    said = plan(replace(host(TWO), nginx=Unknown("not root")))
    assert said.refusals == ("nginx's configuration is not known, so it is not edited: not root",)


def test_a_broken_file_is_refused_by_file_and_line() -> None:
    said = plan(host(TWO + "    include conf.d/*.conf;\n", bad="server {\n listen 80\n}\n"))
    assert said.files == ()
    assert said.refusals[0].startswith("nginx's configuration is not valid, so it is not edited: /etc/nginx/conf.d/bad")
    assert "bad.conf:3" in said.refusals[0]


def test_a_missing_include_is_refused_by_file_and_line() -> None:
    said = plan(host(TWO + "    include gone.conf;\n"))
    fault = f"{CONF}:7: the included /etc/nginx/gone.conf is not there"
    assert said.refusals == (f"nginx's configuration is not valid, so it is not edited: {fault}",)


def test_what_nginx_itself_does_not_accept_is_refused_in_its_words() -> None:
    emerg = f'nginx: [emerg] unknown directive "bogus" in {CONF}:3'
    warn = f'nginx: [warn] conflicting server name "_" in {CONF}:9'
    said = plan(disliked(host(TWO), f"{warn}\n{emerg}\nnginx: configuration file {CONF} test failed"))
    assert (said.files, said.actions) == ((), ())
    assert said.refusals == (f"nginx's configuration is not valid, so it is not edited: {emerg}",)


def test_a_verdict_that_is_good_or_of_another_daemon_forbids_nothing() -> None:
    fpm = Verdict("php-fpm8.2 -t", "/etc/php/8.2/fpm/php-fpm.conf", ok=False, output="ERROR: no pool")
    good = Verdict("nginx -t", CONF, ok=True, output="test is successful")
    said = plan(replace(host(TWO), verdicts=(fpm, good)))
    assert said.files
    assert said.refusals == ()


@pytest.mark.lab
@pytest.mark.parametrize(
    "inside",
    [
        TWO,
        servers("127.0.0.1:1 weight=5 max_conns=9", "unix:/run/x.sock", "127.0.0.1:2 backup"),
        "    upstream app { ip_hash; server 127.0.0.1:1; server 127.0.0.1:2 down; keepalive 8; }\n",
        "    upstream app { server\n 127.0.0.1:1 # a ;\n ; server '127.0.0.1:2'; zone z 64k; }\n",
        servers("localhost:1"),
    ],
)
def test_nginx_accepts_the_outcome_and_a_second_plan_is_empty(nginx: Nginx, inside: str) -> None:
    snapshot = host(inside + "    server { location / { proxy_pass http://app; } }\n")
    assert_valid(nginx, snapshot)
    proposal = plan(snapshot, fail_timeout="1m30s")
    outcome = after(snapshot, proposal)
    assert proposal.files
    assert isinstance(outcome.nginx_tree, NginxTree)
    assert_valid(nginx, outcome)
    assert planned(outcome, [UpstreamMaxFails(fail_timeout="1m30s")]).empty
