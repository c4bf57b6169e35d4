# shellcheck shell=sh
# The ends of logs, the last written first: FLAG SIZE PATH, then SIZE bytes.
# Flags: `.` all of it, `+` its end, `c` nothing since there was no room left, `o` nothing since it is old and there are
# many, `-` no file, `?` may not be read. Before them `h 0 PATH OPEN` where PATH is deleted and its writer holds it as OPEN.

# What its writer holds open though it is deleted, and what was written lately and then renamed, belong to the log.
held() { # PID...
  for pid; do
    # shellcheck disable=SC2012  # -l tells where each leads, by one process for all
    ls -l "/proc/$pid/fd" 2>/dev/null | sed -n "s|.* \([0-9][0-9]*\) -> \(/.*\) (deleted)\$|/proc/$pid/fd/\1 \2|p"
  done
}

tails() { # PATH...
  # shellcheck disable=SC2086  # a word a pid
  open=$(held $PIDS)
  count=$# end='
'
  every=$end folders=$end
  for path; do every=$every$path$end; done
  # Of each folder once: what logrotate has renamed there.
  for path; do
    folder=${path%/*}
    case $folders in *"$end$folder$end"*) continue ;; esac
    folders=$folders$folder$end
    for old in "$folder"/*.1 "$folder"/*-[0-9]*[0-9]; do
      case $every in *"$end$old$end"*) continue ;; *"$end${old%.1}$end"* | *"$end${old%-*}$end"*) set -- "$@" "$old" ;; esac
    done
  done
  while read -r fd was; do
    case $every in *"$end$was$end"*) ;; *"$end${was%.1}$end"*) was=${was%.1} ;; *) continue ;; esac
    set -- "$@" "$fd"; echo "h 0 $was $fd" >&3
  done <<LIST
$open
LIST
  for path; do
    count=$((count - 1))
    if [ -f "$path" ]; then [ -r "$path" ] || { [ $count -lt 0 ] || echo "? 0 $path"; }
    else echo "- 0 $path"; fi
  done >&3
  now=$(date +%s); left=$MAX_ALL; number=0
  stat -L -c '%Y %s %n' -- "$@" 2>/dev/null | sort -rn | uniq | while read -r time size path; do
    if ! [ -f "$path" ] || ! [ -r "$path" ]; then continue; fi
    number=$((number + 1)); age=$((now - time)); keep=$MAX_LOG; flag=+
    [ "$size" -le "$keep" ] && { keep=$size; flag=.; }
    [ "$keep" -gt "$left" ] && { keep=0; flag=c; }
    if [ "$age" -gt "$RECENT" ]; then
      case $every in *"$end$path$end"*) ;; *) continue ;; esac
      [ "$number" -gt "$MANY" ] && { keep=0; flag=o; }
    elif [ "$number" -gt "$MANY" ]; then keep=0; flag=c; fi
    left=$((left - keep))
    echo "$flag $keep $path"
    [ "$keep" = 0 ] || tail -c "$keep" -- "$path" | head -c "$keep"
  done
}
exec 3>&1
