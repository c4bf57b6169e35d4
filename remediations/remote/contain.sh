# shellcheck shell=sh
# Sourced inside `unshare -m --propagation private`: what is written below a covered folder goes to memory and is gone
# with this shell. Validators are not read-only (nginx -t leaves an empty pid file and creates logs), so they run here.

contain() { # FOLDER...: cover each; everything else on the root file system becomes read-only
  scratch='' covered='' number=0 bare=''
  for place in /media /boot /mnt /tmp; do
    for folder; do case $folder/ in "$place"/*) continue 2 ;; esac; done
    [ -d "$place" ] && { scratch=$place; break; }
  done
  [ -n "$scratch" ] || { echo 'no folder to mount a scratch file system on'; return 1; }
  mount -n -t tmpfs -o mode=0700,size=512m remediate "$scratch" || return 1
  for folder; do cover "$(standing "$folder")" || return 1; done
  umount -n -l "$scratch" || return 1 # the layers stay in use; what lies at this place is seen again
  mount -n -o remount,bind,ro / 2>/dev/null || [ -z "$bare" ] || { echo "$bare cannot be covered"; return 1; }
}

standing() { # FOLDER: the nearest one that exists, so that a file in a new folder is written over a covered one
  at=$1
  while [ ! -d "$at/" ]; do at=${at%/*}; done
  printf '%s' "$at"
}

cover() { # FOLDER: an overlay where the kernel lets us, else a copy in memory
  [ -n "$1" ] || { bare='the root folder'; return 0; }
  case $covered in *"|$1|"*) return 0 ;; esac
  covered="$covered|$1|" number=$((number + 1))
  layer=$scratch/$number
  mkdir "$layer" "$layer/up" "$layer/work" "$layer/was" || return 1
  chown --reference="$1" "$layer/up" && chmod --reference="$1" "$layer/up" || return 1
  mount -n --rbind "$1" "$layer/was" || return 1
  below=$(mounts_below "$1")
  hide_long_logs "$1"
  if ! mount -n -t overlay remediate -o "lowerdir=$1,upperdir=$layer/up,workdir=$layer/work" "$1" 2>/dev/null; then
    copy "$1" && mount -n --bind "$layer/up" "$1" || return 1
  fi
  show_again "$1"
}

hide_long_logs() { # FOLDER: an overlay copies what is opened for writing; a log of a GiB would fill memory, an empty one does
  find "$1" -xdev -maxdepth 3 -type f -size +1024k 2>/dev/null | while IFS= read -r file; do
    case $file in /var/log/* | *.log | *_log) ;; *) continue ;; esac
    (cd "$1" && cp --parents --attributes-only --preserve=mode,ownership -- ".${file#"$1"}" "$layer/up") 2>/dev/null
  done
  return 0 # where cp cannot, what was holds: it is copied, if there is room
}

copy() { # FOLDER: of logs the folders alone, of scratch files nothing; those are only written
  case $1 in
    /tmp | /var/tmp) return ;;
    /var/log) (cd "$1" && find . -xdev -type d) | while read -r each; do
      mkdir -p -- "$layer/up/$each" && chown --reference="$1/$each" -- "$layer/up/$each" && chmod --reference="$1/$each" -- "$layer/up/$each"
    done; return ;;
  esac
  size=$(du -skx -- "$1" | cut -f1)
  [ "$size" -le 65536 ] || { echo "$1 holds over 64 MiB and cannot be overlaid"; return 1; }
  cp -ax -- "$1/." "$layer/up"
}

mounts_below() { # FOLDER: what an overlay and a copy of one file system leave out; nobody's configuration lies in /run
  [ "$1" = /run ] || cut -d ' ' -f 5 /proc/self/mountinfo | grep -F -- "$1/" | while read -r point; do
    case $point in "$1"/*) printf '%s\n' "$point" ;; esac
  done
}

show_again() { # FOLDER: the mounts below it, read-only
  while read -r point; do
    [ -z "$point" ] || case $point in
      *\\*) echo "$point is a mount point with a strange name"; return 1 ;;
      *) mount -n --bind "$layer/was${point#"$1"}" "$point" && mount -n -o remount,bind,ro "$point" || return 1 ;;
    esac
  done <<LIST
$below
LIST
}
