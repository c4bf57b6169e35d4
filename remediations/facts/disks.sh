# shellcheck shell=sh
# What is mounted, how full the local file systems are and, only where one is full, what fills it.
# A dead NFS hangs whoever looks at it: only what lies on this host is asked.

lim() { if command -v timeout >/dev/null 2>&1; then timeout -k 1 "$@"; else shift; "$@"; fi; }

[ -r /proc/mounts ] || { echo '/proc/mounts may not be read'; exit 3; }
awk '$3 !~ /^(proc|sysfs|devpts|mqueue|cgroup.*|securityfs|debugfs|tracefs|pstore|bpf|configfs|fusectl|hugetlbfs)$/ &&
     $2 !~ /^\/(var\/lib\/(docker|containers|containerd|kubelet)|run\/(docker|credentials|user))\// {
       print "m", $3, (("," $4 ",") ~ /,ro,/ ? "ro" : "rw"), $2 }' /proc/mounts | tail -n 500
set -f
mounts=$(awk '$3 ~ /^(ext[234]|xfs|btrfs|zfs|f2fs|jfs|reiserfs|bcachefs|nilfs2|tmpfs|overlay|aufs|vfat|exfat|ubifs)$/ &&
              ("," $4 ",") !~ /,ro,/ && $2 !~ /\\/ &&
              $2 !~ /^\/(var\/lib\/(docker|containers|containerd|kubelet)|run\/(docker|credentials|user)|proc|dev)\// {
                if (!seen[$2]++) print $2 }' /proc/mounts | head -n 100)
[ -n "$mounts" ] || exit 0
# shellcheck disable=SC2086  # one word a mount, globs are off
sizes=$(df -P -k $mounts 2>/dev/null | tail -n +2)
# shellcheck disable=SC2086
inodes=$(df -P -i $mounts 2>/dev/null | tail -n +2)
printf '%s\n' "$sizes" | sed 's/^/k /'
printf '%s\n' "$inodes" | sed 's/^/i /'
# shellcheck disable=SC2086
for link in $LINKS; do [ -L "$link" ] && set -- "$@" "$link"; done
for link; do echo "l $link $(lim 1 readlink -f -- "$link")"; done

crowded() { printf '%s\n' "$1" | awk '$(NF-1) ~ /^(99|100)%$/ { print $NF }' | head -n 3; }
full=$(crowded "$sizes")
for mount in $full; do
  lim 1 find "$mount" -xdev -type f -size +8k -printf '%s %p\n' 2>/dev/null | sort -rn | head -n 3 | sed 's/^/f /'
done
set +f
[ -n "$full" ] && lim 1 find -L /proc/[0-9]*/fd -maxdepth 1 -type f -links 0 -size +8k -printf '%s %p\n' 2>/dev/null |
  sort -rn | head -n 20 | while read -r size fd; do
    pid=${fd#/proc/}; pid=${pid%%/*}
    echo "d $size $pid $(tr -d '\n ' <"/proc/$pid/comm") $(readlink -- "$fd")"
  done
for mount in $(crowded "$inodes"); do
  lim 1 find "$mount" -xdev -printf '%h\n' 2>/dev/null | sort | uniq -c | sort -rn | head -n 2 | sed 's/^ */n /'
done
exit 0
