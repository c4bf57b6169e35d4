"""Sound hosts with a past: faults that were real, are mended, and have left their lines in every log."""

from urllib.parse import quote

from tests.lab import faults
from tests.lab.host import LabHost
from tests.lab.upstream_faults import APP, INDEX
from tests.patience import eventually

UNITS = "nginx php8.2-fpm app@8001 app@8002"
QUESTIONS = 12


def ask(host: LabHost) -> None:
    """Clients who met the fault."""
    for site in ("shop.example", "api.example"):
        url = f"curl -s -o /dev/null -m 3 -H 'Host: {site}' http://127.0.0.1/"
        host.sh(f"for n in $(seq {QUESTIONS}); do {url}; done; true")


def restored(host: LabHost) -> None:
    """All daemons run again, with what they had at first."""
    host.sh(f"systemctl reset-failed; systemctl start {UNITS}; systemctl reload nginx; sleep 0.3")


def outage_over(host: LabHost) -> None:
    """Everything crashed, everything was started again a moment ago."""
    host.sh("systemctl stop app@8001 app@8002")
    faults.service_crashed(host)
    ask(host)
    restored(host)


def crashing_code_mended(host: LabHost) -> None:
    """Workers segfaulted until a deploy put the old code back; no daemon was restarted."""
    good = host.read(INDEX)
    faults.FAULTS["worker-segfault"](host)
    ask(host)
    host.write(INDEX, good)
    eventually(lambda: host.get("shop.example").status == 200)  # OPcache looks at a changed file after 2 s


def bots(host: LabHost) -> None:
    """Clients that ask for what is not there, hang up, and write whole error messages into their requests."""
    said = "connect() failed (111: Connection refused) while connecting to upstream"
    for path in (
        "/wp-login.php",
        "/.env",
        "/no-such.png",
        f"/{quote(said)}",
        "/?q=%0a%5Bemerg%5D%20bind()",
    ):
        host.sh(f"curl -s -o /dev/null -A '{said}' -e '{said}' -H 'Host: shop.example' 'http://127.0.0.1{path}'")
        host.sh(f"curl -s -o /dev/null -H 'Host: {said}' 'http://127.0.0.1{path}' || true")
    for junk in (f"GET /{said} HTTP/1.1\\r\\nHost: shop.example\\r\\n\\r\\n", "\\026\\003\\001", f"{said}\\r\\n\\r\\n"):
        host.sh(f"printf '{junk}' | timeout 2 curl -s -m 1 telnet://127.0.0.1:80 >/dev/null || true")
    host.sh(
        "curl -s -o /dev/null -m 0.2 -H 'Host: shop.example' 'http://127.0.0.1/slow.php?seconds=1' || true; sleep 1"
    )


def talkative_code(host: LabHost) -> None:
    """A sound page logs errors of its own making, in the words that nginx and PHP-FPM use."""
    host.write(
        INDEX,
        b"<?php error_log('connect() failed (111: Connection refused) while connecting to upstream');\n"
        b"error_log('server reached pm.max_children setting (5), consider raising it');\n"
        b"error_log('child 7 exited on signal 9 (SIGKILL)'); echo 'ok from php';\n",
    )
    host.write(APP, b"<?php error_log('Main process exited, code=killed, status=9/KILL'); echo 'ok from app';\n")
    host.sh("sleep 2.1")
    ask(host)


def ten_minutes_ago(host: LabHost) -> None:
    """Headers were too big and the pool exhausted; since then it is sound, and no daemon was restarted."""
    good = host.read(INDEX)
    faults.FAULTS["header-too-big"](host)
    ask(host)
    host.write(INDEX, good)
    eventually(lambda: host.get("shop.example").status == 200)
    _age(host, 600)


def given_up_an_hour_ago(host: LabHost) -> None:
    """systemd gave up starting PHP-FPM; somebody found out why and started it."""
    faults.FAULTS["crash-loop"](host)
    ask(host)
    restored(host)
    _age(host, 3600)


def backup_failed(host: LabHost) -> None:
    """A job that has nothing to do with the sites fails each night, and speaks of the app's port."""
    host.write(
        "/etc/systemd/system/backup.service",
        b"[Service]\nType=oneshot\n"
        b"ExecStart=/bin/sh -c 'echo dump of 127.0.0.1:8001 failed: Connection refused; exit 1'\n",
    )
    host.sh("systemctl daemon-reload; systemctl start backup 2>/dev/null || true")


def tenant_in_maintenance(host: LabHost) -> None:
    """Another tenant's site says 503 by design; nobody asked for it to be mended."""
    host.write(
        "/etc/nginx/sites-enabled/tenant",
        b"server { listen 80; server_name tenant.example; location / { return 503; } }\n",
    )
    host.sh("systemctl reload nginx; sleep 0.3; curl -s -o /dev/null -H 'Host: tenant.example' http://127.0.0.1/")


def _age(host: LabHost, seconds: int) -> None:
    """The lines that real faults have left, as old as if they had been written so much earlier."""
    host.sh(
        "now=$(date +%s); for file in /var/log/nginx/error.log /var/log/php8.2-fpm.log; do"
        " old=$(date -d @$((now - " + str(seconds) + ")) '+%Y/%m/%d %H:%M:%S'); fpm=$(date -d @$((now - "
        + str(seconds) + ")) '+%d-%b-%Y %H:%M:%S');"
        ' sed -i -E "s,^[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9:]{8},$old,; s,^\\[[^]]*\\],[$fpm]," $file; done;'
        " kill -USR1 $(cat /run/nginx.pid); kill -USR1 $(cat /run/php/php8.2-fpm.pid); sleep 0.2"
    )  # fmt: skip
