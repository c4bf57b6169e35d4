# shellcheck shell=sh
# The run of ours that has begun on this host and not ended, and who holds the lock: `open ID STATE`, `held BY WHOM`.
base=/var/lib/remediate
[ -d "$base" ] || exit 0
[ -x "$base" ] || { echo "$base may not be read"; exit 1; }
if [ -s "$base/current" ]; then
  read -r run <"$base/current"
  set -- "$base/txn/$run"/state.*
  echo "open $run ${1##*/state.}"
fi
if [ -e "$base/lock" ] && command -v flock >/dev/null 2>&1 && ! flock -n -s "$base/lock" true; then
  read -r holder <"$base/holder"
  echo "held $holder"
fi
