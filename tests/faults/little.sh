# A transaction of twenty lines, to test the instruments with: two files of nginx become new together, or stay as they are.
# `sh little.sh apply|recover`; the journal is /var/lib/remediate/t with before/N, after/N and the state as a file's name.
# $unsafe names what is left out: fsync, journal, tidy, recover, reload.
: "${unsafe:=}"
base=/var/lib/remediate/t etc=/etc/nginx
flush() { case $unsafe in fsync) ;; *) sync -- "$@" ;; esac; }
become() { mv "$base/state.$1" "$base/state.$2" && flush "$base"; }
copy() { # FROM TO; not by cp or cat: on xfs they share the blocks, and those are durable
  rm -f "$2" && sed "" "$1" >"$2" && { cp -a --attributes-only "$1" "$2" 2>/dev/null || chmod 640 "$2" && chown 0:33 "$2"; }
}
put() { # FOLDER: each file by a staged copy and a rename
  for n in 1 2; do
    copy "$base/$1/$n" "$etc/.$n.new" && flush "$etc/.$n.new" && mv "$etc/.$n.new" "$etc/$n" || return
  done
  flush "$etc"
}
clean() { [ "$unsafe" = tidy ] || rm -f "$etc/.1.new" "$etc/.2.new"; flush "$etc"; }
case $1 in
  apply)
    cp -a "$etc/1" "$etc/2" "$base/before/" && flush "$base/before/1" "$base/before/2" "$base/before" || exit
    [ "$unsafe" = journal ] || become NEW SWAPPING || exit
    put after && systemctl reload nginx.service || exit
    [ "$unsafe" = tidy ] && : >"$etc/.left"
    become "$([ "$unsafe" = journal ] && echo NEW || echo SWAPPING)" COMMITTED && echo COMMITTED
    ;;
  recover)
    [ "$unsafe" != recover ] || exit 0
    if [ -e "$base/state.SWAPPING" ]; then
      put before && { [ "$unsafe" = reload ] || systemctl reload nginx.service; } && become SWAPPING ROLLED_BACK
    elif [ -e "$base/state.NEW" ]; then
      become NEW REFUSED
    fi
    clean
    ;;
esac
