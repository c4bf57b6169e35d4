# shellcheck shell=sh
# What each probe asks stands in no program's arguments: a URL may hold a token, and ps shows arguments to everybody.
# Each probe runs beside the others and answers in two short lines, each of them one write and so never torn apart.

if command -v curl >/dev/null 2>&1; then
  ask() { # seconds url host connect
    seconds=$1 url=$2 host=$3 connect=$4
    set -- -q -s -i -k -g --noproxy '*' --max-time "$seconds" -A remediate
    [ -n "$host" ] && set -- "$@" -H "Host: $host"
    case $connect in '') ;; /*) set -- "$@" --unix-socket "$connect" ;; *) set -- "$@" --connect-to "::$connect" ;; esac
    printf '%s\n' "$url" | sed 's/[\\"]/\\&/g; s/.*/url = "&"/' | curl "$@" -K -
  }
elif command -v wget >/dev/null 2>&1; then
  ask() {
    url=$2
    case $4 in '') ;; /*) return 3 ;; *) name=${url#*://}; name=${name%%/*}; url=${url%%://*}://$4/${url#*://*/}; set -- "$1" "$2" "${3:-$name}" ;; esac
    set -- -q --content-on-error --max-redirect=0 --tries=1 --no-proxy --no-check-certificate -T "$1" -U remediate \
      ${3:+--header="Host: $3"} -i -
    printf '%s\n' "$url" | wget --save-headers -O - "$@"
    case $? in
      0) ;;
      4) return 7 ;;
      8) printf '%s\n' "$url" | wget -S -O /dev/null "$@" 2>&1 | sed 's/^ *//' ;; # a redirect, of which it prints nothing else
      *) return 1 ;;
    esac
  }
else
  echo 'neither curl nor wget is installed'; exit 3
fi
blank=$(printf '\r\n\r\n.'); blank=${blank%.}
probe() { # number contains seconds url host connect
  number=$1 contains=$2; shift 2
  { ask "$@" 2>/dev/null; echo "rc $number $?" >&3; } | {
    answer=$(head -c 262144 | tr -d '\000'; echo .); answer=${answer%.}
    head=${answer%%"$blank"*}; body=
    case $answer in *"$blank"*) body=${answer#*"$blank"} ;; esac
    found=0; case $body in *"$contains"*) found=1 ;; esac
    echo "answer $number ${#body} $found $(printf %s "$head" | head -c 1000 | base64 | tr -d '\n') $(printf %s "$body" | head -c 1000 | base64 | tr -d '\n')" >&3
  }
}
# Whom nginx has been trying to reach for two seconds, in vain: `syn PEER`. Who waits for it waits no longer than the probes.
unanswered() {
  sleep 2 >/dev/null 3>&-
  ss -Htnp state syn-sent 2>/dev/null | awk '/"nginx"/ && n++ < 100 { print "syn", $4 }' >&3
}
exec 3>&1
