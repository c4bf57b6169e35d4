# shellcheck shell=sh
# shellcheck disable=SC2086,SC2046 # lists are split at newlines, on purpose
# The running master's own executable and -c win over what systemd would start, that over what PATH offers; a master in
# another root (a container's) is not ours. The shell only guesses at includes, generously: the lexer decides, and asks again for what the guess missed.

master=
for pid in $(ps -eo pid=,args= | awk '/nginx: master process/ && !/awk/ { print $1 }'); do
  [ "$(stat -L -c %d:%i "/proc/$pid/root/")" = "$(stat -c %d:%i /)" ] && { master=$pid; break; }
done
bin=
if [ -n "$master" ]; then
  command=$(ps -o args= -p "$master")
else
  command=$(starters 'nginx|openresty' | head -n 1); command=${command#* }; bin=${command%% *}
fi
[ -n "$master" ] && { bin=$(readlink "/proc/$master/exe"); bin=${bin%" (deleted)"}; }
[ -x "$bin" ] || bin=$(command -v nginx) || { echo absent; exit 0; }
built=$("$bin" -V 2>&1) || { echo "$bin -V fails"; exit 3; }
option() { printf '%s\n' "$built" | tr ' ' '\n' | sed -n "s/^--$1=//p" | tail -n 1; }
given() { printf '%s\n' "$command" | sed -n "s/.* -$1 \([^ ]*\).*/\1/p"; }
prefix=$(given p); prefix=${prefix:-$(option prefix)}; prefix=${prefix:-/usr/local/nginx}
conf=$(given c); conf=${conf:-$(option conf-path)}; conf=${conf:-conf/nginx.conf}
case $conf in /*) ;; *) conf=${prefix%/}/$conf ;; esac
echo "binary $bin"
echo "built $(printf '%s\n' "$built" | tr '\n' ' ')"
echo "main $conf"
echo "prefix $prefix"
echo "master $master"
nl='
'
todo=$conf; seen=$nl; round=0; IFS=$nl
while [ -n "$todo" ] && [ $round -lt 12 ]; do
  round=$((round + 1)); new=
  for file in $todo; do
    case $seen in *"$nl$file$nl"*) ;; *) [ -f "$file" ] && { seen=$seen$file$nl; new=$new$file$nl; } ;; esac
  done
  [ -n "$new" ] || break
  set -f; set -- $new; set +f
  todo=
  set -f # the pattern itself is wanted, not what it matches
  # shellcheck disable=SC2013 # IFS is a newline here
  for pattern in $(sed -n 's/#.*//; s/.*include[[:space:]]\{1,\}["'"'"']\{0,1\}\([^;"'"'"']*\).*/\1/p' -- "$@"); do
    set +f
    case $pattern in /*) ;; *) pattern=${conf%/*}/$pattern ;; esac
    echo "listed $pattern"
    for file in $pattern; do todo=$todo$file$nl; done
  done
  set +f
done
set -f; set -- $seen; set +f
emit_files "$@"
