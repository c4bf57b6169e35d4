"""No secret that a mask knows is in a bundle, wherever on a host it stands; all that a diagnosis needs is."""

from __future__ import annotations

import dataclasses
import io
import re
import tarfile
from collections.abc import Mapping
from typing import Any

import pytest

from remediations import diagnosis, masking
from remediations.bundle import archive, evidence
from remediations.bundle.evidence import Bundle
from remediations.bundle.masked import masked
from remediations.editors.nginx import parse, walk
from remediations.facts.base import Unknown
from remediations.facts.files import HostFile, new_file
from remediations.facts.logs import Log
from remediations.findings import Finding
from remediations.snapshot import Snapshot
from tests.causes.alter import FPM, units, with_unit
from tests.causes.recorded import FOLDER, snapshot
from tests.editors.nginx_cases import load_cases

RUN = "20261122T130500Z-7f3a9c"
CANARY = "c4nary-of-a-bundle"
HEALTHY = snapshot("healthy")
RECORDED = sorted(path.name.removesuffix(".json.gz") for path in FOLDER.iterdir())


def carried(host: Snapshot) -> tuple[bytes, Snapshot]:
    """Into a bundle and out of it."""
    tar = archive.unpack(evidence.pack(Bundle("0.1.0", RUN, 1_764_000_000, (masked(host),)), "report\n"))
    (again,) = evidence.unpack(tar).hosts
    assert isinstance(again, Snapshot)
    return tar, again


def shown(finding: Finding) -> Finding:
    """As a report shows it: what is masked in a bundle would be masked there, too."""
    evidence = tuple(dataclasses.replace(one, text=masking.text(one.text)) for one in finding.evidence)
    return dataclasses.replace(finding, evidence=evidence)


@pytest.mark.parametrize("name", RECORDED)
def test_a_bundle_tells_what_its_host_told(name: str) -> None:
    host = snapshot(name)
    _, again = carried(host)
    assert again == masked(host)
    assert list(map(shown, diagnosis.diagnose(again))) == list(map(shown, diagnosis.diagnose(host)))


def test_the_same_evidence_is_the_same_file() -> None:
    packed = [evidence.pack(Bundle("1", RUN, 7, (masked(snapshot("healthy")),)), "r") for _ in range(2)]
    assert packed[0] == packed[1]


def planted(value: Any) -> Any:
    """The same value with a secret behind each text in it."""
    match value:
        case str():
            return f"{value} token={CANARY}"
        case bytes():
            return value + f"\n# DB_PASSWORD={CANARY}\nmore token={CANARY}\n".encode()
        case tuple() | frozenset():
            return type(value)(map(planted, value))
        case Mapping():
            return {planted(key): planted(each) for key, each in value.items()}
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    return dataclasses.replace(
        value, **{field.name: planted(getattr(value, field.name)) for field in dataclasses.fields(value)}
    )


def test_a_secret_in_whatever_text_of_whatever_fact_is_masked() -> None:
    host = planted(dataclasses.replace(snapshot("pool-exhausted"), variables={"db_password": CANARY}))
    bundle = Bundle("0.1.0", RUN, 1_764_000_000, (masked(host),))
    tar = archive.unpack(evidence.pack(bundle, "report\n"))
    assert tar.count(b"token=***") > 500
    assert CANARY.encode() not in tar


FILES = {
    "/etc/nginx/secret.conf": f'proxy_set_header Authorization "Basic {CANARY}";\nset $api_key "{CANARY}";\n',
    "/etc/nginx/crlf.conf": f"proxy_set_header X-Api-Key\r\n  {CANARY};\r\nserver_name x;\r\n",
    "/etc/nginx/key.pem": f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n",
    "/etc/php/pool.conf": f"env[ANY] = {CANARY}\nphp_admin_value[x.password] = {CANARY}\n",
    "/etc/systemd/system/a.service.d/b.conf": f"[Service]\nEnvironment=API_TOKEN={CANARY}\n",
}


def test_secrets_of_configuration_logs_units_and_answers_are_masked() -> None:
    host = snapshot("service-crashed")
    assert not isinstance(host.logs, Unknown)
    assert not isinstance(host.answers, Unknown)
    log = f'2026/11/22 13:05:00 [error] 7#7: request: "GET /?token={CANARY}"\nAuthorization: Bearer {CANARY}\n'
    answer = dataclasses.replace(
        host.answers[0],
        head=f"HTTP/1.1 502\r\nSet-Cookie: session={CANARY}\r\n",
        body=f"password: {CANARY}",
        probe=dataclasses.replace(host.answers[0].probe, url=f"http://u:{CANARY}@x/?access_token={CANARY}"),
    )
    unit = {
        "environment": f'PORT=8001 "DB_PASSWORD=two {CANARY}" API_TOKEN={CANARY}',
        "command_line": f"{{ argv[]=/usr/bin/app --api-token={CANARY} --password {CANARY} }}",
    }
    host = dataclasses.replace(
        with_unit(host, **unit),
        files={**host.files, **{path: new_file(path, text.encode()) for path, text in FILES.items()}},
        logs={**host.logs, "/log": Log("/log", log.encode(), cut=False)},
        answers=(answer,),
        variables={"db_password": CANARY},
    )
    tar, again = carried(host)
    assert CANARY.encode() not in tar
    assert "PORT=8001" in units(again)[FPM].environment
    assert b"server_name x;\r\n" in again.files["/etc/nginx/crlf.conf"].data
    assert b"proxy_set_header Authorization ***;" in archive.members(tar)["hosts/web1/files/etc/nginx/secret.conf"]


def test_what_a_person_reads_in_it_are_plain_files_that_only_their_owner_may_read() -> None:
    tar, _ = carried(snapshot("service-crashed"))
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        names = opened.getnames()
        assert {member.mode for member in opened} == {0o600}
    assert names[:3] == ["README.txt", "report.txt", "manifest.json"]
    assert {"hosts/web1/files/etc/nginx/nginx.conf", "hosts/web1/logs/var/log/nginx/error.log"} <= set(names)
    assert "hosts/web1/facts/variables.json" not in names


@pytest.mark.parametrize("path", ["/a/../../etc/passwd", "//x", "/" + "long/" * 60 + "file", "/caf\udce9", "/a b\n"])
def test_any_path_of_a_host_has_a_place_of_its_own(path: str) -> None:
    host = snapshot("healthy")
    odd = dataclasses.replace(host, files={path: new_file(path, b"one"), "/etc/x": new_file("/etc/x", b"two")})
    tar, again = carried(odd)
    assert again == masked(odd)
    assert all(name.startswith(("hosts/web1/", "R", "r", "m")) and ".." not in name for name in archive.members(tar))


def test_two_files_of_one_path_keep_their_own_bytes() -> None:
    host = snapshot("healthy")
    odd = dataclasses.replace(host, files={"/x/../y": new_file("/x/../y", b"one"), "/y": new_file("/y", b"two")})
    assert carried(odd)[1].files == odd.files


def test_bytes_without_a_rule_are_never_kept() -> None:
    @dataclasses.dataclass(frozen=True)
    class Fact:
        raw: bytes

    with pytest.raises(TypeError):
        masked(dataclasses.replace(snapshot("healthy"), peers=Fact(b"secret")))  # type: ignore[arg-type]  # on purpose


def test_an_older_bundle_lacks_a_fact_and_its_hosts_are_diagnosed_without() -> None:
    tar, _ = carried(snapshot("service-crashed"))
    members = archive.members(tar)
    for name in ("restarts", "peers", "log_alone"):
        del members[f"hosts/web1/facts/{name}.json"]
    (again,) = evidence.unpack(archive.unpack(archive.pack(members, time=0))).hosts
    assert isinstance(again, Snapshot)
    assert again.restarts == Unknown("the bundle does not hold it")
    assert again.log_alone is False
    assert diagnosis.diagnose(again)[0].cause == "service-crashed"


SECRETS_AMONG_ALL_ELSE = rb"""
map $http_x_api_key $ok { default 0; "abc123" 1; }
upstream auth-api { server 127.0.0.1:9000; keepalive 4; }
upstream token
{
    server 10.0.0.1:80;
}
log_format main '$remote_addr "$http_authorization" token=$arg_token "$request"';
server {
    server_name api-key.example.com; set $api_key "a;b}c"; set $t 'x{y';
    location = /auth { proxy_pass http://auth-api/; proxy_set_header X-Api-Key "s;e{c}ret"; }
    location /token/ { auth_basic "x"; auth_basic_user_file /etc/nginx/.htpasswd; proxy_pass http://token; }
    location /api { if ($http_x_api_key != "secret") { return 403; } proxy_pass http://127.0.0.1:8001; }
    location = /health { return 500 "the password: secret"; }
    add_header Set-Cookie "a=b; Path=/; HttpOnly" always;
    fastcgi_param DB_PASSWORD pass; fastcgi_param X y; fastcgi_pass unix:/run/php/php8.2-fpm.sock;
    secure_link_md5 "$secure_link_expires$uri secret"; sub_filter 'token: abc' 'x'; limit_req zone=auth burst=5;
    auth_request_set $auth_token $upstream_http_x; proxy_cache_key $host$uri;
}
"""
CONFIGURATIONS = {"secrets": SECRETS_AMONG_ALL_ELSE} | {
    case.name: case.before for case in load_cases() if "refused" not in case.spec
}


def statements(data: bytes) -> list[tuple[str, bool]]:
    return [(one.name, one.block is not None) for one in walk(parse(data, "x"))]


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_masked_configuration_of_nginx_has_all_its_statements_and_blocks(name: str) -> None:
    text = CONFIGURATIONS[name]
    host = masked(dataclasses.replace(HEALTHY, files={"/x": new_file("/x", text)}))
    entries = re.compile(r'"?(?:abc123|[*]{3})"?')  # of a map, whose keys are secrets
    shown = [one for one in statements(host.files["/x"].data) if not entries.fullmatch(one[0])]
    assert shown == [one for one in statements(text) if not entries.fullmatch(one[0])]


def test_a_file_keeps_what_a_daemon_would_read_of_it() -> None:
    """Blocks whose names look like secrets, bytes that are no UTF-8, line ends of two bytes."""
    text = b"upstream auth {\r\n    server 127.0.0.1:8001;\r\n}\r\nupstream token\n{\n server 127.0.0.1:8002; }\n"
    text += b"# caf\xe9\n"
    file: HostFile = masked(dataclasses.replace(snapshot("healthy"), files={"/x": new_file("/x", text)})).files["/x"]
    assert file.data == text.replace(b"\xe9", b"\\udce9")
