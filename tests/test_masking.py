"""Secrets are masked wherever they may stand; what a tired engineer must read stays readable."""

from __future__ import annotations

import difflib

import pytest

from remediations import masking

CANARY = "hunter2-c4nary"

SECRETS_IN_CONFIGURATION = [
    f'proxy_set_header Authorization "Basic {CANARY}";',
    f"proxy_set_header X-Api-Key {CANARY};",
    f"    fastcgi_param DB_PASSWORD {CANARY};",
    f"    fastcgi_param DB_PASSWORD 'with ; semicolon {CANARY}';",
    f"fastcgi_param REDIS_URL redis://:{CANARY}@10.0.0.1/0;",
    f"proxy_pass http://user:{CANARY}@backend;",
    f"location / {{ proxy_set_header Authorization {CANARY}; }}",
    f'set $api_key "{CANARY}";',
    f'if ($http_x_api_key != "{CANARY}") {{ return 403; }}',
    f'secure_link_md5 "$secure_link_expires$uri {CANARY}";',
    f"env[SECRET] = {CANARY}",
    f"env[ANYTHING] = {CANARY} and more {CANARY}",
    f"php_admin_value[mysqli.default_pw_password] = {CANARY}",
    f"php_admin_value[mysqli.default_pw] = {CANARY}",
    f'php_value[session.save_path] = "tcp://127.0.0.1:6379?auth={CANARY}"',
    f"Environment=DB_PASSWORD={CANARY}",
    f'Environment="DB_PASSWORD=two words {CANARY}" OTHER=x',
    f"Environment=A=b API_TOKEN={CANARY}",
    f"#proxy_set_header Authorization {CANARY};",
    f"# DB_PASSWORD={CANARY}",
    f'add_header Set-Cookie "session={CANARY}; HttpOnly";',
    f"return 302 /login?token={CANARY}&next=/;",
    f"ExecStart=/usr/bin/app --api-token={CANARY}",
    f"define('AUTH_KEY', '{CANARY}');".replace("', '", "': '"),
    f"smtp_pass = {CANARY}",
    f'location = / {{ return 500 "the password: {CANARY}"; }}',
    f'proxy_set_header Cookie "session_token={CANARY}; b={CANARY}"; expires off;',
    f"set $x \"a='b' password='{CANARY} {CANARY}' {CANARY}\";",
    f"upstream auth {{ server 10.0.0.1; }} set $token {CANARY};",
]

READABLE_CONFIGURATION = [
    "    ssl_certificate_key /etc/ssl/private/x.key;",
    "    ssl_password_file /etc/ssl/private/passwords;",
    '    auth_basic "Members only";',
    '    auth_jwt "closed site" token=$cookie_auth_token;',
    "php_value[session.sid_length] = 32",
    "php_value[session.name] = PHPSESSID",
    "limit_req_zone $cookie_phpsessid zone=sessions:10m rate=10r/s;",
    "    auth_basic_user_file /etc/nginx/htpasswd;",
    "    auth_request /auth;",
    "limit_req_zone $binary_remote_addr zone=remediate:10m rate=10r/s;",
    "limit_req_zone $http_x_api_key zone=perkey:10m rate=10r/s;",
    "    limit_req zone=key burst=20 nodelay;",
    "    server_tokens off;",
    "    proxy_pass http://backend;",
    "    fastcgi_pass unix:/run/php/php8.2-fpm.sock;",
    "    proxy_set_header Authorization $http_authorization;",
    '    proxy_cache_key "$scheme$proxy_host$request_uri";',
    "fastcgi_cache_path /var/cache/nginx keys_zone=php:10m;",
    "    proxy_set_header Host $host;",
    "    server_name token.example.com secret.example.com;",
    "    location /secret/token {",
    "    include /etc/nginx/secrets/*.conf;",
    "    keepalive_timeout 65;",
    "    server 10.0.0.1:8001 max_fails=3 fail_timeout=30s;",
    "Description=Password reset service",
    "PassEnvironment=LANG",
    "PrivateTmp=yes",
    "KeyringMode=private",
    "Restart=always",
    "pm.max_children = 40",
    "; the password of the database stands elsewhere",
    "# ask the author, who has the key to the safe",
    '    if ($http_cookie ~* "wordpress_logged_in") {',
    "    access_log /var/log/nginx/auth.log;",
]

SECRETS_IN_PROSE = [
    f"open(/var/lib/php/sessions/sess_{CANARY}0123456789, O_RDWR) failed",
    f'2026/11/22 13:05:00 [error] 7#7: *1 connect() failed, client: ::1, request: "GET /?token={CANARY} HTTP/1.1"',
    f'"GET /?a=1&access_token={CANARY}&b=2 HTTP/1.1" 502',
    f'"GET /?session_id={CANARY} HTTP/1.1" 502',
    f'"GET /cart;jsessionid={CANARY}?a=1 HTTP/1.1" 502',
    f'"GET /?a=1&jwt={CANARY}&sig={CANARY}&PHPSESSID={CANARY} HTTP/1.1" 502',
    f'upstream: "http://bob:{CANARY}@127.0.0.1:80/"',
    f"Authorization: Bearer {CANARY}",
    f"authorization: Custom {CANARY} {CANARY}",
    f"Cookie: a=1; session={CANARY}",
    f'{{"password": "{CANARY}", "user": "bob"}}',
    f"{{'api_key': '{CANARY}'}}",
    f"PHP Warning: mysqli: password={CANARY},x for bob",
    f"curl -u bob:{CANARY} http://x/",
    f"mysqldump -u root -p{CANARY} shop",
    f"/usr/bin/app --api-token {CANARY} --port 80",
    f'invalid parameter in "fastcgi_param DB_PASSWORD {CANARY};" in /etc/nginx/x:3',
    f"DB_PASSWORD='a {CANARY} b'",
    f"Environment=SECRET_KEY_BASE={CANARY}",
    "-----BEGIN RSA PRIVATE KEY-----\n" + CANARY + "\nx\n-----END RSA PRIVATE KEY-----\n",
]

READABLE_PROSE = [
    "web1: sudo needs a password: use --ask-become-pass or ansible_become_password",
    "web1: sudo did not accept the password",
    "web1: login deploy@10.0.0.1: the key is behind a passphrase: add it to ssh-agent with ssh-add",
    "web1: login deploy@10.0.0.1: the host rejected the key /root/.ssh/id_ed25519 (Authentication failed.)",
    "the authentication of the author failed",
    'cannot load certificate key "/etc/ssl/private/x.key": BIO_new_file() failed',
    "key stands in no known_hosts file; its fingerprint is SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    "php8.2-fpm.service: Main process exited, code=killed, status=9/KILL",
    "connect() to unix:/run/php/php8.2-fpm.sock failed (2: No such file or directory) while connecting to upstream",
    "pool www: 40 = (2000 MiB - 0 MiB) / 50 MiB",
    "Restart=always RestartSec=5s",
]


@pytest.mark.parametrize("line", SECRETS_IN_CONFIGURATION)
def test_a_secret_of_a_configuration_file_is_masked(line: str) -> None:
    masked = masking.config(line)
    assert CANARY not in masked
    assert masking.MASK in masked
    assert masked.split()[0][:3] == line.split()[0][:3]


@pytest.mark.parametrize("line", READABLE_CONFIGURATION)
def test_an_ordinary_line_of_configuration_stays_as_it_is(line: str) -> None:
    assert masking.config(line) == line


@pytest.mark.parametrize("line", SECRETS_IN_PROSE)
def test_a_secret_in_prose_is_masked(line: str) -> None:
    assert CANARY not in masking.text(line)
    assert masking.MASK in masking.text(line)


@pytest.mark.parametrize("line", READABLE_PROSE)
def test_ordinary_prose_stays_as_it_is(line: str) -> None:
    assert masking.text(line) == line


@pytest.mark.parametrize("line", [*SECRETS_IN_CONFIGURATION, *SECRETS_IN_PROSE])
def test_a_traceback_keeps_no_secret_of_either_kind(line: str) -> None:
    assert CANARY not in masking.log(f"ValueError: {line}")


MULTI_LINE = {
    "value on the next line": f"proxy_set_header Authorization\n    '{CANARY}';\nproxy_set_header Host x;",
    "value of two lines": f'proxy_set_header Authorization "Basic\n   {CANARY}\n  x";\nproxy_set_header Host x;',
    "a name alone": f"proxy_set_header\n  Authorization\n  {CANARY};\nproxy_set_header Host x;",
    "a continued ini line": f"Environment=DB_PASSWORD=a \\\n  API={CANARY}\nproxy_set_header Host x;",
    "a private key": f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\nproxy_set_header Host x;",
    "a map of tokens": f'map $http_x_token $ok {{\n  default 0;\n  "{CANARY}" 1;\n}}\nproxy_set_header Host x;',
}


@pytest.mark.parametrize("name", MULTI_LINE)
def test_a_secret_of_several_lines_is_masked_and_the_next_statement_is_not(name: str) -> None:
    masked = masking.config(MULTI_LINE[name])
    assert CANARY not in masked
    assert masked.split("\n")[-1] == "proxy_set_header Host x;"
    assert masked.count("\n") == MULTI_LINE[name].count("\n")


def diff_of(before: str, after: str) -> str:
    lines = difflib.unified_diff(before.split("\n"), after.split("\n"), "/etc/x", "/etc/x", lineterm="")
    return masking.diff("\n".join(lines), before, after)


def test_a_changed_secret_shows_as_a_change_and_neither_value() -> None:
    shown = diff_of("a\npassword = old-canary\nb", "a\npassword = new-canary\nb")
    assert "-password = ***\n+password = ***" in shown
    assert "canary" not in shown


def test_a_hunk_that_begins_inside_a_private_key_shows_nothing_of_it() -> None:
    key = "\n".join(["-----BEGIN PRIVATE KEY-----", *[f"{CANARY}{n}" for n in range(9)], "-----END PRIVATE KEY-----"])
    shown = diff_of(f"{key}\nlisten 80;", f"{key}\nlisten 81;")
    assert CANARY not in shown
    assert "BEGIN" not in shown
    assert "-listen 80;\n+listen 81;" in shown


def test_a_new_value_below_an_unchanged_directive_is_masked() -> None:
    shown = diff_of(
        "proxy_set_header Authorization\n  old-canary;\nx 1;", "proxy_set_header Authorization\n  new-canary;\nx 1;"
    )
    assert "canary" not in shown
    assert "-  ***;\n+  ***;" in shown


def test_a_removed_line_that_looks_like_a_header_of_a_diff_is_masked_too() -> None:
    shown = diff_of(f"a\n-- password={CANARY}\nb", "a\nb")
    assert CANARY not in shown


def test_lines_added_far_apart_keep_their_own_text() -> None:
    before = "\n".join(f"line{n} 1;" for n in range(40))
    after = before.replace("line3 1;", "line3 2;").replace("line30 1;", "line30 2;\nmore 1;")
    plain = "\n".join(difflib.unified_diff(before.split("\n"), after.split("\n"), "/etc/x", "/etc/x", lineterm=""))
    assert diff_of(before, after) == plain


@pytest.mark.parametrize("evil", ["\x1b[2J", "\x07", "\x9b31m", "\u202e", "\u2066", "\u2028", "\x00", "\r", "\udcff"])
def test_what_could_command_or_deceive_a_terminal_is_escaped(evil: str) -> None:
    assert evil not in masking.text(f"a{evil}b")
    assert evil not in masking.config(f"a{evil}b")
    assert "\\" in masking.text(f"a{evil}b")


def test_letters_of_every_language_stay() -> None:
    assert masking.text("café — Grüße, 日本語") == "café — Grüße, 日本語"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("upstream auth {", "upstream auth {"),
        ("upstream token\n{\n    server 10.0.0.1;\n}", "upstream token\n{\n    server 10.0.0.1;\n}"),
        ("upstream auth { server 10.0.0.1; }", "upstream auth { server 10.0.0.1; }"),
        (
            f'location = / {{ return 500 "the password: {CANARY}"; }}',
            'location = / { return 500 "the password: ***"; }',
        ),
    ],
)
def test_a_masked_configuration_has_the_blocks_and_statements_that_it_had(line: str, shown: str) -> None:
    assert masking.config(line) == shown
