"""Paramiko without Invoke, which it imports for `Match exec` in an ssh_config and which takes longer than a login.

Such an ssh_config is read with Fabric, and so with Invoke (see `route`). Where Invoke is there, it stays.
"""

import sys

if "invoke" in sys.modules:
    import paramiko
else:
    sys.modules["invoke"] = None  # type: ignore[assignment]  # Python's word for "not to be had", which Paramiko expects
    try:
        import paramiko  # noqa: F401
    finally:
        del sys.modules["invoke"]
