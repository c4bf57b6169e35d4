"""What a run is called: its time and six random digits."""

from __future__ import annotations

import re

RESTORE = "-restore"
"""What the name of the run of a restore.sh ends with."""

RUN_ID = re.compile(rf"[0-9]{{8}}T[0-9]{{6}}Z-[0-9a-f]{{6}}(?:{RESTORE})?")
