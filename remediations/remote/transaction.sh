# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # what one part sets another one uses: they are joined into one program
# One run's changes on this host: all of them stand, or nothing. It runs by itself, in a unit (or session) of its own,
# whoever is connected or not: `sh program.sh VERB ID`. The run's folder below /var/lib/remediate/txn holds its data:
#
#   run         KEY VALUE lines, see `open_run`
#   ops         NUMBER OLD-SHA NEW-SHA MODE OWNER PATH, a line a file; `absent` for what is created or deleted
#   acts        ACTION PID KIND LIMIT-15-MINUTES LIMIT-HOUR UNIT TITLE, in order; KIND is nginx or other; to `end` a
#               process, TITLE is TICKS UID PROGRAM
#   expect      UNIT PROPERTY VALUE, once the manager has read its files
#   reads       what the plan was proven with and must still be so, as sha256sum -c reads it
#   validators  blocks of `name`, `by exit|text`, `pattern`..., `word`... lines, each ended by an empty line
#   like        NUMBER PATH: whose mode, owner, ACL and xattr a file gets, where not those of what it replaces
#   after/N     the new bytes        before/N    the old file, written here
#   links       UNIT PATH TARGET, a line a link that an `enable` or `disable` found in systemd's folder; UNIT - -, and
#               FOLDER - - for each folder in it
#   acted       which daemons were acted on, made which folders; written before it is begun; booted in which boot
#   busy        is there until the run has ended and nothing of it lies anywhere else: removing it needs no space
#   log         what was done, in lines `KEY VALUE`; free text of programs is indented by "| "
#   state.NAME  the state is the name of one file: a transition is one rename, atomic, and needs no space
#
# States: NEW, PREPARED (undo is armed, files are staged beside), SWAPPING (from here on every end undoes), AWAIT, then
# COMMITTED, the one commit point; or ABORTING, ROLLING_BACK, and ROLLED_BACK or NEEDS_HUMAN. REFUSED and LOCKED:
# nothing was touched.

LC_ALL=C; export LC_ALL
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH
umask 077
trap '' PIPE HUP

base=/var/lib/remediate
units=/etc/systemd/system
boot_id=/proc/sys/kernel/random/boot_id
begin_seconds=300 # at most, until all is swapped and acted
undo_seconds=180  # at most, for the longest undo: validators, reloads, settling
syncs_files=$(sync --help 2>&1 | grep FILE) # coreutils 8.24, and some of BusyBox
nl='
'

# --- the journal -----------------------------------------------------------------------------------------------------

say() { printf '%s\n' "$*" >>log 2>/dev/null || :; } # a full disk must not stop an undo
text() { while IFS= read -r line || [ -n "$line" ]; do say "| $line"; done; }
flush() { if [ -n "$syncs_files" ]; then sync -- "$@" 2>/dev/null; else sync; fi; } # no where the disk says no
now() { date +%s; }
uptime() { cut -d . -f 1 /proc/uptime; } # seconds that no change of the clock moves

open_run() { # ID: its folder becomes ours; its values are data, never code
  case $1 in '' | *[!A-Za-z0-9-]*) echo "state unknown"; exit 64 ;; esac
  run=$1 how='' who='' from='' what='' nonce='' baseline=valid proven='' settle_for=0 confirm_within=120 wait_lock=0
  nginx_log='' nginx_pid_file=''
  cd "$base/txn/$run" 2>/dev/null || { echo 'failed there is no such run on this host'; echo 'state unknown'; exit 66; }
  while read -r key value; do
    case $key in
      who) who=$value ;; from) from=$value ;; what) what=$value ;; nonce) nonce=$value ;;
      baseline) baseline=$value ;; proven) proven=$value ;; settle) settle_for=$value ;;
      confirm_within) confirm_within=$value ;; wait_lock) wait_lock=$value ;;
      nginx_log) nginx_log=$value ;; nginx_pid_file) nginx_pid_file=$value ;;
    esac
  done <run
}

state() { set -- state.*; printf '%s' "${1#state.}"; }
final() { case $1 in COMMITTED | ROLLED_BACK | NEEDS_HUMAN | REFUSED | LOCKED) ;; *) return 1 ;; esac; }

become() { # FROM TO: no where somebody else was faster
  mv -T -- "state.$1" "state.$2" 2>/dev/null || return 1
  flush . || say 'failed the journal of this run could not be written to the disk'
  logger -t remediate -- "run $run by ${who:-?} from ${from:-?} (${what:-?}): $2" 2>/dev/null 9>&- || :
}

refuse() { # before anything was swapped
  say "refused $*"
  become NEW REFUSED || become PREPARED REFUSED
  tidy
}

# --- one writer a host -----------------------------------------------------------------------------------------------

lock() { # SECONDS: the kernel lets go of it however we end; who holds it is told beside
  exec 9>>"$base/lock"
  patience=$(($(uptime) + $1))
  until flock -n 9; do
    [ -e busy ] || return 1 # whose lock it is now does not concern us
    [ "$(uptime)" -lt "$patience" ] || { holder_ends && [ "$(uptime)" -lt $((patience + 10)) ]; } || return 1
    sleep 0.1
  done
  printf '%s since %s by %s from %s (%s)\n' "$run" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$who" "$from" "$what" >"$base/holder" 2>/dev/null || :
}

holder_ends() { # a run that has reached its end holds the lock for a moment only, and so does who only looks
  read -r other _ <"$base/holder" && [ -d "$base/txn/$other" ] || return 0
  final "$(cd "$base/txn/$other" && state)"
} 2>/dev/null

open_elsewhere() { # the run that `current` names, if it is another one
  [ -f "$base/current" ] || return 1
  other=$(cat "$base/current")
  [ -n "$other" ] && [ "$other" != "$run" ]
}

recover_others() { # an interrupted run is ended first, by its own program; the lock is ours
  open_elsewhere || return 0
  case $other in *[!A-Za-z0-9-]*) other=damaged ;; esac
  if [ -f "$base/txn/$other/program.sh" ]; then
    sh "$base/txn/$other/program.sh" rollback "$other" locked >/dev/null 2>&1 9>&-
    final "$(cd "$base/txn/$other" && state)" || { refuse "the interrupted run $other cannot be ended; see $base/txn/$other/log"; return 1; }
  fi
  rm -f -- "$base/current"
  say "recovered $other"
}

# --- three layers that undo: the unit's ExecStopPost (see `start`), a timer, the next boot ----------------------------

managed() { # systemd with what we need of it?
  [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1 || return 1
  version=$(systemctl --version 2>/dev/null 9>&- | awk 'NR == 1 { print $2 + 0 }')
  [ "${version:-0}" -ge 236 ]
}

arm() { # an absolute time: a timer with a relative one begins anew at every daemon-reload
  managed || return 0
  at=$(date -u -d "@$(($(now) + begin_seconds + confirm_within + 60))" '+%Y-%m-%d %H:%M:%S UTC')
  systemd-run --quiet --no-ask-password --collect --unit="remediate-$run-undo" --on-calendar="$at" \
    --timer-property=AccuracySec=1s /bin/sh "$base/txn/$run/program.sh" rollback "$run" timer 2>&1 9>&- | text
  systemctl --no-ask-password --quiet is-active "remediate-$run-undo.timer" 9>&- ||
    { refuse 'no timer could be set'; return 1; }
  arm_boot "$units/remediate-$run-boot.service" "$units/sysinit.target.wants" ||
    { refuse 'no unit could be made for the next boot'; return 1; }
}

arm_boot() { # UNIT-FILE WANTS-FOLDER
  boot_unit >"$1" 2>/dev/null && chmod 644 "$1" || return 1
  [ -d "$2" ] || { : >made_wants && mkdir -m 755 "$2"; } || return 1
  ln -s "../${1##*/}" "$2/${1##*/}" && flush "$1" "$units" "$2"
}

boot_unit() {
  printf '%s\n' '[Unit]' "Description=Undo the remediate run $run, which this boot interrupted" DefaultDependencies=no \
    "RequiresMountsFor=$base" 'After=local-fs.target systemd-remount-fs.service' 'Before=sysinit.target'
  while read -r _ _ _ _ _ path; do
    printf 'RequiresMountsFor="%s"\n' "$(printf '%s' "${path%/*}/" | sed 's/%/%%/g; s/[\\"]/\\&/g')"
  done <ops
  printf '%s\n' '[Service]' Type=oneshot "TimeoutStartSec=$undo_seconds" \
    "ExecStart=/bin/sh $base/txn/$run/program.sh rollback $run boot"
}

disarm() {
  rm -f -- "$units/sysinit.target.wants/remediate-$run-boot.service" "$units/remediate-$run-boot.service"
  [ ! -e made_wants ] || rmdir -- "$units/sysinit.target.wants" 2>/dev/null
  [ -d /run/systemd/system ] || return 0
  systemctl --no-ask-password --no-block --quiet stop "remediate-$run-undo.timer" 2>/dev/null 9>&-
  case $(systemctl list-units --all --plain --no-legend "remediate-$run-boot.service" 2>/dev/null 9>&-) in # a reload has
    ?*) timeout 60 systemctl --no-ask-password daemon-reload 2>/dev/null 9>&- ;; # read it, another one forgets it
  esac
}

tidy() { # after a final state, as often as needed: nothing of ours stays beside the files
  [ ! -d before ] || [ "$(state)" = NEEDS_HUMAN ] || drop_beside # without before-images nothing was laid there yet
  disarm
  [ "$(cat "$base/current" 2>/dev/null)" != "$run" ] || rm -f -- "$base/current"
  flush "$base"
  rm -f -- busy
} 2>/dev/null

# --- forward ---------------------------------------------------------------------------------------------------------

apply() {
  [ "$(state)" = NEW ] || return 0
  lock "$wait_lock" || { say "refused another run is changing this host: $(cat "$base/holder" 2>/dev/null)"; become NEW LOCKED; return; }
  recover_others || return
  prune
  check || return
  keep || { refuse 'the old files cannot be kept'; return; }
  arm || return
  { printf '%s\n' "$run" >"$base/current.new" && flush "$base/current.new" && mv -T -- "$base/current.new" "$base/current"; } 2>/dev/null ||
    { refuse "nothing can be written to $base"; return; }
  flush "$base"
  become NEW PREPARED || return
  stage_all || return
  become PREPARED SWAPPING || return
  if forward; then become SWAPPING AWAIT; await; else undo SWAPPING; fi
}

check() { # everything that can be known before anything is touched
  for tool in sync sha256sum stat readlink flock timeout; do
    command -v "$tool" >/dev/null 2>&1 || { refuse "$tool is not installed"; return 1; }
  done
  cp --help 2>&1 | grep -q -e --attributes-only || { refuse 'cp and mv are not those of GNU coreutils'; return 1; }
  while read -r number old _ _ _ path; do
    precheck "$path" "$old" || return 1
    room "$path" "after/$number" || return 1
  done <ops
  [ ! -s reads ] || moved=$(sha256sum -c --quiet reads 2>/dev/null) ||
    { refuse "changed since the plan was proven: $(printf '%s' "$moved" | cut -d : -f 1 | tr '\n' ' ')"; return 1; }
  while read -r action _ _ short long unit _; do
    guard "$action" "$unit" "$short" "$long" || return 1
  done <acts
}

stage_all() {
  while read -r number old new mode owner path; do
    [ "$new" = absent ] || stage "$number" "$old" "$new" "$mode" "$owner" "$path" || return 1
  done <ops
  [ -n "$proven" ] || look_before
}

forward() {
  while read -r _ old new _ _ path; do
    swap "$old" "$new" "$path" || return 1
  done <ops
  look_after || return 1
  if grep -q '^daemon-reload ' acts; then reload_manager || return 1; fi
  while read -r unit property value; do expect "$unit" "$property" "$value" || return 1; done <./expect
  while read -r action pid kind _ _ unit title; do
    [ "$action" = daemon-reload ] || act "$action" "$pid" "$kind" "$unit" "$title" || return 1
  done <acts
  settle
}

await() { # the clock that no one can set decides
  deadline=$(($(uptime) + confirm_within))
  while [ "$(state)" = AWAIT ] && [ "$(uptime)" -lt "$deadline" ]; do sleep 0.1 9>&-; done
  case $(state) in
    COMMITTED) tidy ;;
    ABORTING) undo ABORTING ;;
    *) if become AWAIT ROLLING_BACK; then say 'failed nobody confirmed in time'; undo ROLLING_BACK; else await; fi ;;
  esac
}

# --- back ------------------------------------------------------------------------------------------------------------

undo() { # FROM: look at all files first; where somebody else has written since, touch nothing
  become "$1" ROLLING_BACK || [ "$(state)" = ROLLING_BACK ] || return 0
  others=$(foreign)
  if [ -n "$others" ]; then
    say "failed somebody else changed$others meanwhile; nothing was put back, the old content lies beside as .NAME.remediate-$run.orig and in $base/txn/$run/before"
    become ROLLING_BACK NEEDS_HUMAN
  elif ! put_back; then
    say 'failed not every file could be put back'
    become ROLLING_BACK NEEDS_HUMAN
  elif ! serve_again && [ -s ops ]; then # without a file of ours it is the fault that was there before us
    say 'failed the files are back, but not every daemon runs as before'
    become ROLLING_BACK NEEDS_HUMAN
  else
    become ROLLING_BACK ROLLED_BACK
  fi
  tidy
}

serve_again() { # the daemons read the old files again; at a boot they have not begun, at the end they are ending
  if [ -e reloaded ] || { [ "$how" = boot ] && grep -q -e '^daemon-reload ' -e '^enable ' -e '^disable ' acts; }; then reload_manager || return 1; fi
  [ "$how" != boot ] && [ "$(systemctl is-system-running 2>/dev/null 9>&-)" != stopping ] || return 0
  [ "$(cat booted 2>/dev/null)" = "$(cat "$boot_id")" ] || began_with_ours
  revive
}

rollback() { # HOW: called by the unit's end, the timer, the boot, the next run (which holds the lock) or a person
  how=$1
  case $how:$(state) in boot:* | locked:*) ;; *:LOCKED) return ;; *) [ -e busy ] || return 0 ;; esac
  patience=$undo_seconds
  [ "$how" != timer ] || patience=$((begin_seconds + confirm_within + undo_seconds)) # a clock set ahead wakes it early
  [ "$how" = locked ] || lock "$patience" || [ ! -e busy ] || { echo 'failed another run holds the lock'; return 1; }
  at=$(state)
  case $at in
    NEW | PREPARED) refuse 'interrupted before anything was changed' ;;
    SWAPPING | AWAIT | ABORTING) say "failed interrupted in $at"; undo "$at" ;;
    ROLLING_BACK) undo ROLLING_BACK ;;
    *) tidy ;;
  esac
}

# --- what the other side asks ----------------------------------------------------------------------------------------

start() { # returns at once; the run goes on by itself
  if managed; then
    say 'runner systemd'
    answer=$(systemd-run --quiet --no-ask-password --collect --unit="remediate-$run" -p KillMode=mixed \
      -p "RuntimeMaxSec=$((wait_lock + begin_seconds + confirm_within + 30))" -p "TimeoutStopSec=$undo_seconds" \
      -p "ExecStopPost=/bin/sh $base/txn/$run/program.sh rollback $run" \
      /bin/sh "$base/txn/$run/program.sh" apply "$run" </dev/null 2>&1) || refuse "systemd-run: $answer"
  elif command -v setsid >/dev/null 2>&1; then
    say 'runner setsid'
    setsid sh "$base/txn/$run/program.sh" watch "$run" </dev/null >/dev/null 2>&1 &
  else
    refuse 'neither systemd 236 nor setsid is here'
  fi
}

watch() { # without systemd: undoes once the run's process is gone; a run that hangs is killed
  deadline=$(($(uptime) + wait_lock + begin_seconds + confirm_within + 30))
  setsid sh "$base/txn/$run/program.sh" apply "$run" &
  while kill -0 $! 2>/dev/null; do
    [ "$(uptime)" -lt "$deadline" ] || kill -KILL -- "-$!"
    sleep 0.5
  done
  rollback by-watchdog
}

report() { # what was done and in what state we are
  cat log 2>/dev/null
  case $(state) in
    NEW | PREPARED | SWAPPING | ABORTING | ROLLING_BACK) echo 'state busy' ;;
    *) echo "state $(state | tr '[:upper:]' '[:lower:]')" ;;
  esac
}

begun() { # waits until all is swapped and acted, or undone
  deadline=$(($(uptime) + wait_lock + begin_seconds + undo_seconds))
  while [ "$(uptime)" -lt "$deadline" ]; do
    case $(state) in
      AWAIT | ABORTING | LOCKED) break ;;
      *) [ -e busy ] || break; sleep 0.05 ;; # an end is told once nothing of it lies anywhere
    esac
  done
  report
}

confirm() { # NONCE: the one point at which the changes become final
  if [ "$1" != "$nonce" ]; then say 'failed a confirmation came with a wrong nonce'; report; return; fi
  others=$(not_new)
  if [ -z "$others" ]; then
    become AWAIT COMMITTED
  else
    become AWAIT ABORTING && say "failed somebody else changed$others meanwhile"
  fi
  ended
}

abort() { become AWAIT ABORTING; ended; }

ended() { # a run that lives holds the lock until its end; of one that does not, we make the end
  case $(state) in NEW | PREPARED | SWAPPING) ;; *) rollback by-hand ;; esac
  report
}

history() { # every run on this host, the oldest first
  cd "$base/txn" 2>/dev/null || return 0
  for folder in */; do
    case $folder in '*/' | *.tmp/) continue ;; esac
    (cd "$folder" && printf 'run %s %s %s\n' "${folder%/}" "$(state)" "$(stat -c %Y run)" && grep -E '^(who|from|what) ' run &&
      while read -r _ old new _ _ path; do printf 'file %s %s %s\n' "$old" "$new" "$path"; done <ops &&
      while read -r action _ _ _ _ unit _; do printf 'act %s %s\n' "$action" "$unit"; done <acts
      [ "$(state)" != AWAIT ] || printf 'until %s\n' $(($(stat -c %Z state.AWAIT) + $(sed -n 's/^confirm_within //p' run))))
  done
  [ ! -f "$base/current" ] || printf 'open %s\n' "$(cat "$base/current")"
  [ ! -e "$base/lock" ] || flock -n -s "$base/lock" true || printf 'holder %s\n' "$(cat "$base/holder" 2>/dev/null || echo somebody)"
}

recover() { # ends what an interrupted run left
  other=$(cat "$base/current" 2>/dev/null)
  case $other in '' | *[!A-Za-z0-9-]*) echo 'state ok'; return ;; esac
  exec sh "$base/txn/$other/program.sh" finish "$other"
}

finish() { rollback by-hand; report; }

prune() { # 30 days and 50 runs are kept; what a person must look at stays; what never began has ended
  find "$base/txn" -mindepth 2 -maxdepth 2 -name state.NEW -mmin +60 2>/dev/null 9>&- | while read -r each; do
    each=${each%/*}
    [ "${each##*/}" = "$run" ] || sh "$each/program.sh" rollback "${each##*/}" locked >/dev/null 2>&1 9>&-
  done
  find "$base/txn" -maxdepth 1 -name '*.tmp' -mmin +60 -exec rm -rf -- {} + 2>/dev/null 9>&-
  # shellcheck disable=SC2012 # ids are plain words, and find cannot sort
  ls -1t "$base/txn" 2>/dev/null | awk 'NR > 50' | while read -r each; do forget "$each"; done
  find "$base/txn" -maxdepth 1 -mindepth 1 -mtime +30 2>/dev/null 9>&- | while read -r each; do forget "${each##*/}"; done
}

forget() { # not ourselves, what a person must look at, and what we are taking back: `like` leads to its before-images
  [ "$1" = "$run" ] || [ -e "$base/txn/$1/state.NEEDS_HUMAN" ] || grep -qsF -e "$base/txn/$1/" like || rm -rf -- "$base/txn/${1:?}"
}
