"""Ways in which those behind nginx take a request and give nothing, too little or nothing in time."""

from collections.abc import Callable

from tests.lab.host import LabHost
from tests.lab.upstream_faults import API, use_as_apps

SHOP = "/var/www/shop"
DATABASE = '$s = stream_socket_server("tcp://127.0.0.1:3306"); while (true) { $c[] = stream_socket_accept($s, -1); }'
"""A database that takes every connection and never says a word, as one does behind a lock."""


def silent_database(host: LabHost) -> None:
    """It listens where MySQL would, and a page waits for it."""
    host.sh(f"setsid --fork php -r '{DATABASE}' </dev/null >/dev/null 2>&1")
    host.write(
        f"{SHOP}/report.php",
        b"<?php ini_set('default_socket_timeout', '600'); $db = fsockopen('127.0.0.1', 3306); echo fgets($db), 'ok';\n",
    )


def truncated_body(host: LabHost) -> None:
    """The shop announces more than it sends: visitors get half a page, with status 200."""
    page = b"<?php header('Content-Length: 5000'); echo str_repeat('half a page ', 9);\n"
    host.write(f"{SHOP}/index.php", page)


FORGETFUL = r"""<?php
// An HTTP server that keeps connections until one is used again for a POST: as if its idle time were over just then.
$listener = stream_socket_server("tcp://127.0.0.1:$argv[1]");
$used = [];
while (true) {
    $read = [$listener, ...array_column($used, 0)];
    $none = null;
    stream_select($read, $none, $none, null);
    foreach ($read as $socket) {
        if ($socket === $listener) {
            $new = stream_socket_accept($listener);
            $used[(int) $new] = [$new, false];
            continue;
        }
        $asked = fread($socket, 65536);
        if ($asked === '' || $asked === false || ($used[(int) $socket][1] && $asked[0] === 'P')) {
            unset($used[(int) $socket]);
            fclose($socket);
            continue;
        }
        $used[(int) $socket][1] = true;
        fwrite($socket, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nok from app\n");
    }
}
"""


def stale_keepalive(host: LabHost) -> None:
    """nginx keeps connections to apps that hang up on them when used again: GETs are asked anew, POSTs fail."""
    host.write("/srv/app/server.php", FORGETFUL.encode())
    use_as_apps(host, "/usr/bin/php /srv/app/server.php %i")
    host.sh(
        "sed -i -e 's/^upstream app {/& keepalive 8;/' -e 's/server 127.*[0-9]/& max_fails=0/'"
        " -e '/proxy_pass/a proxy_http_version 1.1;"
        f' proxy_set_header Connection "";\' {API} && nginx -t -q && systemctl restart nginx'
    )
    # The process table knows whole seconds only: what a log says within two of nginx's start may be older than it.
    ask = "curl -s -o /dev/null -m 5 -H 'Host: api.example'"
    host.sh(f"sleep 2.5; for n in 1 2 3 4 5 6 7 8; do {ask} http://127.0.0.1/; {ask} -d x=1 http://127.0.0.1/; done")


RESPONDING_FAULTS: dict[str, Callable[[LabHost], None]] = {
    "truncated-body": truncated_body,
    "stale-keepalive": stale_keepalive,
}
