# shellcheck shell=sh
# Every process, its cgroup, and what memory each PHP-FPM process takes.

ps -eo pid=,ppid=,uid=,etimes=,comm=,args= 2>/dev/null |
  awk '{ pid=$1; name=$5; title=""
         if (name ~ /^(nginx|php-fpm)/) { for (i=6;i<=NF && i<26;i++) title=title " " $i }
         print "p", pid, $2, $3, $4, name, title }' || exit 3
awk 'FNR==1 { split(FILENAME, f, "/") } /^0::/ || /:name=systemd:/ { sub(/^[^:]*:[^:]*:/, ""); if ($0 != "/") print "c", f[3], $0 }' \
  /proc/[0-9]*/cgroup 2>/dev/null
for pid in $(ps -eo pid=,comm= | awk '$2 ~ /^php-fpm/ { print $1 }' | head -n 1000); do
  [ -r "/proc/$pid/smaps_rollup" ] && set -- "$@" "/proc/$pid/status" "/proc/$pid/smaps_rollup"
done
[ $# -gt 0 ] && awk 'FNR==1 { split(FILENAME, f, "/") }
  /^(Pss|Private_Clean|Private_Dirty|VmHWM|RssAnon|RssFile|RssShmem):/ { print "m", f[3], $1, $2 }' "$@" 2>/dev/null
exit 0
