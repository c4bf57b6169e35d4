"""The words of `invoke lab.up`: apart from what they do, so that they can be listed without loading the lab."""

VARIANTS = (
    "python", "sudo-user", "sudo-password", "no-sudo", "fish", "noisy", "no-systemd", "no-unshare", "database",
    "two-php",
)  # fmt: skip
FAULTS = (
    "service-stopped", "service-crashed", "start-limit-hit", "crash-loop", "socket-deleted", "config-invalid",
    "config-invalid-stopped", "pool-exhausted", "app-8001-stopped", "app-8002-stopped", "apps-stopped", "disk-full",
    "sessions-disk-full", "inodes-full", "database-down", "database-disk-full", "worker-oom",
    "socket-path-mismatch", "socket-permission", "address-mismatch", "header-too-big", "upstream-closed",
    "protocol-mismatch", "slow-upstream", "worker-segfault", "worker-killed", "request-terminated", "tls-mismatch",
    "dns-failure", "firewall-reject", "firewall-drop", "connect-forbidden", "nginx-file-limit", "no-live-upstreams",
    "worker-connections",
    "pool-blocked", "socket-permission-folder", "socket-permission-by-hand", "socket-permission-acl",
    "socket-permission-group", "socket-path-mismatch-variable", "app-at-own-address", "dns-stale",
    "dns-failure-silent", "config-invalid-name", "backlog-full", "firewall-reject-own", "firewall-drop-own",
    "address-mismatch-localhost", "service-stopped-environment-file", "service-stopped-socket-unit",
    "start-limit-hit-socket-unit",
    "unit-broken", "unit-broken-user", "unit-broken-folder", "unit-broken-resources", "unit-masked", "unit-not-found",
    "port-conflict", "port-conflict-fpm", "port-orphan", "config-invalid-at-start", "config-invalid-reload",
    "reload-not-applied", "reload-zone-changed",
    "truncated-body", "stale-keepalive",
)  # fmt: skip
