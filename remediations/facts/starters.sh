# shellcheck shell=sh
# Who starts a program, as systemd's unit files say: `UNIT PROGRAM ARGUMENTS` a line, those that are enabled first.

starters() { # an extended regular expression of the program's name
  started=$(
    grep -sE "^ExecStart=[-@:+!]*[^ ]*/($1)( |\$)" /etc/systemd/system/*.service /run/systemd/system/*.service \
      /usr/lib/systemd/system/*.service /lib/systemd/system/*.service /dev/null |
      sed 's,^[^:]*/\([^/:]*\):ExecStart=[-@:+!]*,\1 ,' | awk '!seen[$1]++'
  )
  printf '%s\n' "$started" | while read -r unit command; do
    for link in /etc/systemd/system/*.wants/"$unit"; do [ -L "$link" ] && echo "$unit $command" && break; done
  done
  printf '%s\n' "$started"
}
