"""The words that `invoke lab.up --help` lists are those that it knows."""

from tests.lab import names
from tests.lab.faults import FAULTS
from tests.lab.features import FEATURES


def test_each_variant_is_listed() -> None:
    assert tuple(FEATURES) == names.VARIANTS


def test_each_fault_is_listed() -> None:
    assert tuple(FAULTS) == names.FAULTS
