"""Asks the real nginx about a file, in namespaces of its own: no port, pid file or log of the machine is touched."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_LOOP = r"""
set -e
for place in /run /var/log /var/lib/nginx; do mount -t tmpfs tmpfs "$place"; done
mkdir -p /var/log/nginx
ip link set lo up
while IFS='	' read -r flag prefix conf out; do
  code=0
  nginx "$flag" -p "$prefix/" -c "$conf" -e stderr </dev/null >"$out" 2>&1 || code=$?
  echo "$code"
done
"""
_LEXICAL = re.compile(rb'\[emerg\] [0-9#]+: (?:unexpected (?:"|end of )|too long parameter)')
_DUMPED = re.compile(rb"^# configuration file (.*):$", re.MULTILINE)


@dataclass(frozen=True)
class Verdict:
    """What nginx said: `accepts` is its exit code, `output` its words."""

    accepts: bool
    output: bytes

    @property
    def is_lexical(self) -> bool:
        """Whether it could not even cut the file into words and blocks."""
        return not self.accepts and _LEXICAL.search(self.output) is not None

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it read, in its order, where it was asked for a dump."""
        return tuple(match[1].decode("utf-8", "surrogateescape") for match in _DUMPED.finditer(self.output))


@dataclass(frozen=True)
class Nginx:
    """A shell in private mount and network namespaces that runs `nginx -t` on request: a few milliseconds each."""

    folder: Path
    questions: IO[str]
    answers: IO[str]

    def test(self, data: bytes) -> Verdict:
        return self.test_tree({"nginx.conf": data})

    def test_tree(self, files: Mapping[str, bytes], flag: str = "-t", prefix: str | None = None) -> Verdict:
        """Files by their paths below the folder of nginx.conf, which is the prefix too if none is given."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            for path, data in files.items():
                place = Path(folder, path)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
            return self.test_path(Path(folder, "nginx.conf"), flag, prefix or folder)

    def test_path(self, conf: Path, flag: str, prefix: str) -> Verdict:
        out = self.folder / "out"
        self.questions.write("\t".join((flag, prefix, str(conf), str(out))) + "\n")
        self.questions.flush()
        return Verdict(int(self.answers.readline()) == 0, out.read_bytes())


@contextmanager
def real_nginx(folder: Path) -> Iterator[Nginx]:
    """The real nginx for as long as needed; RuntimeError where the machine has none."""
    if shutil.which("nginx") is None:
        raise RuntimeError("nginx is not installed; `make setup` installs it")
    command = ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-c", _LOOP]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdin is not None
        assert shell.stdout is not None
        yield Nginx(folder, shell.stdin, shell.stdout)
        shell.stdin.close()
