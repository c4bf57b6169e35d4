"""`invoke lab.up`, `lab.down` and `lab.list`: hosts to try the toolkit on, which stay until they are taken down.

The lab itself is imported by the task that runs: `invoke remediate` would wait for it, too.
"""

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task

from remediations.word_help import WordTask
from tests.lab import names as words


@task(
    klass=WordTask,
    auto_shortflags=False,
    help={
        "names": "hosts to boot, separated by commas",
        "variant": "how they differ from a plain host, separated by commas: " + ", ".join(words.VARIANTS),
        "broken": "a fault to put into them: " + ", ".join(words.FAULTS),
    },
)
def up(_: Context, names: str, variant: str = "", broken: str = "") -> None:
    """Boot Debian hosts that stay, and write .lab/inventory.yml for them."""
    from tests.lab import desk

    desk.up(names, variant, broken)


@task(auto_shortflags=False, help={"host": "only these hosts, separated by commas; all without it"})
def down(_: Context, host: str = "") -> None:
    """Take down the hosts that lab.up booted: all, or those of --host web1,web2; Invoke has no optional word."""
    from tests.lab import desk

    desk.down(host)


@task(name="list", auto_shortflags=False)
def list_hosts(_: Context) -> None:
    """Show this machine's lab hosts, those of running tests too."""
    from tests.lab import desk

    desk.show()


lab = Collection("lab", up, down, list_hosts)
