# shellcheck shell=sh
# What the processes in WORKERS do: two looks at each, a moment apart, and whom they are connected to in between. A group
# of MAYBE (its pids joined by commas) is looked at only where none of it waits for a request: that is seen at once.

for group in $MAYBE; do
  pids=$(echo "$group" | tr , ' '); waits=
  for pid in $pids; do waits="$waits /proc/$pid/wchan"; done
  # shellcheck disable=SC2086 # a list
  cat $waits 2>/dev/null | grep -q -e skb_wait -e skb_recv -e accept -e '^0*$' || WORKERS="$WORKERS $pids"
done
[ -n "$WORKERS" ] || { echo idle; exit 0; }
looked=
for pid in $WORKERS; do looked="$looked /proc/$pid/stat /proc/$pid/status /proc/$pid/wchan"; done
look() {
  echo "t $(cut -d' ' -f1 /proc/uptime)"
  # shellcheck disable=SC2086 # a list; a process that has ended meanwhile takes its files away, and only its own
  grep -H -E '^[0-9]+ \(|^voluntary_ctxt|^[a-z_0-9]+$' $looked 2>/dev/null |
    sed -n 's|^/proc/\([0-9]*\)/\([a-z]*\):\(.*\)|p \1 \2 \3|p'
}
look
{ sleep 0.4 || sleep 1; } 2>/dev/null
look
command -v ss >/dev/null 2>&1 || exit 0
# Of a unix socket only the listening side has a name: who is at the other end is told by the numbers of both.
ss -Hxnp 2>/dev/null | awk '
  $2 == "ESTAB" { name[$6] = $5; if (/"php-fpm/) { peer[$6] = $8; users[$6] = $0; sub(/.*users:/, "", users[$6]) } }
  END { for (i in peer) { if (n++ < 4000) print "u", name[i], (peer[i] in name ? name[peer[i]] : "*"), users[i] } }'
ss -Htnp state established 2>/dev/null | grep '"php-fpm' | head -n 4000 | sed 's/^ *[0-9]* *[0-9]* */c /'
exit 0
