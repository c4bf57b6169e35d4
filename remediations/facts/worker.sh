# shellcheck shell=sh
# shellcheck disable=SC2154 # pid and uid stand before this
# As whom nginx's worker connects; and, where root may become that user, what it may do with the paths that are given.

who=$(id "$uid" 2>/dev/null) || {
  name=$(awk -F: -v uid="$uid" '$3 == uid { print $1; exit }' /etc/passwd)
  who=$(id "${name:-?}" 2>/dev/null) || { echo "nginx's workers run as uid $uid, which no user has"; exit 3; }
}
echo "who $who"
[ $# -gt 0 ] && [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null 2>&1 || exit 0
# shellcheck disable=SC2016 # the inner shell expands it
try='for path; do if [ -d "$path" ]; then [ -x "$path" ]; else [ -w "$path" ]; fi && printf "y " || printf "n "; done'
primary=${who#*gid=}; primary=${primary%%[!0-9]*}
gid=; groups=
while read -r key one two rest; do # the second Gid is the effective one
  case $key in Gid:) gid=$two ;; Groups:) groups="$one $two $rest" ;; esac
done 2>/dev/null <"/proc/$pid/status"
# shellcheck disable=SC2086 # groups are numbers
groups=$(set -- $groups; IFS=,; echo "$*")
if [ -n "$gid" ]; then
  as=--clear-groups; [ -n "$groups" ] && as=--groups=$groups
  echo "may $(setpriv --reuid="$uid" --regid="$gid" "$as" sh -c "$try" sh "$@")"
fi
given=$(printf '%s\n' "${who##*groups=}" | sed 's/([^)]*)//g; s/,/ /g') more=
for group in $given; do case ",$gid,$groups," in *",$group,"*) ;; *) more=yes ;; esac; done
[ -n "$more" ] && echo "anew $(setpriv --reuid="$uid" --regid="$primary" --init-groups sh -c "$try" sh "$@")"
exit 0
