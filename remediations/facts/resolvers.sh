# shellcheck shell=sh
# shellcheck disable=SC2154,SC2016 # seconds stands before this; bash expands the rest
# POSIX sh speaks no UDP, but bash does; where it is missing nobody is asked.

for tool in bash timeout; do
  command -v $tool >/dev/null 2>&1 || { echo "without $tool no resolver is asked"; exit 3; }
done
while [ $# -ge 3 ]; do
  {
    size=$(timeout -k 1 "$seconds" bash -c 'exec 3<>"/dev/udp/$1/$2" && printf "$3" >&3 && dd bs=512 count=1 <&3' bash "$@" | wc -c)
    echo "$1 $2 $((size))"
  } &
  shift 3
done
wait
exit 0
