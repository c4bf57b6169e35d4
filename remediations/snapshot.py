"""The snapshot: everything that was read from one host, frozen; all thinking is done on it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from remediations.editors import nginx_tree, php_fpm
from remediations.editors.nginx_address import Address
from remediations.errors import EditError
from remediations.facts.addresses import Addresses
from remediations.facts.base import Unknown
from remediations.facts.databases import Databases
from remediations.facts.disks import Disks
from remediations.facts.files import Files, HostFile, new_file
from remediations.facts.http import HttpAnswers
from remediations.facts.journal import Journal
from remediations.facts.kernel import Kills
from remediations.facts.logs import Logs, Peers
from remediations.facts.machine import Machine
from remediations.facts.mentions import Mentions
from remediations.facts.names import Names
from remediations.facts.nginx import NginxFiles
from remediations.facts.open_run import OpenRun
from remediations.facts.outside import Outside
from remediations.facts.owners import Owners
from remediations.facts.paths import Paths
from remediations.facts.php import Fpm, PhpFiles
from remediations.facts.processes import Processes
from remediations.facts.resolvers import Resolvers
from remediations.facts.restarts import Restarts
from remediations.facts.sockets import Sockets
from remediations.facts.units import Unit, Units
from remediations.facts.validation import Verdicts
from remediations.facts.work import Works
from remediations.facts.worker import Worker


@dataclass(frozen=True)
class FpmVersion:
    """One PHP-FPM of the host with its configuration as PHP-FPM itself would read it."""

    fpm: Fpm
    config: php_fpm.FpmConfig


@dataclass(frozen=True)
class Snapshot:
    """What one host answered. A fact that could not be had is Unknown, with the reason; None means there is none.

    `files` holds every configuration file by the name under which a daemon reads it; `listed` are the include patterns
    whose files are all among them; `unasked` counts the health questions that there was no room for; `told` are
    addresses that variables of nginx lead to and that its log has named as the ones that fail now. `outside` is what
    the control side got for a --url. `shell_seconds` is how long the host's shell took for all answers. `log_alone`:
    nobody asked the host; all that is known are lines that somebody pasted, the newest of them now.
    """

    host: str
    machine: Machine
    units: Units | Unknown
    sockets: Sockets | Unknown
    processes: Processes | Unknown
    nginx: NginxFiles | Unknown | None
    php: PhpFiles | Unknown
    files: Files
    journal: Journal | Unknown = Unknown("the journal was not asked")
    logs: Logs | Unknown = Unknown("the logs were not asked")
    slow_logs: Logs | Unknown = Unknown("the slow logs were not asked")
    work: Works | Unknown = Unknown("the workers were not looked at")
    peers: Peers | Unknown = Unknown("the access logs were not asked")
    paths: Paths | Unknown = Unknown("the paths were not asked")
    worker: Worker | Unknown = Unknown("nginx's workers were not asked about")
    mentions: Mentions | Unknown = Unknown("no file was searched for ports")
    names: Names | Unknown = Unknown("no name was looked up")
    resolvers: Resolvers | Unknown = Unknown("no resolver was asked")
    verdicts: Verdicts | Unknown = Unknown("the validators were not asked")
    answers: HttpAnswers | Unknown = Unknown("the site was not asked")
    unasked: int = 0
    outside: Outside | None = None
    told: tuple[Address, ...] = ()
    databases: Databases | Unknown = Unknown("the databases were not asked")
    restarts: Restarts | Unknown = Unknown("the restarts were not asked")
    disks: Disks | Unknown = Unknown("the disks were not asked")
    kernel: Kills | Unknown = Unknown("the kernel was not asked")
    addresses: Addresses | Unknown = Unknown("the host's addresses were not asked")
    listed: tuple[str, ...] = ()
    units_left_out: int = 0
    dangling_units: tuple[str, ...] = ()
    owners: Owners | Unknown = Unknown("the owners of sockets were not asked")
    open_run: OpenRun | Unknown = Unknown("the host's journal was not asked")
    log_alone: bool = False
    shell_seconds: float = 0.0
    variables: Mapping[str, object] = field(default_factory=dict)

    @cached_property
    def memory(self) -> dict[Hashable, Any]:
        """What pure functions have answered about this snapshot (host/remembered.py)."""
        return {}

    @property
    def live_nginx(self) -> NginxFiles | None:
        """nginx where the host has one and it could be read."""
        return None if isinstance(self.nginx, Unknown) else self.nginx

    @cached_property
    def nginx_tree(self) -> nginx_tree.NginxTree | Unknown:
        """nginx's configuration, all includes in place; a file that cannot be read stands in its `refused`."""
        if self.nginx is None:
            return Unknown("nginx is not installed")
        if isinstance(self.nginx, Unknown):
            return self.nginx
        try:
            return nginx_tree.load(self.nginx.main, self._data, listed=self.listed, tolerant=True)
        except EditError as error:
            return Unknown(str(error))

    @cached_property
    def fpm_versions(self) -> tuple[FpmVersion, ...] | Unknown:
        """Every PHP-FPM with its pools; one whose files PHP-FPM itself would refuse does not hide the others."""
        if isinstance(self.php, Unknown):
            return self.php
        found: list[FpmVersion] = []
        refused: list[str] = []
        for fpm in self.php.versions:
            try:
                found.append(FpmVersion(fpm, self._fpm_config(fpm.main)))
            except EditError as error:
                refused.append(str(error))
        return Unknown("; ".join(refused)) if refused and not found else tuple(found)

    def _fpm_config(self, main: str) -> php_fpm.FpmConfig:
        config = php_fpm.load(main, self._data)
        return replace(config, wanted=tuple(one for one in config.wanted if one.pattern not in self.listed))

    @cached_property
    def _data(self) -> Mapping[str, bytes]:
        return {path: file.data for path, file in self.files.items()}

    @property
    def wanted(self) -> tuple[str, ...]:
        """Include patterns that may name files of the host which have not been read."""
        tree, versions = self.nginx_tree, self.fpm_versions
        nginx = () if isinstance(tree, Unknown) else tree.wanted
        fpm = () if isinstance(versions, Unknown) else tuple(w.pattern for v in versions for w in v.config.wanted)
        return tuple(dict.fromkeys((*nginx, *fpm)))

    def unit(self, name: str) -> Unit | None:
        """The unit of that name, or with that alias, where units are known and it is one of them."""
        if isinstance(self.units, Unknown):
            return None
        return self.units.get(name) or next((one for one in self.units.values() if name in one.aliases), None)

    def file_at(self, real_path: str) -> HostFile | None:
        """The file that lies at this real path, by whatever name it is read."""
        return next((file for file in self.files.values() if file.real_path == real_path), None)

    def with_file(self, real_path: str, data: bytes | None) -> Snapshot:
        """The same host once that file holds `data` under every name that leads to it; None: once it is gone."""
        if data is None:
            kept = {path: file for path, file in self.files.items() if file.real_path != real_path}
            return replace(self, files=kept)
        files = {
            path: replace(file, data=data) if file.real_path == real_path else file for path, file in self.files.items()
        }
        if self.file_at(real_path) is None:
            files[real_path] = new_file(real_path, data)
        return replace(self, files=files)
