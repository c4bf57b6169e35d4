# shellcheck shell=sh
# Sourced inside `unshare -m --propagation private`: what is written below a covered folder goes to memory and is gone
# with this shell. Validators are not read-only (nginx -t leaves an empty pid file and creates logs), so they run here.

contain() { # FOLDER...: cover each; everything else on the root file system becomes read-only
  scratch=
  for place in /media /boot /mnt /tmp; do
    for folder; do case $folder/ in "$place"/*) continue 2 ;; esac; done
    [ -d "$place" ] && { scratch=$place; break; }
  done
  [ -n "$scratch" ] || { echo 'no folder to mount a scratch file system on'; return 1; }
  mount -t tmpfs -o mode=0700,size=512m remediate "$scratch" || return 1
  covered=0
  for folder; do cover "$folder" || return 1; done
  mount -o remount,bind,ro / 2>/dev/null || :
}

cover() { # FOLDER: an overlay where the kernel lets us, else a copy in memory
  [ -d "$1" ] || return 0
  covered=$((covered + 1))
  layer=$scratch/$covered
  mkdir "$layer" "$layer/up" "$layer/work" || return 1
  chown --reference="$1" "$layer/up" && chmod --reference="$1" "$layer/up" || return 1
  mount -t overlay remediate -o "lowerdir=$1,upperdir=$layer/up,workdir=$layer/work" "$1" 2>/dev/null && return 0
  size=$(du -skx -- "$1" | cut -f1)
  [ "$size" -le 65536 ] || { echo "$1 holds over 64 MiB and cannot be overlaid"; return 1; }
  cp -a -- "$1/." "$layer/up" && mount --bind "$layer/up" "$1"
}
