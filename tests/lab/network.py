"""A host's network: a namespace and one cable, its other end here or in the host that stands before it."""

from tests.lab.commands import run
from tests.lab.errors import LabError
from tests.lab.record import Record


def connect(record: Record) -> None:
    """Two addresses that reach each other; no default route, so a host reaches nothing else."""
    run("ip", "netns", "add", record.netns)
    near = ["ip", "-n", record.via] if record.via else ["ip"]
    run(*near, "link", "add", record.veth, "type", "veth", "peer", "name", "host0", "netns", record.netns)
    run(*near, "-batch", "-", stdin=_batch(record.veth, f"{record.gateway}/30"))
    run("ip", "-n", record.netns, "-batch", "-", stdin=_batch("host0", f"{record.address}/30") + b"link set lo up\n")
    if record.via:  # without this, a direct attempt would leave this machine by its default route
        run("ip", "route", "add", "unreachable", record.subnet)


def disconnect(record: Record) -> None:
    """Deleting the namespace deletes both ends of the cable; what is already gone is no error."""
    if record.netns in run("ip", "netns", "list").decode().split():
        run("ip", "netns", "delete", record.netns)
    if record.via and run("ip", "route", "show", record.subnet, "type", "unreachable"):
        run("ip", "route", "delete", "unreachable", record.subnet)
    if not record.via:
        _delete_cable(record.veth)


def _batch(device: str, address: str) -> bytes:
    return f"addr add {address} dev {device}\nlink set {device} up\n".encode()


def _delete_cable(veth: str) -> None:
    """The kernel takes namespaces down in the background: the near end may outlive `ip netns delete` for a moment."""
    try:
        run("ip", "link", "delete", veth)
    except LabError as error:
        if not any(gone in str(error) for gone in ("Cannot find device", "No such device")):
            raise
