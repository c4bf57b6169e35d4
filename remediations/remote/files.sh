# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # what one part sets another one uses: they are joined into one program
# Files: what may be replaced, the old ones kept, the new ones beside the old, the swap and the way back. Beside a file
# stand `.NAME.remediate-RUN.part` (being written), `.new` (complete; after an exchange: what came out) and `.orig` (the
# old file itself, the same inode, so that putting it back is a rename and needs no space).

hash_of() { sha256sum 2>/dev/null <"$1" | cut -c1-64; }
beside() { printf '%s/.%s.remediate-%s.%s' "${1%/*}" "${1##*/}" "$run" "$2"; }
inode_of() { stat -c %d:%i -- "$1" 2>/dev/null; }

holds() { # PATH SHA: is it in that state? (`absent` is one)
  if [ "$2" = absent ]; then [ ! -e "$1" ] && [ ! -L "$1" ]; else [ -f "$1" ] && [ ! -L "$1" ] && [ "$(hash_of "$1")" = "$2" ]; fi
}

# --- before ----------------------------------------------------------------------------------------------------------

precheck() { # PATH SHA: is it what the plan was made for, and a file that a rename may replace?
  why=$(if [ "$2" = absent ]; then against_creating "$1"; else against_replacing "$1" "$2"; fi)
  for each in part new orig; do
    [ -n "$why" ] || holds "$(beside "$1" $each)" absent || why="cannot be changed: $(beside "$1" $each) lies in the way"
  done
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

room() { # PATH AFTER: for the new file beside the old, and the old one in the journal
  need=$(($(wc -c 2>/dev/null <"$2" || echo 0) / 1024 + $(wc -c 2>/dev/null <"$1" || echo 0) / 1024 + 16))
  above=${1%/*}
  while [ ! -d "$above/" ]; do above=${above%/*}; done
  for place in "$above/" .; do
    free=$(df -Pk -- "$place" 2>/dev/null | awk 'END { print $4 + 0 }')
    [ "${free:-0}" -ge "$need" ] || { refuse "$1 cannot be written: ${free:-0} KiB are free at $place"; return 1; }
  done
}

keep() { # the before-images, with all that a file has, on the disk and read again
  mkdir before || return 1
  while read -r number old _ _ _ path; do
    [ "$old" != absent ] || continue
    cp --preserve=all -- "$path" "before/$number" 2>/dev/null && [ "$(hash_of "before/$number")" = "$old" ] || return 1
    flush "before/$number" || return 1
  done <ops
  cat "$boot_id" >booted && flush booted before .
}

stage() { # NUMBER OLD-SHA NEW-SHA MODE OWNER PATH: the new bytes beside it, with the metadata of what they replace
  part=$(beside "$6" part) model=$(model_of "$1" "$2" "$6")
  make_folder "${6%/*}" || { refuse "$6 cannot be created: no folder ${6%/*}"; return 1; }
  (set -C; umask 077; : >"$part") 2>/dev/null || { refuse "$6 cannot be written: nothing can be created beside it"; return 1; }
  if [ -n "$model" ]; then
    why=$(cp --attributes-only --preserve=all -- "$model" "$part" 2>&1) ||
      { printf '%s\n' "$why" | text; refuse "$6 cannot be written: its owner and mode cannot be copied"; return 1; }
  else
    { chown "$5" -- "$part" && chmod "$4" -- "$part"; } || { refuse "$6 cannot be given to $5"; return 1; }
  fi
  why=$(cat "after/$1" 2>&1 >"$part")
  [ "$(hash_of "$part")" = "$3" ] || { printf '%s\n' "$why" | text; refuse "$6 cannot be written"; return 1; }
  { flush "$part" && mv -T -- "$part" "$(beside "$6" new)" && flush "${6%/*}"; } ||
    { refuse "$6 cannot be written to the disk"; return 1; }
}

model_of() { # NUMBER OLD-SHA PATH: whose metadata a file gets
  if [ -f like ]; then sed -n "s/^$1 //p" like; elif [ "$2" != absent ]; then printf '%s' "$3"; fi
}

make_folder() {
  [ -d "$1/" ] && return 0
  make_folder "${1%/*}" || return 1
  printf '%s\n' "$1" >>made && flush made && mkdir -m 755 -- "$1" && say "made $1"
}

# --- the swap --------------------------------------------------------------------------------------------------------

exchange() { # A B, in one act: no moment at which either is missing, and nobody's bytes are lost
  mv --exchange -T -- "$1" "$2" || perl -MConfig -e '
    my %renameat2 = ("x86_64-linux-gnu" => 316, "aarch64-linux-gnu" => 276);
    my ($abi) = $Config{archname} =~ /^(\w+-linux-gnu)\b/;
    exit(!$renameat2{$abi} || syscall($renameat2{$abi}, -100, $ARGV[0], -100, $ARGV[1], 2) != 0)' "$1" "$2" ||
    python3 -Ic 'import ctypes, os, sys
a, b = map(os.fsencode, sys.argv[1:])
sys.exit(ctypes.CDLL(None).renameat2(-100, a, -100, b, 2) != 0)' "$1" "$2"
} 2>/dev/null

swap() { # OLD-SHA NEW-SHA PATH
  laid=$(beside "$3" new) kept=$(beside "$3" orig)
  if [ "$1" = absent ]; then
    ln -T -- "$laid" "$3" 2>/dev/null || { say "failed $3 cannot be created"; return 1; }
    rm -f -- "$laid"
  elif [ "$2" = absent ]; then
    mv -T -- "$3" "$kept" || { say "failed $3 cannot be moved aside"; return 1; }
    came_out "$kept" "$1" || { ln -T -- "$kept" "$3" && rm -f -- "$kept"; say "failed $3 changed at this moment"; return 1; }
  elif exchange "$laid" "$3"; then
    came_out "$laid" "$1" || { exchange "$laid" "$3"; say "failed $3 changed at this moment"; return 1; }
    mv -T -- "$laid" "$kept"
  else
    ln -T -- "$3" "$kept" || { say "failed the old $3 cannot be kept beside it"; return 1; }
    { came_out "$kept" "$1" && [ "$(inode_of "$kept")" = "$(inode_of "$3")" ]; } ||
      { rm -f -- "$kept"; say "failed $3 changed at this moment"; return 1; }
    mv -T -- "$laid" "$3" || { say "failed $3 cannot be replaced"; return 1; }
    came_out "$kept" "$1" || { ln -T -- "$3" "$laid" && mv -T -- "$kept" "$3"; say "failed $3 changed at this moment"; return 1; }
  fi
  flush "${3%/*}" || { say "failed $3 could not be written to the disk"; return 1; }
  say "swapped $3"
}

came_out() { [ "$(hash_of "$1")" = "$2" ]; } # FILE SHA: is it what we meant to replace?

# --- after -----------------------------------------------------------------------------------------------------------

not_new() { # the paths that do not hold what the plan says
  while read -r _ _ new _ _ path; do holds "$path" "$new" || printf ' %s' "$path"; done <ops
}

came_in() { # OLD-SHA NEW-SHA PATH: has this swap taken place? All was staged before the first one: what is left tells
  laid=$(beside "$3" new) kept=$(beside "$3" orig)
  if [ "$1" != absent ] && [ ! -e "$kept" ] && [ -e "$laid" ] && came_out "$laid" "$1"; then mv -T -- "$laid" "$kept"; fi
  if [ "$2" = absent ]; then [ -e "$kept" ] || grep -qsxF -e "swapped $3" log # somebody may have removed it
  else [ ! -e "$laid" ] || [ "$(inode_of "$laid")" = "$(inode_of "$3")" ] || ! came_out "$laid" "$2"
  fi
}

foreign() { # what we swapped and is neither old nor new now: somebody else has written since
  while read -r _ old new _ _ path; do
    came_in "$old" "$new" "$path" || continue
    holds "$path" "$old" || holds "$path" "$new" || { printf ' %s' "$path"; continue; }
    for each in orig new; do # somebody's bytes that came out of a swap that was cut off
      each=$(beside "$path" $each)
      [ ! -e "$each" ] || came_out "$each" "$old" || came_out "$each" "$new" || printf ' %s' "$path"
    done
  done <ops
}

put_back() { # every file, the last swapped first, and what begins at a boot
  bad=0
  while read -r number old new _ _ path; do
    [ -n "$number" ] || continue # a here-document has a line even where no file changes
    came_in "$old" "$new" "$path" || continue
    orig=$(beside "$path" orig)
    if ! holds "$path" "$old"; then
      if [ "$old" = absent ]; then take_away "$path" "$new"
      elif [ -e "$orig" ]; then bring_back "$path" "$orig" "$new"
      elif [ ! -e "$path" ] || holds "$path" "$new"; then from_journal "$number" "$path"
      fi
    elif [ "$old" != absent ] && came_out "$orig" "$old" && ! alike "$path" "before/$number"; then
      bring_back "$path" "$orig" "$old" # somebody has put the old bytes back, with another owner or mode
    fi
    if holds "$path" "$old"; then say "restored $path"; else bad=1; fi
    flush "${path%/*}"
  done <<LIST
$(awk '{ line[NR] = $0 } END { for (i = NR; i; i--) print line[i] }' ops)
LIST
  switch_back
  return $((bad + $?))
}

alike() { [ "$(stat -c %u:%g:%a -- "$1")" = "$(stat -c %u:%g:%a -- "$2")" ]; } # PATH PATH: owner and mode

take_away() { # PATH SHA: what we created, if it is still that; aside it has a name that nobody removes unseen
  aside=$(beside "$1" orig)
  mv -T -- "$1" "$aside"
  if came_out "$aside" "$2"; then rm -f -- "$aside"; else ln -T -- "$aside" "$1" && rm -f -- "$aside"; fi
}

bring_back() { # PATH ORIG SHA: the old inode; what came out must be ours
  if [ -e "$1" ] && exchange "$2" "$1"; then
    if came_out "$2" "$3"; then rm -f -- "$2"; else exchange "$2" "$1"; fi
  elif [ ! -e "$1" ] || came_out "$1" "$3"; then
    mv -T -- "$2" "$1"
  fi
}

from_journal() { # NUMBER PATH: somebody has removed what lay beside
  part=$(beside "$2" part)
  cp --preserve=all -- "before/$1" "$part" && flush "$part" && mv -T -- "$part" "$2"
}

drop_beside() { # what we laid there, and only that; then the folders that we made for it, where nothing stands
  while read -r _ old new _ _ path; do
    rm -f -- "$(beside "$path" part)"
    for each in new orig; do
      each=$(beside "$path" $each)
      if [ ! -e "$each" ]; then :
      elif came_out "$each" "$old" || came_out "$each" "$new"; then rm -f -- "$each"
      else say "kept $each, into which somebody has written"
      fi
    done
  done <ops
  case $(state) in
    COMMITTED) while read -r folder; do rmdir -- "$folder" 2>/dev/null; done <emptied ;;
    *) [ ! -f made ] || awk '{ line[NR] = $0 } END { for (i = NR; i; i--) print line[i] }' made |
      while read -r folder; do rmdir -- "$folder" 2>/dev/null; done ;;
  esac
}
