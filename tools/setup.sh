#!/bin/sh
# Sets a checkout up: Debian packages for what is missing, then .venv from the hash-pinned lock. Says each step; safe to
# repeat, and done in a moment where nothing is left to do.
set -eu
cd "$(dirname "$0")/.."

LOCK=requirements/dev.lock
POLICY=/usr/sbin/policy-rc.d
SAVED=$POLICY.before-remediate
OURS='Placed by tools/setup.sh for the time of its apt-get'

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# PROGRAM PACKAGE: what the lab, the linters and the tests against the real nginx and php-fpm call.
programs() {
  cat <<'END'
mmdebstrap mmdebstrap
systemd-nspawn systemd-container
ip iproute2
nft nftables
ssh openssh-client
curl curl
wget wget
busybox busybox
setfacl acl
setfattr attr
mkfs.ext4 e2fsprogs
mkfs.xfs xfsprogs
shellcheck shellcheck
nginx nginx-light
php-fpm8.2 php8.2-fpm
END
}

usable_python() { # PYTHON: at least 3.11, and able to make a venv with pip
  "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
  for candidate in python3 /usr/bin/python3; do
    if usable_python "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

missing_packages() {
  find_python >/dev/null || printf 'python3 python3-venv '
  programs | while read -r program package; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null || printf '%s ' "$package"
  done
}

install_packages() { # PACKAGE...
  [ "$(id -u)" = 0 ] || fail "these Debian packages are missing and only root can install them: $*"
  command -v apt-get >/dev/null || fail "there is no apt-get here; install what provides: $*"
  say "installing Debian packages: $*"
  log=$(mktemp)
  forbid_starts
  trap 'allow_starts; rm -f "$log"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if ! { apt_install "$@" || { apt-get -qq update; apt_install "$@"; }; } </dev/null >"$log" 2>&1; then
    cat "$log" >&2
    fail "apt-get failed; its words are above. These packages are Debian 12's (bookworm)."
  fi
  allow_starts
  rm -f "$log"
  trap - EXIT INT TERM
  stay_off "$@"
}

apt_install() { # waits for another apt, such as that of a machine's first minutes
  DEBIAN_FRONTEND=noninteractive apt-get -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 install "$@"
}

# nginx and PHP-FPM are asked about configurations, they are not to serve: nothing starts now, nor at the next boot.
forbid_starts() {
  [ -e "$SAVED" ] || [ ! -e "$POLICY" ] || mv "$POLICY" "$SAVED"
  printf '#!/bin/sh\n# %s.\nexit 101\n' "$OURS" >"$POLICY"
  chmod 755 "$POLICY"
}

allow_starts() {
  rm -f "$POLICY"
  [ ! -e "$SAVED" ] || mv "$SAVED" "$POLICY"
}

stay_off() {
  command -v systemctl >/dev/null || return 0
  for package in "$@"; do
    case $package in
      nginx-light) systemctl disable --quiet nginx.service 2>/dev/null ;;
      php8.2-fpm) systemctl disable --quiet php8.2-fpm.service 2>/dev/null ;;
    esac || fail "$package is installed but could not be disabled: it would start at the next boot"
  done
}

install_venv() {
  python=$(find_python) || fail "no python3 of 3.11 or newer with venv; Debian 12 has one: apt-get install python3-venv"
  .venv/bin/python -c '' 2>/dev/null || {
    say "making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
  }
  say "installing $(grep -c '==' "$LOCK") Python packages from $LOCK, each checked against its hash"
  pip install --require-hashes -r "$LOCK"
  say "installing the checkout itself, editable"
  pip install --no-deps --no-build-isolation -e .
}

pip() { .venv/bin/python -m pip --quiet --quiet --disable-pip-version-check --no-input "$@"; }

# Other requirements, another project file or another place of the checkout make another stamp.
stamp() { printf '.venv/.set-up-%s\n' "$({ cat "$LOCK" pyproject.toml; pwd; } | sha256sum | cut -c1-16)"; }

# A set-up that was killed in the middle of apt-get could not take its policy away.
! grep -qs "$OURS" "$POLICY" || allow_starts
packages=$(missing_packages)
# shellcheck disable=SC2086  # words are meant
[ -z "$packages" ] || install_packages $packages
if [ -e "$(stamp)" ] && .venv/bin/python -c '' 2>/dev/null; then
  say "up to date"
else
  install_venv
  rm -f .venv/.set-up-*
  : >"$(stamp)"
  say "done: . .venv/bin/activate, then invoke --list"
fi
