"""Ways to break a host for real, as an outage would."""

from collections.abc import Callable

from tests.lab.errors import LabError
from tests.lab.host import LabHost

Fault = Callable[[LabHost], None]


def stop_php_fpm(host: LabHost) -> None:
    """Someone stopped the unit; the shop answers 502."""
    host.sh("systemctl stop php8.2-fpm.service")


FAULTS: dict[str, Fault] = {"php-fpm-stopped": stop_php_fpm}


def find(name: str) -> Fault:
    """The fault of that name; LabError lists the names."""
    if name not in FAULTS:
        raise LabError(f"no such fault: {name}; there are: {', '.join(FAULTS)}")
    return FAULTS[name]
