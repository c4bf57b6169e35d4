"""Ways in which those behind nginx take a request and give nothing, too little or nothing in time."""

from tests.lab.host import LabHost

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
