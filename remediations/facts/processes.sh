# shellcheck shell=sh
# Every process, its cgroup, what the big ones hold in memory, and what each PHP-FPM process takes.

echo "t $(date +%s.%N)"
ps -eo pid=,ppid=,uid=,etimes=,rss=,comm=,args= 2>/dev/null |
  awk '{ pid=$1; name=$6; title=""
         if (name ~ /^(nginx|php-fpm)/) { for (i=7;i<=NF && i<27;i++) title=title " " $i }
         print "p", pid, $2, $3, $4, name, title
         if ($5 >= 16384) print "r", pid, $5 }' || exit 3
# grep, not awk: a process that ends meanwhile takes its files away, and mawk then reads none of those that follow.
grep -H -e '^0::' -e ':name=systemd:' /proc/[0-9]*/cgroup 2>/dev/null |
  sed -n 's|^/proc/\([0-9]*\)/cgroup:[^:]*:[^:]*:\(/..*\)|c \1 \2|p'
for pid in $(ps -eo pid=,comm= | awk '$2 ~ /^php-fpm/ { print $1 }' | head -n 1000); do
  [ -r "/proc/$pid/smaps_rollup" ] && set -- "$@" "/proc/$pid/status" "/proc/$pid/smaps_rollup"
done
[ $# -gt 0 ] && grep -H -E '^(Pss|Private_Clean|Private_Dirty|VmHWM|RssAnon|RssFile|RssShmem):' "$@" 2>/dev/null |
  sed 's|^/proc/\([0-9]*\)/[a-z_]*:\([A-Za-z_]*:\)[[:space:]]*\([0-9]*\).*|m \1 \2 \3|'
exit 0
