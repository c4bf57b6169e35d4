"""The one error of the lab: what was being done, and what answered."""


class LabError(Exception):
    """A lab host cannot be had, or does not answer as the test needs it."""
