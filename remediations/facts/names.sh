# shellcheck shell=sh
# shellcheck disable=SC2154 # seconds stands before this
# Each name beside the others, and each answer one line of one write.

command -v getent >/dev/null 2>&1 || { echo 'getent is not installed'; exit 3; }
limit="timeout -k 1 $seconds"; command -v timeout >/dev/null 2>&1 || limit=
for name; do
  {
    found=$($limit getent ahosts "$name"); code=$?
    echo "$name $code $(printf '%s\n' "$found" | awk 'NF && !seen[$1]++ { printf "%s ", $1 }')"
  } &
done
wait
exit 0
