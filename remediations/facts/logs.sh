# shellcheck shell=sh
# The end of one log: FLAG SIZE PATH, then SIZE bytes.

one() {
  if [ ! -e "$1" ]; then echo "- 0 $1"
  elif [ ! -f "$1" ]; then echo "- 0 $1"
  elif [ ! -r "$1" ]; then echo "? 0 $1"
  else
    size=$(stat -L -c %s -- "$1"); want=$MAX_LOG; keep=$want; [ "$size" -lt "$want" ] && keep=$size
    cut=.; [ "$size" -gt "$keep" ] && cut=+
    echo "$cut $keep $1"
    tail -c "+$((size - keep + 1))" -- "$1" | head -c "$keep"
  fi
}
