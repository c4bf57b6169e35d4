# shellcheck shell=sh
# The units in "$@", then the kernel's count for each one's cgroup: version 2 keeps it in one place, version 1 in another.

[ -d /run/systemd/system ] || { echo 'systemd is not running on this host'; exit 3; }
systemctl --no-pager --no-ask-password show -p "${show:?}" -- "$@" || { echo 'systemctl does not answer'; exit 3; }
echo
oom() { # unit cgroup
  for file in "/sys/fs/cgroup$2/memory.events" "/sys/fs/cgroup/memory$2/memory.oom_control"; do
    if [ -r "$file" ]; then sed -n "s/^oom_kill \([0-9][0-9]*\)\$/oom $1 \1/p" "$file"; return 0; fi
  done
}
