"""Hosts with nginx for the tests of what edits it: built of a few files, planned on, and put to the real nginx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from remediations.facts.validation import Verdict
from remediations.plan import Plan, Planner, Proposal, make
from remediations.snapshot import Snapshot
from tests.builders import host_file, nginx_snapshot
from tests.editors.nginx_oracle import Nginx

CONF = "/etc/nginx/nginx.conf"
MASTER = 100


def host(conf: str | bytes, **more: str | bytes) -> Snapshot:
    """A host whose main file has this inside http{} (text), or is this (bytes); `more` are files of conf.d."""
    files = {CONF: conf if isinstance(conf, bytes) else http(conf)}
    files |= {f"/etc/nginx/conf.d/{name}.conf": _bytes(text) for name, text in more.items()}
    return nginx_snapshot(files)


def http(inside: str) -> bytes:
    return f"events {{}}\nhttp {{\n{inside}}}\n".encode()


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def stopped(snapshot: Snapshot) -> Snapshot:
    """The same host where no nginx runs; the builder's runs as MASTER."""
    assert snapshot.live_nginx is not None
    return replace(snapshot, nginx=replace(snapshot.live_nginx, master=None))


def symlinked(snapshot: Snapshot, path: str, target: str, *, folder: bool = False) -> Snapshot:
    """The same host where `path` is a symlink to `target`, or (`folder`) lies in a folder that is one."""
    file = host_file(path, snapshot.files[path].data, real_path=target)
    file = file if folder else replace(file, link_modified=file.modified + 1)
    return replace(snapshot, files={**snapshot.files, path: file})


def disliked(snapshot: Snapshot, output: str) -> Snapshot:
    """The same host where `nginx -t` fails with this."""
    return replace(snapshot, verdicts=(Verdict("nginx -t", CONF, ok=False, output=output),))


def diff(proposal: Proposal) -> str:
    return "".join(change.diff() for change in proposal.files)


def added(proposal: Proposal) -> str:
    """The lines that came and those that went, without their context."""
    lines = [line for line in diff(proposal).splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return "".join(f"{line}\n" for line in lines)


def after(snapshot: Snapshot, proposal: Proposal) -> Snapshot:
    """The host once the proposal's files stand."""
    for change in proposal.files:
        snapshot = snapshot.with_file(change.path, change.after)
    return snapshot


def planned(snapshot: Snapshot, planners: Sequence[Planner]) -> Plan:
    """The whole plan; it raises where a remediation is not idempotent or two contradict."""
    return make(snapshot, (), planners)


def assert_valid(nginx: Nginx, snapshot: Snapshot, also: Mapping[str, bytes] | None = None) -> None:
    """The real nginx takes the host's files; `also` are files of /etc/nginx that no snapshot holds."""
    files = {path.removeprefix("/etc/nginx/"): file.data for path, file in snapshot.files.items()}
    said = nginx.test_tree({**files, **(also or {})})
    assert said.accepts, said.output.decode(errors="replace")
