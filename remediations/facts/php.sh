# shellcheck shell=sh
# shellcheck disable=SC2086,SC2046 # lists are split at newlines, on purpose
# Layouts of Debian, RHEL and Remi; systemd's unit files, or a running master's title, name a main file of any other.

nl='
'
masters=$(ps -eo pid=,args= | sed -n 's/^ *\([0-9]*\) php-fpm: master process (\(.*\)).*/\1 \2/p')
limits() {
  while IFS=: read -r id kind path; do
    case $id:$kind in
      0:) base=/sys/fs/cgroup; [ -d /sys/fs/cgroup/unified ] && base=/sys/fs/cgroup/unified; names='memory.max memory.high' ;;
      *:memory) base=/sys/fs/cgroup/memory; names=memory.limit_in_bytes ;;
      *) continue ;;
    esac
    while [ -n "$path" ]; do
      for name in $names; do
        [ -r "$base$path/$name" ] && read -r value <"$base$path/$name" && echo "limit $value"
      done
      path=${path%/*}
    done
    for name in $names; do [ -r "$base/$name" ] && read -r value <"$base/$name" && echo "limit $value"; done
  done <"/proc/$1/cgroup"
}
all=
fpm() { # version main binary unit ini-folder conf.d-folder
  master=$(printf '%s\n' "$masters" | awk -v main="$2" '$2 == main { print $1; exit }')
  bin=$3
  [ -n "$master" ] && { exe=$(readlink "/proc/$master/exe"); exe=${exe%" (deleted)"}; [ -x "$exe" ] && bin=$exe; }
  # A program that is gone while its unit is there: somebody must tell why it does not start.
  [ -n "$master" ] || [ -x "$bin" ] || { printf '%s\n' "$own" | grep -qF -- " $bin " && bin=; } || return 0
  echo "fpm $1"; echo "main $2"; echo "binary $bin"; echo "unit $(unit_of "$2" "$4")"; echo "master $master"
  [ -n "$master" ] && limits "$master"
  all=$all$2$nl
  for ini in "$5/php.ini" "$6"/*.ini; do [ -f "$ini" ] && { echo "ini $ini"; all=$all$ini$nl; }; done
  old_ifs=$IFS; IFS=$nl
  # shellcheck disable=SC2013 # IFS is a newline here
  for pattern in $(sed -n 's/^[[:space:]]*include[[:space:]]*=[[:space:]]*"\{0,1\}\([^";]*[^"; ]\).*/\1/p' -- "$2"); do
    case $pattern in /*) ;; *) pattern=/usr/$pattern ;; esac
    for file in $pattern; do all=$all$file$nl; done
  done
  IFS=$old_ifs
}
own=$(starters 'php-fpm[0-9.]*')
unit_of() { # main default
  printf '%s\n' "$own" | awk -v main="$1" -v unit="$2" '
    !found { for (i = 3; i <= NF; i++) if ($i == main || $i == "--fpm-config=" main) { unit = $1; found = 1 } }
    END { print unit }'
}
known=$nl
known_fpm() { [ -f "$2" ] && { known=$known$2$nl; fpm "$@"; }; }
for main in /etc/php/*/fpm/php-fpm.conf; do
  v=${main#/etc/php/}; v=${v%%/*}
  known_fpm "$v" "$main" "/usr/sbin/php-fpm$v" "php$v-fpm.service" "${main%/*}" "${main%/*}/conf.d"
done
known_fpm '' /etc/php-fpm.conf /usr/sbin/php-fpm php-fpm.service /etc /etc/php.d
for main in /etc/opt/remi/php*/php-fpm.conf; do
  v=${main#/etc/opt/remi/}; v=${v%%/*}
  known_fpm "$v" "$main" "/opt/remi/$v/root/usr/sbin/php-fpm" "$v-php-fpm.service" "${main%/*}" "${main%/*}/php.d"
done
old_ifs=$IFS; IFS=$nl
for line in $own; do
  main=$(printf '%s\n' "$line" | sed -nE 's/.* (--fpm-config|-y)[ =]([^ ]+).*/\2/p'); line=${line#* }
  case $known in *"$nl$main$nl"*) ;; *) IFS=$old_ifs; known_fpm '' "$main" "${line%% *}" '' "${main%/*}" "${main%/*}/conf.d"; IFS=$nl ;; esac
done
for line in $masters; do
  pid=${line%% *}; main=${line#* }
  [ "$(stat -L -c %d:%i "/proc/$pid/root/")" = "$(stat -c %d:%i /)" ] || continue
  case $known in *"$nl$main$nl"*) ;; *) IFS=$old_ifs; known_fpm '' "$main" php-fpm '' "${main%/*}" "${main%/*}/conf.d"; IFS=$nl ;; esac
done
set -f; set -- $all; set +f; IFS=$old_ifs
emit_files "$@"
