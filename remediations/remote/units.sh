# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # what one part sets another one uses: they are joined into one program
# Validators and units: the live files are judged before anything is reloaded, a reload is believed when its new workers
# answer, a start when the unit stays up, and nobody restarts a unit for ever.

# --- validators ------------------------------------------------------------------------------------------------------

validators() { # [exit]: prints what each holds against the live files; no where one fails whose exit code counts
  bad=0 name='' by='' pattern='' only=${1:-}
  set --
  while IFS= read -r line; do
    case $line in
      'name '*) name=${line#name } by='' pattern=''; set -- ;;
      'by '*) by=${line#by } ;;
      'pattern '*) pattern=$pattern${pattern:+$nl}${line#pattern } ;;
      'word '*) set -- "$@" "${line#word }" ;;
      '') [ -n "$only" ] && [ "$by" != "$only" ] || validate "$@" || bad=1 ;;
    esac
  done <validators
  return $bad
}

validate() { # WORD...: judged by its exit code or by lines of its text; clocks and pids are left out
  [ -n "$nginx_pid_file" ] && [ -e "$nginx_pid_file" ] && held=1 || held=''
  said=$(umask 022; timeout 20 "$@" </dev/null 2>&1 9>&-); code=$?
  if [ -z "$held" ] && [ -f "$nginx_pid_file" ] && [ ! -s "$nginx_pid_file" ]; then rm -f -- "$nginx_pid_file"; fi
  said=$(printf '%s\n' "$said" | sed -e 's/^\[[^]]*\] //' -e 's|^[0-9/]* [0-9:]* \(\[[a-z]*\]\) [0-9#]*:|\1|' -e '/^$/d')
  case $by in
    text) code=0 said=$(printf '%s\n' "$said" | grep -F -e "$pattern") ;;
    exit) [ $code != 0 ] || said=$([ -z "$pattern" ] || printf '%s\n' "$said" | grep -iE -e "$pattern") ;;
  esac
  [ -z "$said" ] || printf '%s\n' "$said" | sed "s|^|$name: |"
  return $code
}

look_before() { faults=$(validators) || baseline=invalid; } # where the plan could not be proven: `faults` to compare with

look_after() { # no fault that forbids a reload and, where nothing was proven, none that was not there before
  now=$(validators ${proven:+exit}) && fatal='' || fatal=1
  fresh=''
  [ -n "$proven" ] || fresh=$(printf '%s\n' "$now" | grep -vxF -e "$faults")
  [ -n "$fatal$fresh" ] || return 0
  printf '%s\n' "${fresh:-$now}" | text
  say 'failed the live configuration does not validate'
  return 1
}

# --- units -----------------------------------------------------------------------------------------------------------

unit_is() { systemctl --no-pager show -p "$2" --value -- "$1" 2>/dev/null 9>&-; }
workers() { ps -o pid=,args= --ppid "$1" 2>/dev/null | awk '/worker process/ && !/shutting down/ { print $1 }'; }
size_of() { stat -L -c %s -- "$1" 2>/dev/null || echo 0; }

steady() { # UNIT, once a reload that is under way has ended
  tries=0
  while [ "$(unit_is "$1" ActiveState)" = reloading ] && [ $tries -lt 200 ]; do sleep 0.1 9>&-; tries=$((tries + 1)); done
  main=$(unit_is "$1" MainPID) again=$(unit_is "$1" NRestarts) # a socket unit has neither
  printf '%s pid %s restarts %s' "$(unit_is "$1" ActiveState)" "${main:-0}" "${again:-0}"
}

daemon() { # PID TITLE: the pid of the daemon with this title, where there is no unit; PHP-FPM takes a new one at a reload
  [ "$(ps -o args= -p "$1")" != "$2" ] || { echo "$1"; return; }
  ps -eo pid=,args= | while read -r other title; do [ "$title" != "$2" ] || echo "$other"; done | head -n 1
}

reload_manager() {
  : >reloaded
  answer=$(timeout 60 systemctl --no-ask-password daemon-reload 2>&1 9>&-); code=$?
  [ -z "$answer" ] || printf '%s\n' "$answer" | text
  [ $code = 0 ] || { say "failed daemon-reload: exit code $code"; return 1; }
  say "acted daemon-reload"
}

expect() { # UNIT PROPERTY VALUE: what systemd has made of the new files
  got=$(unit_is "$1" "$2")
  [ "$got" = "$3" ] || { say "failed $1: $2 is ${got:-empty}, not $3"; return 1; }
}

guard() { # ACTION UNIT LIMIT-15-MINUTES LIMIT-HOUR: starts and restarts of a unit, by whomever on this host
  case $1 in start | restart) ;; *) return 0 ;; esac
  [ -e "$base/restarts" ] || return 0
  history=$(unit=$2 short=$3 long=$4 at=$(now) awk '{ # the clock may have been set back since: then it was just now
      age = ENVIRON["at"] - $1 > 0 ? ENVIRON["at"] - $1 : 0
      if ($2 != ENVIRON["unit"] || age >= 3600) next
      hour++; if (age < 900) quarter++
      line[hour] = sprintf("%s %d min ago by %s (run %s)", $3, age / 60, $5, $4)
    } END {
      if (quarter + 0 < ENVIRON["short"] + 0 && hour + 0 < ENVIRON["long"] + 0) exit
      printf "has been restarted too often (%d in 15 minutes, %d in an hour:", quarter, hour
      for (i = 1; i <= hour; i++) printf "%s %s", (i > 1 ? "," : ""), line[i]
      printf "); a person must look at why it does not stay up"
    }' "$base/restarts" 2>&1 9>&-) || history="has been restarted nobody knows how often: $history"
  [ -z "$history" ] || { refuse "$2 $history"; return 1; }
}

count_restart() { # ACTION UNIT: before the act, so that none is forgotten
  case $1 in start | restart) ;; *) return 0 ;; esac
  printf '%s %s %s %s %s\n' "$(now)" "$2" "$1" "$run" "${who:-?}" >>"$base/restarts" 2>/dev/null || return 0
  if [ "$(wc -l <"$base/restarts")" -gt 1000 ]; then
    tail -n 500 "$base/restarts" >"$base/restarts.new" && mv -T -- "$base/restarts.new" "$base/restarts"
  fi
  flush "$base/restarts"
}

act() { # ACTION PID KIND UNIT TITLE, written down before it is begun; without a unit the daemon's pid and title
  was=none
  [ "$4" = - ] || was=$(unit_is "$4" ActiveState)
  { printf '%s %s %s %s %s %s\n' "$1" "${was:-unknown}" "$2" "$3" "$4" "$5" >>acted && flush acted; } ||
    { say "failed $1 $4: nothing can be written to the journal"; return 1; }
  case $1 in
    end) end_process "$2" "$5"; return ;;
    enable | disable) switch "$1" "$4"; return ;;
  esac
  [ "$4" = - ] || count_restart "$1" "$4" # once an act: what an undo of it starts again is no second one
  perform "$1" "$2" "$3" "$4" "$5" "$was"
}

perform() { # ACTION PID KIND UNIT TITLE WAS
  action=$1 kind=$3 unit=$4 title=$5 served=''
  if [ "$unit" = - ]; then came_back 0 "$5"; pid=$(daemon "$2" "$5"); else pid=$(unit_is "$unit" MainPID); served=$(steady "$unit"); fi
  before=$(workers "${pid:-0}") mark=$(size_of "$nginx_log")
  case $6 in failed) systemctl --no-ask-password reset-failed -- "$unit" 2>&1 9>&- | text ;; esac
  answer=$(order "$unit" "$action" "$pid" 2>&1 </dev/null 9>&-); code=$?
  [ -z "$answer" ] || printf '%s\n' "$answer" | text
  [ $code = 0 ] || { say "failed $action $(subject): exit code $code"; return 1; }
  case $unit:$action:$kind in
    *:reload:nginx) took "$pid" "$before" "$mark" || return 1 ;;
    -:reload:*) came_back "$pid" "$title" ;;
    *:reload:*) ;;
    *) served=$(steady "$unit") ;;
  esac
  stay="$unit ${pid:-0} ${served:-$title}$nl$stay"
  say "acted $action $(subject)"
}

subject() { if [ "$unit" = - ]; then echo "pid $pid"; else echo "$unit"; fi; }

order() { # UNIT ACTION PID: the command itself; without systemd a signal to the daemon
  if [ "$1" != - ]; then
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
    sleep 0.1 9>&-; tries=$((tries + 1))
  done
  complaints "$3" | text
  say "failed the reload did not take: nginx kept the old configuration"
  return 1
}

came_back() { # PID TITLE: PHP-FPM is away for a moment while it reads its files again, on a busy host for seconds
  tries=0
  while [ $tries -lt 300 ]; do
    case $(daemon "$1" "$2") in '') ;; "$1") [ $tries -lt 30 ] || return ;; *) return ;; esac
    sleep 0.1 9>&-; tries=$((tries + 1))
  done
}

complaints() { [ -z "$nginx_log" ] || tail -c "+$(($1 + 1))" -- "$nginx_log" 2>/dev/null | grep '\[emerg\]'; }

quiet() { # nginx tries to bind five times, 0.5 s apart, before it gives up: only then may it be asked again
  size=
  while [ "$size" != "$(size_of "$nginx_log")" ]; do size=$(size_of "$nginx_log"); sleep 0.8 9>&-; done
}

settle() { # the same processes, restarted by nobody?
  [ -z "$stay" ] || sleep "$settle_for" 9>&-
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

began_with_ours() { # the host has booted since, and nothing undid before the daemons began: they may have read the new files
  while read -r action pid kind _ _ unit title; do
    case $action in daemon-reload | end | enable | disable) continue ;; reload) was=active ;; *) was=unknown ;; esac
    printf '%s %s %s %s %s %s\n' "$action" "$was" "$pid" "$kind" "$unit" "$title"
  done <acts >acted
} 2>/dev/null

revive() { # the daemons that took the new configuration take the old one again; what was down before is never stopped
  [ -f acted ] || return 0
  stay='' worst=0
  while read -r action was pid kind unit title; do
    case $action in '' | end | enable | disable) continue ;; esac
    how_back=$(way_back "$unit" "$action" "$was")
    [ -z "$how_back" ] || perform "$how_back" "$pid" "$kind" "$unit" "$title" "$was" || worst=1
  done <<LIST
$(awk '{ line[NR] = $0 } END { for (i = NR; i; i--) print line[i] }' acted)
LIST
  settle || worst=1
  return $worst
}

way_back() { # UNIT ACTION WAS: reload, restart, or nothing
  [ "$1" != - ] || { [ ! -s ops ] || [ "$baseline" = invalid ] || echo reload; return; }
  if [ "$(unit_is "$1" ActiveState)" != active ]; then
    [ "$3" != active ] || echo restart
  elif [ -s ops ] && [ "$baseline" = valid ]; then
    case $2:$3:$(unit_is "$1" CanReload) in restart:active:* | *:active:no) echo restart ;; *) echo reload ;; esac
  fi
}

# --- a process that no unit holds ------------------------------------------------------------------------------------

is_still() { # PID "TICKS UID PROGRAM": a pid alone may be another process's by now
  ticks=$(sed 's/^.*) //' "/proc/$1/stat" | cut -d ' ' -f 20)
  uid=$(awk '$1 == "Uid:" { print $3 }' "/proc/$1/status")
  [ "$ticks $uid $(readlink -- "/proc/$1/exe")" = "$2" ]
} 2>/dev/null 9>&-

end_process() { # PID IDENTITY
  is_still "$1" "$2" || { say "failed end pid $1: it is not the process any more that was looked at"; return 1; }
  for signal in TERM KILL; do
    is_still "$1" "$2" && kill -s "$signal" "$1" 2>/dev/null && say "signalled $signal pid $1"
    tries=0
    while is_still "$1" "$2" && [ $tries -lt 100 ]; do sleep 0.1 9>&-; tries=$((tries + 1)); done
  done
  ! is_still "$1" "$2" || { say "failed end pid $1: it does not end"; return 1; }
  say "acted end pid $1"
}

# --- what begins at a boot -------------------------------------------------------------------------------------------

links_of() { # UNIT: the links that have it begin at a boot, and its other names
  for link in "$units"/* "$units"/*/*; do
    [ -L "$link" ] || continue
    target=$(readlink -- "$link" 9>&-)
    case ${link##*/}:${target##*/} in "$1":* | *:"$1") printf '%s %s %s\n' "$1" "$link" "$target" || return 1 ;; esac
  done
  return 0
}

switch() { # enable|disable UNIT, its links and all folders written down before
  if systemctl --no-pager cat -- "$2" 2>/dev/null 9>&- | grep -q '^Also='; then
    say "failed $1 $2: other units go with it (Also=), so it is left to a person"; return 1
  fi
  : >reloaded
  if ! { printf '%s - -\n' "$2" "$units"/*/ && links_of "$2"; } >>links || ! flush links reloaded; then
    say "failed $1 $2: nothing can be written to the journal"; return 1
  fi
  answer=$(timeout 60 systemctl --no-ask-password --quiet "$1" -- "$2" 2>&1 9>&-); code=$?
  [ -z "$answer" ] || printf '%s\n' "$answer" | text
  became=$(unit_is "$2" UnitFileState)
  [ "$code $became" = "0 ${1}d" ] || { say "failed $1 $2: exit code $code, and it is ${became:-unknown}"; return 1; }
  flush "$units" "$units"/*.wants
  say "acted $1 $2"
}

# shellcheck disable=SC2094 # no loop writes what it reads
switch_back() { # the links as they were before
  [ -f links ] || return 0
  while read -r unit path _; do
    case $unit:$path in /*) continue ;; *:-) ;; *) continue ;; esac
    links_of "$unit" | while read -r found path target; do
      grep -qxF -e "$found $path $target" links || rm -f -- "$path"
    done
  done <links
  while read -r _ path target; do
    [ "$path" = - ] || [ -L "$path" ] || { mkdir -p -- "${path%/*}" && ln -s "$target" "$path"; } || return 1
  done <links
  for folder in "$units"/*.wants/ "$units"/*.requires/; do
    grep -qxF -e "$folder - -" links || rmdir -- "$folder" 2>/dev/null
  done
  flush "$units" "$units"/*.wants
  say 'restored links'
}

# --- the verbs -------------------------------------------------------------------------------------------------------

stay=''
verb=${1:-} run=${2:-}
case $verb in
  history | recover) "$verb" ;;
  apply | watch | start | begun | confirm | abort | rollback | finish | report) open_run "$run"; shift 2; "$verb" "$@" ;;
  *) echo "usage: sh program.sh VERB RUN"; exit 64 ;;
esac
