"""What `explain` prints: a remediation from its own file, a cause from its section of the page."""

from __future__ import annotations

import pytest

from remediations import diagnosis
from remediations.errors import UsageError
from remediations.report.catalogue import causes, explain


@pytest.mark.parametrize("cause", [*diagnosis.ORDER, "unknown"])
def test_every_cause_that_a_finding_can_name_is_explained(cause: str) -> None:
    said = explain(cause)
    assert said.startswith(f"{cause}\n\n")
    assert [word for word in ("- For: ", "- Against: ", "- Do: ") if word not in said] == []


def test_a_cause_is_explained_without_the_marks_of_its_page() -> None:
    assert "restart-service starts it if it is enabled." in explain("service-stopped")
    assert "](" not in explain("service-stopped")
    assert "## " not in explain("service-stopped")
    assert set(causes()) == {*diagnosis.ORDER, "unknown"}


def test_a_remediation_without_parameters_says_so_in_place_of_an_empty_list() -> None:
    assert explain("reload-nginx").endswith("\n\nIt has no parameters.\n")
    assert "Parameters (--set limit-req.NAME=VALUE, or in a playbook):\n  " in explain("limit-req")


def test_a_name_that_there_is_not_is_an_error_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"did you mean 'service-stopped'.*limit-req.*the causes disk-full"):
        explain("servce-stopped")
