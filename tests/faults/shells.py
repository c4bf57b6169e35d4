"""The shells that a program in POSIX sh must run under alike, and where the programs that it calls come from."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Shell:
    """`program` becomes /bin/sh, so that all that is started runs under it too. `applets`: no coreutils in PATH."""

    name: str
    program: str
    applets: bool = False

    def path(self, scratch: Path) -> str:
        """PATH behind the fakes; `scratch` may get a folder of links."""
        return str(_applets(scratch)) if self.applets else SYSTEM_PATH


DASH = Shell("dash", "dash")
BASH = Shell("bash", "bash")  # called sh, bash is posix
BUSYBOX = Shell("busybox", "busybox")
BUSYBOX_ALONE = Shell("busybox-alone", "busybox", applets=True)
SHELLS = (DASH, BASH, BUSYBOX)


def _applets(scratch: Path) -> Path:
    folder = scratch / "applets"
    if not folder.exists():
        folder.mkdir()
        subprocess.run([located("busybox"), "--install", "-s", str(folder)], check=True)
    return folder


@cache
def located(program: str) -> str:
    found = shutil.which(program, path=SYSTEM_PATH)
    if found is None:
        raise FileNotFoundError(f"{program} is not installed: sh tools/setup.sh")
    return os.path.realpath(found)
