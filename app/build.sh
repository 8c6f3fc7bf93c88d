# What ./run and ./test share: installing packages, and building. Sourced by bash
# with `root` set to the top of the tree; everything built lands in build/<kind>.
# shellcheck shell=bash
: "${root:?}"

# Where Debian keeps servers (nats-server, haproxy, nginx), and users other than root do not look.
PATH=$PATH:/usr/sbin:/sbin

say() { printf '%s\n' "$*" >&2; }

die() {
  say "$(basename "$0"): $*"
  exit 1
}

# A wrong command line: exit 2, and where to read how it is right.
misuse() {
  say "$(basename "$0"): $*"
  say "Try: $0 --help"
  exit 2
}

wanted_packages() { sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$root/packages.txt"; }

# The packages of packages.txt that are neither installed nor provided by one that is: other makers'
# nodejs brings its own npm and does not suffer Debian's. One call of dpkg-query, for speed.
missing_packages() {
  local installed
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}, ${Provides}\n' |
    sed -n 's/^installed //p' | sed -e 's/ *([^)]*)//g' -e 's/, */\n/g')
  comm -23 <(wanted_packages | sort -u) <(sort -u <<<"$installed")
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "must be root, or have sudo, to install packages: $*"
  fi
}

# Installs quietly, and keeps Debian from starting the servers among the packages (nats-server,
# haproxy, nginx): 101 is how a policy-rc.d says no. A policy that is already there is respected.
apt_install() (
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'as_root rm -f "$policy"' EXIT # Also when interrupted.
    trap 'exit 130' INT TERM HUP
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 -qq "$@" >&2
)

# True if apt has heard of every package: then its lists need no update first.
apt_knows() {
  local package
  for package in "$@"; do
    [ -n "$(apt-cache show --no-all-versions "$package" 2>/dev/null)" ] || return 1
  done
}

apt_update() {
  say "Updating the package lists ..."
  as_root apt-get update -qq >&2
}

install_packages() {
  command -v dpkg-query >/dev/null || die "needs Debian 12 or newer: there is no dpkg here"
  local -a missing
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -gt 0 ] || return 0
  say "Installing ${#missing[@]} packages: ${missing[*]}"
  apt_knows "${missing[@]}" || apt_update || die "apt-get update failed"
  # Old lists may name versions that the mirrors have dropped: once more with new ones.
  apt_install "${missing[@]}" || { apt_update && apt_install "${missing[@]}"; } ||
    die "could not install the packages; the messages above say why"
}

# What the test clients are made of: the npm packages of tests/clients/package.json, in build/clients.
# False, with a word on what to do, if they are not there and cannot be had.
install_clients() {
  local wanted=$root/tests/clients/package.json dir=$root/build/clients
  mkdir -p "$dir"
  (
    flock 9
    cmp -s "$wanted" "$dir/installed.json" && exit 0
    say "Installing the npm packages of tests/clients/package.json ..."
    rm -rf "$dir/node_modules" "$dir/installed.json"
    cp "$wanted" "$dir/package.json"
    # No scripts of strangers, and no lock file: it would name the registry's address.
    (cd "$dir" && npm install --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error \
      --prefer-offline --fetch-retries=2 --fetch-retry-mintimeout=2000 --fetch-retry-maxtimeout=5000 >&2) || {
      say "Could not install the npm packages (see above). They come from the npm registry: make it
reachable from here, or name a mirror of it by 'npm config set registry URL', and run this again."
      exit 1
    }
    cp "$wanted" "$dir/installed.json"
  ) 9>"$dir/lock"
}

cmake_options() {
  case $1 in
  release) ;;
  asan) echo -DSHUNT_SANITIZE=address,undefined ;;
  tsan) echo -DSHUNT_SANITIZE=thread ;;
  # File by file: its targets link only what they use, and a name that a file took from another is noticed.
  fuzz) echo -DSHUNT_FUZZ=ON -DCMAKE_UNITY_BUILD=OFF -DCMAKE_CXX_COMPILER=clang++ ;;
  *) die "no such kind of build: $1" ;;
  esac
}

# What CMake has to see again when it changes; what it has read once, ninja watches itself.
configuration_of() (
  cd "$root" && cmake_options "$1" && ls -1 ./*/CMakeLists.txt ./tests/*/CMakeLists.txt ./app/main.cpp 2>/dev/null
  true
)

configure() {
  local kind=$1 dir=$root/build/$1
  local stamp=$dir/configured now
  now=$(configuration_of "$kind")
  [ -f "$dir/build.ninja" ] && [ "$now" = "$(cat "$stamp" 2>/dev/null)" ] && return 0
  say "Configuring build/$kind ..."
  mkdir -p "$dir"
  # shellcheck disable=SC2046  # No option holds a space.
  cmake -S "$root" -B "$dir" -G Ninja -DCMAKE_BUILD_TYPE=Release $(cmake_options "$kind") \
    >"$dir/configure.log" 2>&1 || {
    cat "$dir/configure.log" >&2
    return 1
  }
  printf '%s\n' "$now" >"$stamp"
}

# build KIND [TARGET...]: up to date or an error. One at a time: two runs must not share a directory.
build() {
  local kind=$1 dir=$root/build/$1
  shift
  mkdir -p "$dir"
  (
    flock 9
    configure "$kind" || exit 1
    # Silent when there is nothing to do, and quick: what it would do is known in milliseconds.
    ninja -C "$dir" -n "$@" 2>/dev/null | grep -q 'no work to do' && exit 0
    say "Building build/$kind ..."
    NINJA_STATUS='[%f/%t %es] ' ninja -C "$dir" -j "$(nproc)" "$@" >&2 9>&-
  ) 9>"$dir/lock"
}
