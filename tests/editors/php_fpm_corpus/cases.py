"""The configurations: one trap each, as file names with their bytes; `@/` stands for the folder they are written to."""

from __future__ import annotations

import random

POOL = b"""[www]
user = www-data
listen = /run/php/www.sock
pm = dynamic
pm.max_children = 5
pm.start_servers = 2
pm.min_spare_servers = 1
pm.max_spare_servers = 3
"""
OTHER = POOL.replace(b"[www]", b"[shop]").replace(b"/www.", b"/shop.")
LOG = b"[global]\nerror_log = @/log\n"
Files = dict[str, bytes]


def _main(pool: bytes) -> Files:
    return {"main.conf": LOG + pool}


def _with(line: bytes) -> Files:
    return _main(POOL + line + b"\n")


def _instead(old: bytes, new: bytes) -> Files:
    assert old in POOL
    return _main(POOL.replace(old, new))


def _included(**files: bytes) -> Files:
    """php-fpm.conf as Debian writes it, with these files in its pool.d."""
    folder = {f"pool.d/{name}.conf": data for name, data in files.items()}
    return {"main.conf": LOG + b"include=@/pool.d/*.conf\n", **folder}


READ = {
    "plain": _main(POOL),
    "crlf": _main(POOL.replace(b"\n", b"\r\n")),
    "crlf in one line": _instead(b"= 5\n", b"= 5\r\n"),
    "lone cr ends a setting": _instead(b"= 5\npm.start", b"= 5\rpm.start"),
    "latin-1 in a comment": _with(b"; caf\xe9 \xff"),
    "latin-1 in a value": _with(b"env[NAME] = caf\xe9"),
    "utf-8 in a value": _with("env[NAME] = café".encode()),
    "no final newline": _main(POOL.rstrip(b"\n")),
    "no final newline after blanks": _main(POOL.rstrip(b"\n") + b"   "),
    "no final newline after a comment": _main(POOL + b"; the end"),
    "blank lines and blanks at line ends": _main(POOL.replace(b"\n", b"  \t\n\n")),
    "two pools in one file": _main(POOL + OTHER),
    "a pool opened again": _main(POOL + OTHER + b"[WWW]\npm.max_children = 9\n"),
    "a pool opened again in upper case keeps its first name": _main(b"[WWW]\n[www]\n" + POOL),
    "repeated key": _with(b"pm.max_children = 9"),
    "repeated key in another case": _with(b"PM.MAX_CHILDREN = 9"),
    "repeated string key": _with(b"user = nobody"),
    "upper case keys": _main(POOL.replace(b"pm.max_children", b"PM.Max_Children").replace(b"listen", b"LISTEN")),
    "upper case process manager": _instead(b"dynamic", b"Dynamic"),
    "keys before any section are global": {"main.conf": b"error_log = @/log\nprocess.max = 12\n" + POOL},
    "global after a pool": _main(POOL + b"[GLOBAL]\nprocess.max = 7\n"),
    "global twice, last wins": _main(b"process.max = 3\n" + POOL + b"[global]\nprocess.max = 7\n"),
    "include of a folder": _included(www=POOL, shop=OTHER),
    "include in the order of names": _included(b=b"[www]\npm.max_children = 9\n", a=POOL),
    "later file wins": _included(a=POOL, b=b"[www]\npm.max_children = 9\npm.max_spare_servers = 4\n"),
    "earlier file loses": _included(a=b"[www]\npm.max_children = 9\n", b=POOL),
    "upper case file name sorts first": _included(B=b"[www]\npm.max_children = 9\n", a=POOL),
    "dotfile is not included": _included(**{"www": POOL, ".hidden": b"[www]\npm.max_children = 9\n"}),
    "backup file is not included": {**_included(www=POOL), "pool.d/www.conf.bak": b"[www]\npm.max_children = 9\n"},
    "include of one file": {"main.conf": LOG + b"include = @/www.conf\n", "www.conf": POOL},
    "include of nothing": {"main.conf": LOG + b"include=@/*.none\n" + POOL},
    "include of a missing file": {"main.conf": LOG + b"include=@/none.conf\n" + POOL},
    "section persists into the include": {
        "main.conf": LOG + POOL + b"include=@/more\n",
        "more": b"pm.max_children=9\n",
    },
    "section persists out of the include": {"main.conf": LOG + b"include=@/a\npm.max_children = 9\n", "a": POOL},
    "include in the middle": {
        "main.conf": LOG + POOL + b"include=@/more\npm.max_children = 9\n",
        "more": b"pm.max_children=8\n[shop]\n" + OTHER.partition(b"\n")[2],
    },
    "include in an include": {"main.conf": LOG + b"include=@/a\n", "a": b"include=@/b\n", "b": POOL},
    "five files deep": {
        "main.conf": LOG + b"include=@/a\n",
        **{name: b"include=@/%s\n" % deeper.encode() for name, deeper in zip("abc", "bcd", strict=True)},
        "d": POOL,
    },
    "include with brackets": {
        "main.conf": LOG + b"include=@/pool[0-2].d/w?w.conf\n",
        "pool1.d/www.conf": POOL,
        "pool3.d/www.conf": OTHER,
    },
    "include with a negated bracket": {
        "main.conf": LOG + b'include="@/[!bm]*.conf"\ninclude=@/none/\n',
        "apool.conf": POOL,
        "bpool.conf": OTHER,
    },
    "include with a doubled slash": {"main.conf": LOG + b"include=@//pool.d/./*.conf\n", "pool.d/www.conf": POOL},
    "include in quotes with a comment": {"main.conf": LOG + b'include="@/www.conf" ; all\n', "www.conf": POOL},
    "double quotes": _instead(b"= 5", b'= "5"'),
    "single quotes": _instead(b"= 5", b"= '5'"),
    "quotes around a semicolon": _with(b'env[A] = "a;b" ; c'),
    "escapes in quotes": _with(rb'env[A] = "a\"b\\c\n\'"'),
    "quotes in the middle": _with(b"env[A] = a 'b'  \"c\" d"),
    "a windows path": _with(b'env[A] = "c:\\"'),
    "an apostrophe ends the line": _with(b"env[A] = it's"),
    "commented keys": _with(b";pm.max_children = 9\n; pm.max_requests = 3\n\t;pm = static"),
    "trailing comments": _main(POOL.replace(b"\n", b" ; why\n")),
    "comment without a blank": _instead(b"= 5", b"= 5;9"),
    "comment for a value": _with(b"slowlog = ; none"),
    "empty value": _with(b"pm.max_requests ="),
    "spaces everywhere": _instead(b"pm.max_children = 5", b"   pm.max_children   =   5   "),
    "tabs everywhere": _instead(b"pm.max_children = 5", b"\tpm.max_children\t=\t5\t"),
    "no spaces at all": _main(POOL.replace(b" ", b"")),
    "a tab before the section": _main(b"\t" + POOL),
    "spaces in the section's name": _main(POOL.replace(b"[www]", b"[ www ]") + b"[www]\n" + OTHER.partition(b"\n")[2]),
    "quotes in the section's name": _main(POOL.replace(b"[www]", b'["www"]')),
    "a comment behind the section": _main(POOL.replace(b"[www]", b"[www] ; the site")),
    "a setting behind the section": _main(POOL.replace(b"[www]\n", b"[www] ")),
    "the pool's name in a value": _instead(b"/run/php/www.sock", b"/run/php/$pool-$pool.sock"),
    "the pool's name in its first case": _main(POOL.replace(b"[www]", b"[Www]") + b"[WWW]\nslowlog = /x/$pool.log\n"),
    "the pool's name in an array": _with(b"env[POOL] = $pool\nphp_admin_value[error_log] = /x/$pool.log"),
    "relative paths": _main(POOL.replace(b"/run/php/www.sock", b"run/$pool.sock") + b"slowlog = log/$pool.slow\n"),
    "relative paths under the pool's prefix": _main(
        POOL.replace(b"/run/php/www.sock", b"$pool.sock") + b"prefix = /tmp\nslowlog = slow\n"
    ),
    "tcp port": _instead(b"/run/php/www.sock", b"9000"),
    "tcp address": _instead(b"/run/php/www.sock", b"127.0.0.1:9000"),
    "tcp v6 address": _instead(b"/run/php/www.sock", b"[::1]:9000"),
    "owner and mode of the socket": _with(
        b"listen.owner = root\nlisten.group = daemon\nlisten.mode = 0660\nlisten.acl_users = www-data,nobody"
    ),
    "backlog": _with(b"listen.backlog = 511"),
    "static": _main(b"[www]\nuser=nobody\nlisten=/x\npm=static\npm.max_children=5\n"),
    "static with spare servers that do not count": _instead(b"dynamic", b"static"),
    "ondemand": _main(b"[www]\nuser=nobody\nlisten=/x\npm=ondemand\npm.max_children=5\npm.process_idle_timeout=5s\n"),
    "ondemand with spare servers that do not count": _instead(b"dynamic", b"ondemand"),
    "start servers worked out": _instead(b"pm.start_servers = 2\n", b""),
    "start servers of 0 worked out": _instead(b"pm.start_servers = 2", b"pm.start_servers = 0"),
    "numbers as c reads them": _main(POOL.replace(b"= 5", b"= 005").replace(b"= 2", b"=02") + b"pm.max_requests = -\n"),
    "yes is one": _main(b"[www]\nuser=nobody\nlisten=/x\npm=static\npm.max_children = yes\n"),
    "no is empty": _with(b"pm.max_requests = no\nslowlog = none"),
    "times": _with(
        b"request_terminate_timeout = 2m\npm.process_idle_timeout = 1h\nrequest_slowlog_timeout=9\nslowlog=@/slow"
    ),
    "a day": _with(b"request_terminate_timeout = 1d"),
    "a time that is no number": _with(b"request_terminate_timeout = xs"),
    "env": _with(b"env[PATH] = /usr/bin:/bin\nenv[TMP]=/tmp"),
    "env with quotes and blanks in its brackets": _with(b"env['A'] = 1\nenv[\"B\"] = 2\nenv[ C ] = 3\nenv[D\\]] = 4"),
    "php values": _with(
        b"php_value[memory_limit] = 64M\nphp_admin_value[memory_limit] = 128M\nphp_flag[log_errors]=on"
    ),
    "php values twice": _with(b"php_admin_value[memory_limit] = 32M\nphp_admin_value[memory_limit] = 64M"),
    "php flags": _with(b"php_admin_flag[log_errors] = off\nphp_flag[display_errors] = yes"),
    "status": _with(b"pm.status_path = /status\npm.status_listen = 127.0.0.1:9001\nping.path = /ping"),
    "suppressed paths": _with(b"access.suppress_path[] = /ping\naccess.suppress_path[] = /health"),
    "global settings": {
        "main.conf": b"[global]\nerror_log = @/log\npid = run/x.pid\nprocess.max = 4\nemergency_restart_threshold = 3\n"
        b"emergency_restart_interval = 1m\nprocess_control_timeout = 10s\ndaemonize = no\n" + POOL
    },
    "bom": _main(b"").copy() | {"main.conf": b"\xef\xbb\xbf" + LOG + POOL},
    "form feed in a value": _with(b"env[A] = a\x0cb"),
    "many words": _with(b'access.format = "%R - %u %t \\"%m %r%Q%q\\" %s %f %{milli}d %{kilo}M %C%%"'),
    "an equals sign in quotes": _with(b'env[A] = "a=b"'),
    "a url": _with(b"env[A] = http://example.com/?q"),
    "brackets and commas": _with(b"env[A] = [a,b]:{c}"),
}

UNKNOWN_TO_US = {
    "a variable": (_instead(b"= 5", b"= ${CHILDREN}5"), "pm.max_children"),
    "a variable in quotes": (_instead(b"= 5", b'= "${CHILDREN}5"'), "pm.max_children"),
    "an operator": (_instead(b"= 5", b"= 4|1"), "pm.max_children"),
    "a constant": (_with(b"pm.max_requests = PHP_INT_SIZE"), "pm.max_requests"),
}

REFUSED = {
    "a hash for a comment": _with(b"# pm.max_children = 9"),
    "a hash before a key": _with(b"#pm.max_children = 9"),
    "a hash alone": _with(b"#"),
    "a key alone": _with(b"pm.max_requests"),
    "two words for a key": _with(b"pm\tmax_requests = 5"),
    "two equals signs": _with(b"env[A] = a=b"),
    "no key": _with(b"= 5"),
    "an open section": _main(b"[www\n" + POOL),
    "an open quote": _with(b'slowlog = "/x'),
    "an open apostrophe": _with(b"slowlog = '/x"),
    "empty single quotes": _with(b"slowlog = ''"),
    "an open bracket": _with(b"env[A = 5"),
    "spaces before a section": _main(b"  " + POOL),
    "yes for a key": _with(b"yes = 5"),
    "a word after yes": _with(b"slowlog = yes please"),
    "a brace": _with(b"{"),
    "an array in global": {"main.conf": LOG + b"env[A] = 1\n" + POOL},
    "an array without a key": _with(b"env[] = 1"),
    "no number": _instead(b"= 5", b"= five"),
    "no number in a value that is not in force": _with(b"pm.max_children = five\npm.max_children = 5"),
    "a number with a unit": _instead(b"= 5", b"= 5M"),
    "no time": _with(b"request_terminate_timeout = 5x"),
    "no process manager": _instead(b"dynamic", b"auto"),
    "six files deep": {
        "main.conf": LOG + b"include=@/a\n",
        **{name: b"include=@/%s\n" % deeper.encode() for name, deeper in zip("abcd", "bcde", strict=True)},
        "e": POOL,
    },
    "a file that includes itself": {"main.conf": LOG + POOL + b"include=@/main.conf\n"},
    "two includes on one line": _with(b"include=@/a\rinclude=@/b"),
    "an operator without a word": _with(b"env[A] = 5|"),
    "an exclamation mark in a pattern": _with(b"include=@/[!m]*.conf"),
    "no boolean": {"main.conf": LOG + b"daemonize = maybe\n" + POOL},
}

# Drawn by lot: lines of a pool, lines that PHP refuses, and how else a pool may be opened.
_POOL_LINES = (
    b"pm.max_children = 9",
    b"PM.MAX_CHILDREN=8;x",
    b'pm.max_children = "7"',
    b"pm.max_children\t= 06",
    b"pm.max_requests = 5",
    b"pm.max_requests =",
    b"pm.max_requests = yes",
    b"pm.start_servers = 1",
    b"pm.max_spare_servers = 4 ; c",
    b"pm = static",
    b"pm = Dynamic",
    b"[www]",
    b"[WWW] ; c",
    b"\t[www]",
    b"[www] user = nobody",
    b"; pm = static",
    b" ; c",
    b"",
    b"user = www-data",
    b"group = nogroup",
    b"slowlog = /x/$pool.log",
    b"slowlog = x/$pool",
    b"slowlog = 'a' \"b\"",
    b"pm.process_idle_timeout = 3m",
    b"request_terminate_timeout = 4",
    b"env[A] = it's",
    b"env[A] = caf\xe9",
    b"php_value[memory_limit] = 8M",
    b"php_admin_value[memory_limit]=9M",
    b"php_flag[x] = on",
    b"include = @/more.conf",
    b"include=@/none.conf",
    b'include="@/mor*.conf"',
    b"[global]\nprocess.max = 99\n[www]",
    b"listen.backlog = 511\r\n",
    OTHER + b"[WwW]",
)
_BROKEN_LINES = (
    b"env[A] = a=b",
    b"# no",
    b"yes = 1",
    b"  [www]",
    b"{",
    b'env[A] = "',
    b"env[A] = ''",
    b"pm.max_requests = x",
    b"pm.max_requests = no x",
    b"include",
)


def random_case(seed: int) -> Files:
    """A plain pool with more lines drawn by lot behind it and in a file that it may include; one in four is broken."""
    lot = random.Random(seed)
    end = lot.choice([b"\n", b"\n", b"\r\n", b" \n"])
    lines = lot.choices(_POOL_LINES, k=lot.randrange(9)) + lot.choices(_BROKEN_LINES, k=lot.randrange(4) == 0)
    more = [line for line in lot.choices(_POOL_LINES, k=lot.randrange(4)) if b"include" not in line]
    lot.shuffle(lines)
    main = LOG + POOL + end.join(lines) + lot.choice([b"", end])
    return {"main.conf": main, "more.conf": end.join(more)}
