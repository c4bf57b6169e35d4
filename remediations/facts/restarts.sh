# shellcheck shell=sh
# What the toolkit has started or restarted here; where nobody has used it there is nothing. Only root may read it. The
# file is cut to its last 500 lines when it grows (remote/units.sh), so that is what can be counted on.

home=/var/lib/remediate
[ -e "$home" ] || exit 0
[ -x "$home" ] || { echo "$home may not be read by this user"; exit 3; }
[ -e "$home/restarts" ] || exit 0
[ -f "$home/restarts" ] || { echo "$home/restarts is not a file"; exit 3; }
[ -r "$home/restarts" ] || { echo "$home/restarts may not be read by this user"; exit 3; }
exec tail -n 500 "$home/restarts"
