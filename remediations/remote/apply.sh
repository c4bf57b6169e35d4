# shellcheck shell=sh
# One run's changes on this host: all of them stand, or nothing. Sourced into the root shell of the run's own channel;
# the shell's end, for whatever reason, before `confirm` undoes everything. Speaks in lines `KEY VALUE`; free text is
# indented by "| ". State lives in this shell: `ops` (what was swapped), `acted` (which units were touched).

# Set by the control side before any function is called: run (the id), baseline (valid|invalid), nginx_log.
: "${run:?}" "${baseline:?}" "${nginx_log=}"

trap '' PIPE
state=idle ops='' acted='' made='' staged='' watchdog='' reloaded_manager=''
nl='
'

say() { printf '%s\n' "$*"; }
text() { while IFS= read -r line || [ -n "$line" ]; do printf '| %s\n' "$line"; done; }
hash_of() { sha256sum <"$1" 2>/dev/null | cut -c1-64; }
beside() { printf '%s/.%s.remediate-%s.%s' "${1%/*}" "${1##*/}" "$run" "$2"; }

refuse() { # before anything was swapped: leave no trace, say why
  drop_staged
  state=over
  say "refused $*"
  say "state refused"
}

drop_staged() {
  while IFS= read -r path; do [ -n "$path" ] && rm -f -- "$path"; done <<LIST
$staged
LIST
  drop_made
}

drop_made() { # folders that we made, innermost first
  while IFS= read -r path; do [ -n "$path" ] && rmdir -- "$path" 2>/dev/null; done <<LIST
$made
LIST
  made=
}

# --- files -----------------------------------------------------------------------------------------------------------

precheck() { # PATH SHA: is it what the plan was made for, and a file that a rename may replace?
  [ "$(readlink -m -- "$1")" = "$1" ] || { refuse "$1 is a link to somewhere else"; return 1; }
  if [ "$2" = absent ]; then
    [ ! -e "$1" ] || { refuse "$1 has come to exist since the plan"; return 1; }
    return 0
  fi
  [ -f "$1" ] || { refuse "$1 is gone or is not a regular file"; return 1; }
  [ "$(hash_of "$1")" = "$2" ] || { refuse "$1 changed since the plan"; return 1; }
  [ "$(stat -c %h -- "$1")" = 1 ] || { refuse "$1 has hard links; a rename would cut them"; return 1; }
  ! mountpoint -q -- "$1" 2>/dev/null || { refuse "$1 is a mount point"; return 1; }
  case $(lsattr -d -- "$1" 2>/dev/null | cut -d' ' -f1) in *i*) refuse "$1 is immutable (chattr +i)"; return 1 ;; esac
  return 0
}

stage() { # PATH OLD-SHA NEW-SHA, the new bytes as a payload on stdin: written beside the target, metadata cloned, read back
  new=$(beside "$1" new)
  if [ "$2" = absent ]; then
    make_folder "${1%/*}" || { refuse "cannot create the folder ${1%/*}"; return 1; }
    (umask 022; set -C; : >"$new") 2>/dev/null || { refuse "cannot write beside $1"; return 1; }
  else
    cp --attributes-only --preserve=all -- "$1" "$new" 2>/dev/null || { rm -f -- "$new"; refuse "cannot write beside $1"; return 1; }
  fi
  staged=$new$nl$staged
  decode >"$new" 2>/dev/null
  [ "$(hash_of "$new")" = "$3" ] || { refuse "cannot write $1 (is the disk full?)"; return 1; }
  sync -- "$new" 2>/dev/null || sync
}

make_folder() {
  [ -d "$1" ] && return 0
  make_folder "${1%/*}" && mkdir -m 755 -- "$1" && made=$1$nl$made
}

swap() { # PATH OLD-SHA NEW-SHA: by rename; what was there stays beside as a link until the run has ended
  ops="$2 $3 $1$nl$ops"
  new=$(beside "$1" new) orig=$(beside "$1" orig)
  if [ "$2" = absent ]; then
    ln -T -- "$new" "$1" || { say "failed cannot create $1"; return 1; }
    rm -f -- "$new"
  else
    ln -T -- "$1" "$orig" || { say "failed cannot keep the old $1"; return 1; }
    [ "$(hash_of "$orig")" = "$2" ] || { say "failed $1 changed at this moment"; return 1; }
    if [ "$3" = absent ]; then rm -f -- "$1"; else mv -T -- "$new" "$1"; fi || { say "failed cannot replace $1"; return 1; }
  fi
  sync -- "${1%/*}" 2>/dev/null || sync
  say "swapped $1"
}

holds() { # PATH SHA: is it in that state? (`absent` is one)
  if [ "$2" = absent ]; then [ ! -e "$1" ]; else [ "$(hash_of "$1")" = "$2" ]; fi
}

# --- units -----------------------------------------------------------------------------------------------------------

unit_is() { systemctl --no-pager show -p "$2" --value -- "$1" 2>/dev/null; }
workers() { ps -o pid=,args= --ppid "$1" 2>/dev/null | awk '/worker process/ && !/shutting down/ { print $1 }'; }
size_of() { stat -L -c %s -- "$1" 2>/dev/null || echo 0; }

act() { # UNIT ACTION PID LOG: PID and LOG are nginx's master and error log, or the daemon to signal, or empty
  unit=$1 action=$2 pid=$3 log=$4
  if [ "$action" = daemon-reload ]; then
    timeout 60 systemctl --no-ask-password daemon-reload 2>&1 | text
    reloaded_manager=1; say "acted daemon-reload"; return 0
  fi
  was=; [ -n "$unit" ] && was=$(unit_is "$unit" ActiveState)
  acted="$action ${was:-none} ${pid:-0} $unit$nl$acted"
  [ -z "$unit" ] || [ -z "$log" ] || pid=$(unit_is "$unit" MainPID)
  before=; [ -n "$pid" ] && before=$(workers "$pid")
  mark=$(size_of "$log")
  case $was in failed) systemctl --no-ask-password reset-failed -- "$unit" 2>&1 | text ;; esac
  answer=$(order "$unit" "$action" "$pid" 2>&1); code=$?
  [ -z "$answer" ] || printf '%s\n' "$answer" | text
  [ $code = 0 ] || { say "failed $action ${unit:-pid $pid}: exit code $code"; return 1; }
  if [ "$action" = reload ] && [ -n "$log" ]; then took "$pid" "$before" "$mark" "$log" || return 1; fi
  say "acted $action ${unit:-pid $pid}"
}

order() { # the command itself; without systemd a signal to the daemon
  if [ -n "$1" ]; then timeout 90 systemctl --no-ask-password "$2" -- "$1" && return 0
    code=$?; [ $code = 124 ] && echo "no answer from systemctl within 90 s"; return $code
  fi
  case $(ps -o comm= -p "$3") in
    nginx) kill -HUP "$3" ;;
    php-fpm*) kill -USR2 "$3" ;;
    *) echo "pid $3 is neither nginx nor php-fpm"; return 1 ;;
  esac
}

took() { # MASTER OLD-WORKERS LOG-SIZE LOG: nginx's reload returns 0 even where it keeps the old configuration
  tries=0
  while [ $tries -lt 50 ]; do
    now=$(workers "$1") fresh='' old=''
    for worker in $now; do case " $(echo "$2" | tr '\n' ' ') " in *" $worker "*) old=1 ;; *) fresh=1 ;; esac; done
    [ -n "$fresh" ] && [ -z "$old" ] && break
    tail -c "+$(($3 + 1))" -- "$4" 2>/dev/null | grep -q '\[emerg\]' && break
    sleep 0.1; tries=$((tries + 1))
  done
  emerg=$(tail -c "+$(($3 + 1))" -- "$4" 2>/dev/null | grep '\[emerg\]')
  [ -z "$emerg" ] || { printf '%s\n' "$emerg" | text; say "failed the reload did not take: nginx kept the old configuration"; return 1; }
  [ -n "$fresh" ] || old=1
  [ -z "$old" ] || { say "failed the reload did not take: no new workers within 5 s"; return 1; }
}

settle() { # SECONDS UNIT...: still the same process, restarted by nobody?
  seconds=$1; shift
  seen=
  for unit; do seen="$seen$unit $(steady "$unit")$nl"; done
  [ $# -gt 0 ] && sleep "$seconds"
  for unit; do
    case $nl$seen in *"$nl$unit $(steady "$unit")$nl"*) ;; *) say "failed $unit did not stay up: $(steady "$unit")"; return 1 ;; esac
    [ "$(unit_is "$unit" ActiveState)" = active ] || { say "failed $unit is $(unit_is "$unit" ActiveState)"; return 1; }
  done
}

steady() { printf '%s pid %s restarts %s' "$(unit_is "$1" ActiveState)" "$(unit_is "$1" MainPID)" "$(unit_is "$1" NRestarts)"; }

# --- the end ---------------------------------------------------------------------------------------------------------

await() { # SECONDS: all is swapped and acted; undone by itself unless `confirm` comes in time
  state=await
  (
    trap - EXIT; exec </dev/null >/dev/null 2>&1
    left=$1; while [ "$left" -gt 0 ]; do sleep 1; left=$((left - 1)); done
    undo
  ) &
  watchdog=$!
  say "state await"
}

stop_watchdog() { [ -z "$watchdog" ] || kill "$watchdog" 2>/dev/null; watchdog=; }

confirm() {
  stop_watchdog
  while read -r _ _ path; do [ -n "$path" ] && rm -f -- "$(beside "$path" orig)"; done <<LIST
$ops
LIST
  state=over
  say "state committed"
}

undo() { # look at all files first: where somebody else has written since, touch nothing
  case $state in idle | over) return 0 ;; esac
  stop_watchdog
  state=over foreign=
  while read -r old new path; do
    [ -z "$path" ] || holds "$path" "$old" || holds "$path" "$new" || foreign="$foreign $path"
  done <<LIST
$ops
LIST
  if [ -n "$foreign" ]; then
    say "failed somebody else changed$foreign meanwhile; nothing was put back, the old content lies beside as .NAME.remediate-$run.orig"
    say "state needs_human"; return 1
  fi
  bad=
  while read -r old new path; do
    [ -n "$path" ] || continue
    orig=$(beside "$path" orig)
    if holds "$path" "$old"; then rm -f -- "$orig"
    elif [ "$old" = absent ]; then rm -f -- "$path"
    else mv -T -- "$orig" "$path"; fi
    holds "$path" "$old" || bad=1
    sync -- "${path%/*}" 2>/dev/null || sync
    say "restored $path"
  done <<LIST
$ops
LIST
  drop_staged
  [ -z "$reloaded_manager" ] || timeout 60 systemctl --no-ask-password daemon-reload 2>&1 | text
  [ -z "$bad" ] || { say "failed not every file could be put back"; say "state needs_human"; return 1; }
  [ -z "$ops" ] || revive || { say "state needs_human"; return 1; }
  say "state rolled_back"
}

revive() { # the daemons that took the new configuration take the old one again; what was down before is not stopped
  worst=0
  while read -r action was pid unit; do
    [ -n "$action" ] || continue
    [ "$pid" = 0 ] && pid=
    if [ -n "$unit" ]; then
      case $(unit_is "$unit" ActiveState) in
        active) [ "$baseline" = valid ] || { say "left $unit as it is: the old configuration does not validate"; continue; }
          again=reload; [ "$(unit_is "$unit" CanReload)" = yes ] || again=restart ;;
        *) [ "$was" = active ] || continue; again=restart; systemctl --no-ask-password reset-failed -- "$unit" 2>/dev/null ;;
      esac
    else again=reload; fi
    log=; case $unit:$(ps -o comm= -p "${pid:-1}") in *:nginx) log=$nginx_log ;; esac
    act "$unit" "$again" "$pid" "$log" || worst=1
  done <<LIST
$acted
LIST
  return $worst
}

trap 'undo' EXIT
trap 'exit 1' HUP TERM INT
