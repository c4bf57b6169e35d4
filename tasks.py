"""The command line of a checkout: the user's verbs, and those of who works on the toolkit."""

from __future__ import annotations

from remediations import cli
from tests.lab.tasks import lab

namespace = cli.namespace()
namespace.add_collection(lab)
