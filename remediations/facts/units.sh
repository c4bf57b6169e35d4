# shellcheck shell=sh
# shellcheck disable=SC2086,SC2046 # lists are split at newlines, on purpose
# Services and sockets: loaded ones, enabled ones (template instances too: only the links know them), and the usual web units even
# where nothing has loaded them yet. systemd's own are noise unless a run names them; it asks for those by name. A second
# look after a second is taken only where the first is suspicious. LEFT_OUT comes first where there are more than MAX_UNITS,
# then DANGLING, a line each, for links that lead nowhere.

[ -d /run/systemd/system ] || { echo 'systemd is not running on this host'; exit 3; }
show() { systemctl --no-pager --no-ask-password show -p "$PROPERTIES" -- "$@" 2>/dev/null; }
names=$({
  systemctl --no-pager --no-ask-password list-units --all --plain --no-legend --type=service,socket | sed 's/^[^A-Za-z0-9]*//; s/ .*//'
  systemctl --no-pager --no-ask-password list-unit-files --no-legend 'nginx.service' 'apache2.service' 'httpd.service' \
    'php*fpm*.service' | sed 's/ .*//' | grep -v '@\.service'
  for link in /etc/systemd/system/*.wants/*.service; do [ -L "$link" ] && echo "${link##*/}"; done
} | grep -v -e '^systemd-' -e '^getty@' -e '^user@' -e '^user-runtime-dir@' | sort -u)
[ -n "$names" ] || { echo 'systemctl listed no unit'; exit 3; }
count=$(printf '%s\n' "$names" | wc -l)
if [ "$count" -gt "$MAX_UNITS" ]; then
  names=$(printf '%s\n' "$names" | head -n "$MAX_UNITS")
  printf 'LEFT_OUT=%d\n\n' "$((count - MAX_UNITS))"
fi
dangling=$(for link in /etc/systemd/system/*.wants/*.service; do [ ! -L "$link" ] || [ -e "$link" ] || echo "${link##*/}"; done)
[ -z "$dangling" ] || { printf '%s\n' "$dangling" | sort -u | head -n 100 | sed 's/^/DANGLING=/'; echo; }
IFS='
'
shown=$(show $names) || { echo 'systemctl does not answer'; exit 3; }
printf '%s\n' "$shown"
if printf '%s\n' "$shown" | awk -F= -v up="$(cut -d. -f1 /proc/uptime)" '
     $0=="SubState=auto-restart" { hit=1 }
     $1=="NRestarts" { n=$2 } $1=="ExecMainStartTimestampMonotonic" { t=$2/1000000 }
     /^$/ { if (n>0 && up-t<20) hit=1; n=0; t=0 } END { if (n>0 && up-t<20) hit=1; exit !hit }'
then
  sleep 1
  echo; echo SECOND=1; echo
  systemctl --no-pager --no-ask-password show -p Id,NRestarts -- $names 2>/dev/null
fi
exit 0
