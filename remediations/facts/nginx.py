"""nginx: its binary, its configuration files by include expansion, its master and when its workers began to serve."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from remediations.editors.nginx_build import Build, parse_build
from remediations.facts.base import Fact, Unknown
from remediations.facts.files import EMIT_FILES, Files
from remediations.facts.files import parse as parse_files


@dataclass(frozen=True)
class NginxFiles:
    """`binary` is what runs or would run; `main` the file it starts from; `master` its pid where one runs.

    `build` holds the compiled-in paths, in force where the configuration names none; its prefix is the running
    master's. `listed` are the include patterns whose files have all been read.
    """

    binary: str
    version: str
    main: str
    build: Build
    master: int | None
    listed: tuple[str, ...]
    files: Files


# The running master's own executable and -c win over what PATH offers. A master in another root (a container's) is not
# ours. The shell only guesses at includes, generously; the lexer decides, and asks again for what the guess missed.
SCRIPT = (
    EMIT_FILES
    + r"""
master=
for pid in $(ps -eo pid=,args= | awk '/nginx: master process/ && !/awk/ { print $1 }'); do
  [ "/proc/$pid/root/." -ef / ] && { master=$pid; break; }
done
bin=
[ -n "$master" ] && { bin=$(readlink "/proc/$master/exe"); bin=${bin%" (deleted)"}; }
[ -x "$bin" ] || bin=$(command -v nginx) || { echo absent; exit 0; }
built=$("$bin" -V 2>&1) || { echo "$bin -V fails"; exit 3; }
option() { printf '%s\n' "$built" | tr ' ' '\n' | sed -n "s/^--$1=//p" | tail -n 1; }
prefix=$(option prefix); prefix=${prefix:-/usr/local/nginx}
conf=$(option conf-path); conf=${conf:-$prefix/conf/nginx.conf}
if [ -n "$master" ]; then
  given=$(ps -o args= -p "$master" | sed -n 's/.* -c \([^ ]*\).*/\1/p'); [ -n "$given" ] && conf=$given
  given=$(ps -o args= -p "$master" | sed -n 's/.* -p \([^ ]*\).*/\1/p'); [ -n "$given" ] && prefix=$given
fi
echo "binary $bin"
echo "built $(printf '%s\n' "$built" | tr '\n' ' ')"
echo "main $conf"
echo "prefix $prefix"
echo "master $master"
nl='
'
todo=$conf; seen=$nl; round=0; IFS=$nl
while [ -n "$todo" ] && [ $round -lt 12 ]; do
  round=$((round + 1)); new=
  for file in $todo; do
    case $seen in *"$nl$file$nl"*) ;; *) [ -f "$file" ] && { seen=$seen$file$nl; new=$new$file$nl; } ;; esac
  done
  [ -n "$new" ] || break
  set -f; set -- $new; set +f
  todo=
  for pattern in $(sed -n 's/#.*//; s/.*include[[:space:]]\{1,\}["'"'"']\{0,1\}\([^;"'"'"']*\).*/\1/p' -- "$@"); do
    case $pattern in /*) ;; *) pattern=${conf%/*}/$pattern ;; esac
    echo "listed $pattern"
    for file in $pattern; do todo=$todo$file$nl; done
  done
done
set -f; set -- $seen; set +f
emit_files "$@"
"""
)


def parse(stdout: bytes) -> NginxFiles | None | Unknown:
    """`key value` lines, then the frame of files; None where there is no nginx."""
    if stdout.strip() == b"absent":
        return None
    head, marker, rest = stdout.partition(b"\nfiles ")
    pairs = [line.partition(" ")[::2] for line in head.decode(errors="surrogateescape").splitlines()]
    found = dict(pairs)
    files = parse_files(marker.lstrip() + rest)
    if isinstance(files, Unknown):
        return files
    version = re.search(r"nginx version: \S+/(\S+)", found["built"])
    return NginxFiles(
        binary=found["binary"],
        version=version[1] if version else "",
        main=found["main"],
        build=replace(parse_build(found["built"]), prefix=found["prefix"]),
        master=int(found["master"]) if found["master"] else None,
        listed=tuple(value for key, value in pairs if key == "listed"),
        files=files,
    )


FACT: Fact[NginxFiles | None] = Fact("nginx", SCRIPT, parse)
