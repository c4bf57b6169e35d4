"""The words of `invoke lab.up`: apart from what they do, so that they can be listed without loading the lab."""

VARIANTS = (
    "python", "sudo-user", "sudo-password", "no-sudo", "fish", "noisy", "no-systemd", "no-unshare", "two-php",
)  # fmt: skip
FAULTS = (
    "service-stopped", "service-crashed", "start-limit-hit", "crash-loop", "socket-deleted", "config-invalid",
    "config-invalid-stopped", "pool-exhausted", "app-8001-stopped", "app-8002-stopped", "apps-stopped", "disk-full",
)  # fmt: skip
