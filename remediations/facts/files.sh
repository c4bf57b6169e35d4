# shellcheck shell=sh
# shellcheck disable=SC2086,SC2046 # lists are split at newlines, on purpose
# One process for each question about all files, however many they are. find keeps the order of its arguments.

emit_files() {
  nl='
'
  old_ifs=$IFS; IFS=$nl; set -f
  [ $# -gt 0 ] && set -- $(find -L "$@" -maxdepth 0 -type f -readable -size "-$((MAX_FILE_KIB + 1))k" ! -name "*$nl*" 2>/dev/null)
  set +f; IFS=$old_ifs
  echo "files $#"
  [ $# -gt 0 ] || return 0
  {
    stat -L --printf '%s %a %u %g %h %d:%i %.9Y %n\n' -- "$@" &&
    stat --printf '%.9Y\n' -- "$@" &&
    readlink -f -- "$@" &&
    sha256sum -- "$@" | sed 's/^\\//; s/ .*//'
  } || { printf '\n%s\n' "a file went away while it was read, or stat and readlink are not GNU's"; return 3; }
  cat -- "$@"
}
