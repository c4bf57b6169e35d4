"""raise-header-buffers: both directives where the finding's backend is passed to, and nothing that would lower one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from remediations import diagnosis
from remediations.errors import PlaybookError
from remediations.findings import Finding
from remediations.library import known
from remediations.library.raise_header_buffers import RaiseHeaderBuffers
from remediations.parameters import build
from remediations.plan import Proposal, make
from remediations.snapshot import Snapshot
from tests.causes.recorded import snapshot as recorded
from tests.editors.nginx_oracle import Nginx
from tests.library.nginx_host import after, assert_valid, diff, disliked, host

TOO_BIG = recorded("header-too-big")
APP = "127.0.0.1:8001"


def plan(snapshot: Snapshot, about: str = APP, /, **parameters: object) -> Proposal:
    finding = Finding("header-too-big", about, "certain", "too big", (), "raise-header-buffers")
    return build(RaiseHeaderBuffers, parameters, "test").plan(snapshot, (finding,))


def site(inside: str) -> Snapshot:
    return host(f"    server {{\n        listen 8099;\n{inside}    }}\n")


def lines(proposal: Proposal) -> list[str]:
    return [line for line in diff(proposal).splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def test_the_library_finds_it_by_its_name() -> None:
    assert known()["raise-header-buffers"] is RaiseHeaderBuffers


def test_a_real_host_gets_both_before_its_fastcgi_pass() -> None:
    said = RaiseHeaderBuffers().plan(TOO_BIG, diagnosis.diagnose(TOO_BIG))
    assert lines(said) == ["+        fastcgi_buffer_size 64k;", "+        fastcgi_buffers 8 64k;"]
    assert [(act.unit, act.action) for act in said.actions] == [("nginx.service", "reload")]


@pytest.mark.parametrize(
    ("inside", "wanted"),
    [
        (f"        location / {{ proxy_pass http://{APP}; }}\n",
         [f"-        location / {{ proxy_pass http://{APP}; }}",
          f"+        location / {{ proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_pass http://{APP}; }}"]),
        ("        location / {\n            proxy_buffer_size 8k;\n"
         f"            proxy_pass http://{APP};\n        }}\n",
         ["-            proxy_buffer_size 8k;", "+            proxy_buffer_size 64k;",
          "+            proxy_buffers 8 64k;"]),
        (f"        location / {{\n            if ($request_method = POST) {{\n                proxy_pass http://{APP};\n"
         "            }\n        }\n",
         ["+            proxy_buffer_size 64k;", "+            proxy_buffers 8 64k;"]),
        (f"        location / {{\n            uwsgi_pass {APP};\n        }}\n",
         ["+            uwsgi_buffer_size 64k;", "+            uwsgi_buffers 8 64k;"]),
        ("        proxy_buffers 16 128k;\n        location / {\n"
         f"            proxy_pass http://{APP};\n        }}\n",
         ["+            proxy_buffer_size 64k;", "+            proxy_buffers 16 128k;"]),
        ("        location / {\n            proxy_buffers 4 128k;\n"
         f"            proxy_pass http://{APP};\n        }}\n",
         ["-            proxy_buffers 4 128k;", "+            proxy_buffers 8 128k;",
          "+            proxy_buffer_size 64k;"]),
        (f"        location / {{\n            grpc_pass grpc://{APP};\n        }}\n",
         ["+            grpc_buffer_size 64k;"]),
    ],
    ids=["one line", "one stands", "in an if", "uwsgi", "larger around", "larger there", "grpc"],
)  # fmt: skip
def test_what_is_written_where(inside: str, wanted: list[str], nginx: Nginx) -> None:
    before = site(inside)
    said = plan(before)
    assert lines(said) == wanted
    if wanted:
        files = {path.removeprefix("/etc/nginx/"): file.data for path, file in after(before, said).files.items()}
        assert nginx.test_tree(files).accepts


def test_a_server_of_a_group_leads_to_the_locations_that_pass_to_it() -> None:
    group = f"    upstream app {{\n        server {APP};\n        server 127.0.0.1:8002;\n    }}\n"
    text = f"{group}    server {{\n        location / {{\n            proxy_pass http://app;\n        }}\n    }}\n"
    assert lines(plan(host(text))) == ["+            proxy_buffer_size 64k;", "+            proxy_buffers 8 64k;"]


@pytest.mark.parametrize(
    ("passed", "logged"),
    [
        ("localhost:8001", APP),
        ("localhost:8001", "[::1]:8001"),
        ("10.0.0.5:8080", "10.0.0.5:8080"),
        ("unix:/run/app.sock:/x", "unix:/run/app.sock"),
    ],
)
def test_a_backend_is_found_as_nginx_logs_it_on_this_host_and_on_others(passed: str, logged: str) -> None:
    text = f"        location / {{\n            proxy_pass http://{passed};\n        }}\n"
    assert lines(plan(site(text), logged)) == [
        "+            proxy_buffer_size 64k;", "+            proxy_buffers 8 64k;",
    ]  # fmt: skip


def test_a_backend_that_no_file_names_so_is_left_to_a_person_in_words() -> None:
    """nginx logs the address that it has resolved."""
    text = "        location / {\n            proxy_pass http://backend.example:8080;\n        }\n"
    said = plan(site(text), "192.0.2.9:8080")
    assert said.files == ()
    assert "no *_pass of nginx's files names 192.0.2.9:8080: write PREFIX_buffer_size 64k" in said.refusals[0]


def test_a_second_plan_finds_nothing_left_to_do() -> None:
    findings = diagnosis.diagnose(TOO_BIG)
    said = RaiseHeaderBuffers().plan(TOO_BIG, findings)
    assert RaiseHeaderBuffers().plan(after(TOO_BIG, said), findings).files == ()
    assert make(TOO_BIG, findings, [RaiseHeaderBuffers()]).files


def test_a_healthy_host_is_left_alone() -> None:
    well = recorded("healthy")
    assert RaiseHeaderBuffers().plan(well, diagnosis.diagnose(well)) == Proposal()


def test_where_it_has_that_much_room_already_the_head_is_the_fault() -> None:
    text = f"        proxy_buffer_size 128k;\n        location / {{ proxy_pass http://{APP}; }}\n"
    said = plan(site(text))
    assert said.files == ()
    assert "proxy_buffer_size is 128k for" in said.refusals[0]
    assert plan(site(text), size="256k").files


def test_a_file_that_others_include_is_not_edited() -> None:
    text = (
        f"server {{\n    location / {{\n        include conf.d/shared;\n        proxy_pass http://{APP};\n    }}\n}}\n"
    )
    shared = host("    include /etc/nginx/conf.d/site.conf;\n", site=text)
    path = "/etc/nginx/conf.d/shared"
    shared = shared.with_file(path, b"proxy_buffers 4 8k;\n")
    said = plan(shared)
    assert said.files == ()
    assert f"stands in {path}:1, which other places may include" in said.refusals[0]


@pytest.mark.parametrize("wrong", [{"size": "0k"}, {"size": "64"}, {"size": "2m"}, {"number": 2}, {"number": "x"}])
def test_a_size_and_a_number_are_such(wrong: dict[str, object]) -> None:
    with pytest.raises(PlaybookError):
        plan(TOO_BIG, **wrong)


def test_a_configuration_that_does_not_validate_is_not_edited() -> None:
    bad = disliked(replace(TOO_BIG), 'nginx: [emerg] unknown directive "x" in /etc/nginx/nginx.conf:3')
    said = RaiseHeaderBuffers().plan(bad, diagnosis.diagnose(TOO_BIG))
    assert (said.files, "not valid" in said.refusals[0]) == ((), True)


@pytest.mark.parametrize("prefix", ["proxy", "fastcgi", "uwsgi", "scgi"])
def test_sizes_in_http_that_would_then_be_too_small_follow(prefix: str, nginx: Nginx) -> None:
    scheme = "http://" if prefix == "proxy" else ""
    around = f"    {prefix}_buffer_size 4k;\n    {prefix}_buffers 8 4k;\n    {prefix}_busy_buffers_size 8k;\n"
    around += f"    {prefix}_temp_file_write_size 16k;\n"
    inside = f"        location / {{\n            {prefix}_pass {scheme}{APP};\n        }}\n"
    snapshot = host(f"{around}    server {{\n        listen 8099;\n{inside}    }}\n")
    said = plan(snapshot)
    assert lines(said) == [
        f"+            {prefix}_buffer_size 64k;",
        f"+            {prefix}_buffers 8 64k;",
        f"+            {prefix}_busy_buffers_size 128k;",
        f"+            {prefix}_temp_file_write_size 128k;",
    ]
    assert_valid(nginx, after(snapshot, said))
    assert plan(after(snapshot, said)).files == ()


def test_sizes_that_are_large_enough_stay() -> None:
    around = "    proxy_busy_buffers_size 64k;\n    proxy_buffers 8 64k;\n"
    snapshot = host(
        f"{around}    server {{\n        location / {{\n            proxy_pass http://{APP};\n        }}\n    }}\n"
    )
    assert "busy" not in str(lines(plan(snapshot)))
