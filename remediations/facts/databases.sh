# shellcheck shell=sh
# shellcheck disable=SC3013  # -ef: dash, bash and busybox know it
# MySQL, MariaDB and Redis: what each holds in memory, and the one line that says what it may take.

last_value() { # KEY FILE...: the last `KEY value` or `KEY = value`, dashes and underscores alike; `-` where there is none
  key=$1; shift
  for file; do
    [ -e "$file" ] && { cat -- "$file"; echo; }
  done | sed -n "s/[[:space:]]*[#;].*//; s/^[[:space:]]*${key}[[:space:]=][[:space:]=]*//p" | tail -n 1 | grep . || echo -
}

unreadable() { # FILE...: the first that is there and may not be read
  for file; do [ -e "$file" ] && [ ! -r "$file" ] && { echo "$file"; return 0; }; done
  return 1
}

limit() { # KEY ARGUMENTS FILE...
  key=$1 arguments=$2; shift 2
  given=$(printf '%s\n' "$arguments" | tr ' ' '\n' | sed -n "s/^--$key=//p" | tail -n 1)
  if [ -n "$given" ]; then echo "$given"
  elif file=$(unreadable "$@"); then echo "? $file may not be read"
  else last_value "$key" "$@"; fi
}

ps -eo pid=,rss=,comm=,args= 2>/dev/null | while read -r pid rss name arguments; do
  case $name in mysqld | mariadbd | redis-server | valkey-server) ;; *) continue ;; esac
  if ! [ "/proc/$pid/root/." -ef / ]; then
    echo "$name $rss ? it runs in a file system of its own, or this user may not look"; continue
  fi
  case $name in
    mysqld | mariadbd)
      found=$(limit 'innodb[-_]buffer[-_]pool[-_]size' "$arguments" /etc/my.cnf /etc/my.cnf.d/*.cnf /etc/mysql/my.cnf \
        /etc/mysql/conf.d/*.cnf /etc/mysql/mysql.conf.d/*.cnf /etc/mysql/mariadb.conf.d/*.cnf) ;;
    *) found=$(limit maxmemory "$arguments" /etc/redis.conf /etc/redis/*.conf /etc/valkey/*.conf) ;;
  esac
  echo "$name $rss $found"
done
exit 0
