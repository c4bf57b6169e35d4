# shellcheck shell=sh
# shellcheck disable=SC2086 # pids are words
# Three processes for all owners of listening sockets together, at most 300 of them.

command -v ss >/dev/null 2>&1 || { echo 'ss is not installed (iproute2)'; exit 3; }
pids=$({ ss -H -lntp; ss -H -lxp; } | tr ',' '\n' | sed -n 's/^pid=\([0-9]*\)$/\1/p' | sort -un | head -n 300)
set -- $pids
[ $# -gt 0 ] || exit 0
ps -o pid=,user:64= -p "$(IFS=,; echo "$*")"
links='/proc/1/ns/mnt /proc/1/ns/pid'
for pid; do links="$links /proc/$pid/exe /proc/$pid/cwd /proc/$pid/ns/mnt /proc/$pid/ns/pid"; done
ls -ld $links
stats=; for pid; do stats="$stats /proc/$pid/stat"; done
cat $stats
exit 0
