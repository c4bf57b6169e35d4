# shellcheck shell=sh
# The host's addresses, and the lines of /etc/hosts that may name it; lists of blocked names are left out by their length.

if command -v ip >/dev/null 2>&1; then
  ip -o addr show up 2>/dev/null | sed -n -e 's/.* inet6\{0,1\} \([^ ]*\).*/own \1/p' -e 1000q
else
  echo "own 127.0.0.1 $(hostname -I 2>/dev/null)"
fi
sed -e 1000q -e 's/#.*//' -e '/^[[:space:]]*$/d' -e 's/^/name /' /etc/hosts 2>/dev/null
exit 0
