# shellcheck shell=sh
# One run's changes on this host: all of them stand, or nothing. Sourced into the root shell of the run's own channel;
# the shell's end, for whatever reason, before `confirm` undoes everything. Speaks in lines `KEY VALUE`; free text is
# indented by "| ". Lists are lines in variables: `ops` (OLD-SHA NEW-SHA PATH, the last swapped first), `acted` (which
# units were touched, the last first), `staged` and `made` (files and folders of ours), `stay` (who must stay up).

# Set by the control side before any function is called: run (the id), baseline (valid|invalid), settle_for (seconds),
# nginx_log and nginx_pid_file (empty where there is none), emptied (folders to remove after a commit where empty).
: "${run:?}" "${baseline:?}" "${settle_for:?}" "${nginx_log=}" "${nginx_pid_file=}" "${emptied=}"

trap '' PIPE
state=checking ended='' ops='' acted='' made='' staged='' stay='' watchdog='' manager=''
nl='
'

say() { printf '%s\n' "$*" 2>/dev/null || :; } # nobody may be listening any more
text() { while IFS= read -r line || [ -n "$line" ]; do printf '| %s\n' "$line"; done; }
hash_of() { sha256sum <"$1" 2>/dev/null | cut -c1-64; }
beside() { printf '%s/.%s.remediate-%s.%s' "${1%/*}" "${1##*/}" "$run" "$2"; }
inode_of() { stat -c %d:%i -- "$1" 2>/dev/null; }

end() { # STATE: the one place where a transaction ends
  state=over ended=$1
  say "state $1"
  exec 9>&-
}

refuse() { # before anything was swapped: leave no trace, say why
  drop_staged
  say "refused $*"
  end refused
}

lock() { # one writer a host; the kernel lets go of the lock however we end
  command -v flock >/dev/null 2>&1 && { : >>/run/remediate.lock; } 2>/dev/null || return 0
  exec 9>>/run/remediate.lock
  flock -n 9 || { say "refused another run is changing this host"; end locked; return 1; }
}

drop_staged() { # and the folders that we made for them
  while IFS= read -r path; do [ -z "$path" ] || rm -f -- "$path"; done <<LIST
$staged
LIST
  drop_empty "$made"
}

drop_empty() { # FOLDERS, innermost first
  while IFS= read -r path; do [ -z "$path" ] || rmdir -- "$path" 2>/dev/null; done <<LIST
$1
LIST
}

# --- files -----------------------------------------------------------------------------------------------------------

precheck() { # PATH SHA: is it what the plan was made for, and a file that a rename may replace?
  why=$(if [ "$2" = absent ]; then against_creating "$1"; else against_replacing "$1" "$2"; fi)
  [ -z "$why" ] || { refuse "$1 $why"; return 1; }
}

against_creating() { # PATH
  if [ -e "$1" ] || [ -L "$1" ]; then echo 'has come to exist since the plan'; return; fi
  above=${1%/*}
  while [ -n "$above" ] && [ ! -e "$above" ] && [ ! -L "$above" ]; do above=${above%/*}; done
  [ -d "$above/" ] || echo "cannot be created: $above is not a folder"
  [ "$(readlink -f -- "$above/")" = "${above:-/}" ] || echo "cannot be created: $above leads to somewhere else"
}

against_replacing() { # PATH SHA
  [ -e "$1" ] || [ -L "$1" ] || { echo 'is gone since the plan'; return; }
  [ "$(readlink -f -- "$1")" = "$1" ] || { echo 'is a link to somewhere else'; return; }
  [ -f "$1" ] || { echo 'is not a regular file'; return; }
  [ "$(hash_of "$1")" = "$2" ] || { echo 'changed since the plan'; return; }
  [ "$(stat -c %h -- "$1")" = 1 ] || { echo 'has hard links; a rename would cut them'; return; }
  point=$(printf '%s' "$1" | sed 's/ /\\040/g')
  ! cut -d ' ' -f 5 /proc/self/mountinfo | grep -qxF -e "$point" || { echo 'is a mount point'; return; }
  case $(lsattr -d -- "$1" 2>/dev/null | cut -d ' ' -f 1) in *[ia]*) echo 'is immutable (see lsattr)'; return ;; esac
  [ -z "$(getcap "$1" 2>/dev/null)" ] || echo 'has file capabilities; a copy would lose them'
}

stage() { # PATH OLD-SHA NEW-SHA MODE OWNER, the new bytes as a payload on stdin: written beside it, metadata cloned
  new=$(beside "$1" new)
  make_folder "${1%/*}" || { refuse "$1 cannot be created: no folder ${1%/*}"; return 1; }
  staged=$new$nl$staged
  (set -C; umask 077; : >"$new") 2>/dev/null || { refuse "$1 cannot be written: nothing can be created beside it"; return 1; }
  [ "$2" = absent ] || why=$(cp --attributes-only --preserve=all -- "$1" "$new" 2>&1) ||
    { printf '%s\n' "$why" | text; refuse "$1 cannot be written: its owner and mode cannot be copied"; return 1; }
  why=$({ decode >"$new"; } 2>&1)
  [ "$2" != absent ] || { chown "$5" -- "$new" && chmod "$4" -- "$new"; } || { refuse "$1 cannot be given to $5"; return 1; }
  [ "$(hash_of "$new")" = "$3" ] || { printf '%s\n' "$why" | text; refuse "$1 cannot be written"; return 1; }
  flush "$new"
}

make_folder() {
  [ -d "$1/" ] && return 0
  make_folder "${1%/*}" || return 1
  made=$1$nl$made
  mkdir -m 755 -- "$1" && say "made $1"
}

flush() { sync -- "$1" 2>/dev/null || sync; }

swap() { # PATH OLD-SHA NEW-SHA: by rename; what was there stays beside as a link until the run has ended
  new=$(beside "$1" new) orig=$(beside "$1" orig)
  ops="$2 $3 $1$nl$ops"
  if [ "$2" = absent ]; then
    ln -T -- "$new" "$1" || { say "failed $1 cannot be created"; return 1; }
    rm -f -- "$new"
  else
    ln -T -- "$1" "$orig" || { say "failed the old $1 cannot be kept beside it"; return 1; }
    [ "$(hash_of "$orig")" = "$2" ] || { rm -f -- "$orig"; say "failed $1 changed at this moment"; return 1; }
    if [ "$3" = absent ]; then rm -f -- "$1"; else mv -T -- "$new" "$1"; fi || { say "failed $1 cannot be replaced"; return 1; }
    [ "$(hash_of "$orig")" = "$2" ] || { mv -T -- "$orig" "$1"; say "failed $1 changed at this moment"; return 1; }
  fi
  flush "${1%/*}"
  say "swapped $1"
}

holds() { # PATH SHA: is it in that state? (`absent` is one)
  if [ "$2" = absent ]; then [ ! -e "$1" ] && [ ! -L "$1" ]; else [ -f "$1" ] && [ ! -L "$1" ] && [ "$(hash_of "$1")" = "$2" ]; fi
}

came_in() { # PATH OLD-SHA: has our swap taken place? What lies beside tells.
  if [ "$2" = absent ]; then
    [ ! -e "$(beside "$1" new)" ] || [ "$(inode_of "$(beside "$1" new)")" = "$(inode_of "$1")" ]
  else
    [ -f "$(beside "$1" orig)" ] && [ "$(inode_of "$(beside "$1" orig)")" != "$(inode_of "$1")" ]
  fi
}

foreign() { # the paths that we swapped and that are neither old nor new now: somebody else has written since
  while read -r old new path; do
    [ -z "$path" ] || ! came_in "$path" "$old" || holds "$path" "$old" || holds "$path" "$new" || printf ' %s' "$path"
  done <<LIST
$ops
LIST
}

put_back() { # every file, the last swapped first; says no where one could not be
  bad=0
  while read -r old new path; do
    [ -n "$path" ] || continue
    orig=$(beside "$path" orig)
    if ! came_in "$path" "$old"; then rm -f -- "$orig"; continue; fi
    if [ "$old" = absent ]; then rm -f -- "$path"; else mv -T -- "$orig" "$path"; fi
    if holds "$path" "$old"; then say "restored $path"; else bad=1; fi
    flush "${path%/*}"
  done <<LIST
$ops
LIST
  drop_staged
  return $bad
}

# --- validators, where the plan could not be proven in private ------------------------------------------------------------

look_before() { # what `validators` (the plan's own) hold against the live files; `faults` is that, to compare with
  faults=$(validators) || baseline=invalid
}

look_after() { # before anything is reloaded: no fault that was not there before, and none that forbids a reload
  now=$(validators) && fatal='' || fatal=1
  fresh=$(printf '%s\n' "$now" | grep -vxF -e "$faults")
  [ -n "$fatal$fresh" ] || return 0
  printf '%s\n' "${fresh:-$now}" | text
  say 'failed the live configuration does not validate'
  return 1
}

validate() { # NAME exit|text PATTERN COMMAND...: prints what it finds wrong; fails where its exit code does
  name=$1 by=$2 pattern=$3; shift 3
  [ -e "$nginx_pid_file" ] && held=1 || held=''
  said=$(umask 022; timeout 20 "$@" </dev/null 2>&1); code=$?
  if [ -z "$held" ] && [ -f "$nginx_pid_file" ] && [ ! -s "$nginx_pid_file" ]; then rm -f -- "$nginx_pid_file"; fi
  said=$(printf '%s\n' "$said" | sed -e 's/^\[[^]]*\] //' -e 's|^[0-9/]* [0-9:]* \(\[[a-z]*\]\) [0-9#]*:|\1|' -e '/^$/d') # clocks and pids
  case $by in
    text) code=0 said=$(printf '%s\n' "$said" | grep -F -e "$pattern") ;;
    exit) [ $code != 0 ] || said=$([ -z "$pattern" ] || printf '%s\n' "$said" | grep -iE -e "$pattern") ;;
  esac
  [ -z "$said" ] || printf '%s\n' "$said" | sed "s|^|$name: |"
  return $code
}

# --- units -----------------------------------------------------------------------------------------------------------

unit_is() { systemctl --no-pager show -p "$2" --value -- "$1" 2>/dev/null; }
workers() { ps -o pid=,args= --ppid "$1" 2>/dev/null | awk '/worker process/ && !/shutting down/ { print $1 }'; }
size_of() { stat -L -c %s -- "$1" 2>/dev/null || echo 0; }

steady() { printf '%s pid %s restarts %s' "$(unit_is "$1" ActiveState)" "$(unit_is "$1" MainPID)" "$(unit_is "$1" NRestarts)"; }

daemon() { # PID TITLE: the pid of the daemon with this title, where there is no unit; PHP-FPM takes a new one at a reload
  [ "$(ps -o args= -p "$1")" != "$2" ] || { echo "$1"; return; }
  ps -eo pid=,args= | while read -r other title; do [ "$title" != "$2" ] || echo "$other"; done | head -n 1
}

reload_manager() {
  manager=touched
  answer=$(timeout 60 systemctl --no-ask-password daemon-reload 2>&1); code=$?
  [ -z "$answer" ] || printf '%s\n' "$answer" | text
  [ $code = 0 ] || { say "failed daemon-reload: exit code $code"; return 1; }
  say "acted daemon-reload"
}

expect() { # UNIT PROPERTY VALUE: what systemd has made of the new files
  got=$(unit_is "$1" "$2")
  [ "$got" = "$3" ] || { say "failed $1: $2 is ${got:-empty}, not $3"; return 1; }
}

act() { # UNIT ACTION PID KIND TITLE: without a unit the daemon's pid and title; KIND is nginx or empty
  unit=$1 action=$2 pid=$3 kind=$4 title=$5 was=none served=''
  if [ -n "$unit" ]; then was=$(unit_is "$unit" ActiveState); else pid=$(daemon "$pid" "$title"); fi
  acted="$action $was ${pid:-0} ${kind:-other} ${unit:--} $title$nl$acted"
  [ -z "$unit" ] || { pid=$(unit_is "$unit" MainPID); served=$(steady "$unit"); }
  before=$(workers "${pid:-0}") mark=$(size_of "$nginx_log")
  case $was in failed) systemctl --no-ask-password reset-failed -- "$unit" 2>&1 | text ;; esac
  answer=$(order "$unit" "$action" "$pid" 2>&1 </dev/null); code=$?
  [ -z "$answer" ] || printf '%s\n' "$answer" | text
  [ $code = 0 ] || { say "failed $action ${unit:-$title}: exit code $code"; return 1; }
  case ${unit:+unit}:$action:$kind in
    *:reload:nginx) took "$pid" "$before" "$mark" || return 1 ;;
    :reload:*) came_back "$pid" "$title" ;;
    unit:reload:*) ;;
    *) served=$(steady "$unit") ;;
  esac
  stay="${unit:--} ${pid:-0} ${served:-$title}$nl$stay"
  say "acted $action ${unit:-pid $pid}"
}

order() { # UNIT ACTION PID: the command itself; without systemd a signal to the daemon
  if [ -n "$1" ]; then
    timeout 90 systemctl --no-ask-password "$2" -- "$1"; code=$?
    [ $code != 124 ] || echo "no answer from systemctl within 90 s"
    return $code
  fi
  case $2:$(ps -o comm= -p "$3") in
    reload:nginx) kill -HUP "$3" ;;
    reload:php-fpm*) kill -USR2 "$3" ;;
    reload:*) echo "pid $3 is neither nginx nor php-fpm"; return 1 ;;
    *) echo "without systemd nothing can be told to $2"; return 1 ;;
  esac
}

took() { # MASTER OLD-WORKERS LOG-SIZE: nginx's reload returns 0 even where it keeps the old configuration
  tries=0
  while [ $tries -lt 100 ]; do
    fresh='' old=''
    for worker in $(workers "$1"); do case $nl$2$nl in *"$nl$worker$nl"*) old=1 ;; *) fresh=1 ;; esac; done
    [ -n "$fresh" ] && [ -z "$old" ] && return 0
    complaints "$3" | grep -q . && { quiet; break; }
    sleep 0.1; tries=$((tries + 1))
  done
  complaints "$3" | text
  say "failed the reload did not take: nginx kept the old configuration"
  return 1
}

came_back() { # PID TITLE: PHP-FPM is away for a moment while it reads its files again
  tries=0
  while [ $tries -lt 30 ]; do
    case $(daemon "$1" "$2") in '' | "$1") sleep 0.1; tries=$((tries + 1)) ;; *) return ;; esac
  done
}

complaints() { [ -z "$nginx_log" ] || tail -c "+$(($1 + 1))" -- "$nginx_log" 2>/dev/null | grep '\[emerg\]'; }

quiet() { # nginx tries to bind five times, 0.5 s apart, before it gives up: only then may it be asked again
  size=
  while [ "$size" != "$(size_of "$nginx_log")" ]; do size=$(size_of "$nginx_log"); sleep 0.8; done
}

settle() { # the same processes, restarted by nobody?
  [ -z "$stay" ] || sleep "$settle_for"
  while read -r unit pid was; do
    case $unit in
      '') continue ;;
      -) [ -n "$(daemon "$pid" "$was")" ] || { say "failed $was is gone"; return 1; }; continue ;;
    esac
    now=$(steady "$unit")
    [ "$now" = "$was" ] || { say "failed $unit did not stay up: it was $was and is $now"; return 1; }
    case $now in active*) ;; *) say "failed $unit is not up: $now"; return 1 ;; esac
  done <<LIST
$stay
LIST
}

revive() { # the daemons that took the new configuration take the old one again; what was down before is never stopped
  again=$acted acted='' stay='' worst=0
  while read -r action was pid kind unit title; do
    [ -n "$action" ] || continue
    [ "$kind" = nginx ] || kind=
    [ "$unit" != - ] || unit=
    how=$(way_back "$unit" "$action" "$was")
    [ -z "$how" ] || act "$unit" "$how" "$pid" "$kind" "$title" || worst=1
  done <<LIST
$again
LIST
  settle || worst=1
  return $worst
}

way_back() { # UNIT ACTION WAS: reload, restart, or nothing
  [ -n "$1" ] || { [ -z "$ops" ] || [ "$baseline" = invalid ] || echo reload; return; }
  if [ "$(unit_is "$1" ActiveState)" != active ]; then
    [ "$3" != active ] || echo restart
  elif [ -n "$ops" ] && [ "$baseline" = valid ]; then
    case $2:$3:$(unit_is "$1" CanReload) in restart:active:* | *:active:no) echo restart ;; *:yes) echo reload ;; esac
  fi
}

# --- the end ---------------------------------------------------------------------------------------------------------

await() { # SECONDS: all is swapped and acted; undone by itself unless `confirm` comes in time
  state=await
  trap '' HUP TERM INT # bash: a TERM right after the fork would run our own traps in the child, which would undo
  (
    trap - EXIT HUP TERM INT
    exec </dev/null >/dev/null 2>&1
    left=$1
    while [ "$left" -gt 0 ]; do sleep 1 9>&-; left=$((left - 1)); done
    undo
    case $ended in rolled_back) exit 10 ;; *) exit 11 ;; esac
  ) &
  watchdog=$!
  trap 'exit 1' HUP TERM INT
  say "state await"
}

still_ours() { # stops the watchdog; says no where it was faster, once it has finished
  [ -n "$watchdog" ] || return 0
  (while kill "$watchdog" 2>/dev/null; do sleep 0.1; done) 9>&- & # again: dash loses a signal that comes right after the fork
  wait "$watchdog" 2>/dev/null; code=$?
  watchdog=
  case $code in
    10) say "failed nobody confirmed in time"; end rolled_back; return 1 ;;
    11) say "failed nobody confirmed in time, and not everything could be put back"; end needs_human; return 1 ;;
  esac
}

confirm() { # the one point at which the changes become final
  case $state in open | await) ;; *) say "state ${ended:-refused}"; return 0 ;; esac
  still_ours || return 0
  others=$(foreign)
  [ -z "$others" ] || { undo; return 0; }
  state=over
  while read -r _ _ path; do [ -z "$path" ] || rm -f -- "$(beside "$path" orig)"; done <<LIST
$ops
LIST
  drop_empty "$emptied"
  end committed
}

undo() { # look at all files first: where somebody else has written since, touch nothing
  case $state in over) return 0 ;; checking) state=over; drop_staged; return 0 ;; esac
  still_ours || return 0
  trap '' HUP TERM INT # half an undo is worse than a late end
  state=over
  others=$(foreign)
  if [ -n "$others" ]; then
    say "failed somebody else changed$others meanwhile; nothing was put back, the old content lies beside as .NAME.remediate-$run.orig"
    drop_staged; end needs_human; return 1
  fi
  put_back || { say "failed not every file could be put back"; end needs_human; return 1; }
  if [ -n "$manager" ]; then reload_manager || { end needs_human; return 1; }; fi
  revive || { say "failed the files are back, but not every daemon runs as before"; end needs_human; return 1; }
  end rolled_back
}

trap 'undo' EXIT
trap 'exit 1' HUP TERM INT
