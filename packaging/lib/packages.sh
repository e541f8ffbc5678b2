# shellcheck shell=bash
# Debian packages: what is missing of a list, and installing exactly that. Sourced by quickstart, which gives say and refuse.

# missing_packages FILE...: what has to be installed for every line of the lists to hold.
missing_packages() {
  local line choice choices installed
  # One question for all names; dpkg-query fails for those it does not know and prints the others.
  # shellcheck disable=SC2016  # the format is dpkg-query's
  installed=" $(sed 's/#.*//; s/|/ /g' "$@" | xargs dpkg-query --show --showformat='${db:Status-Status}:${Package} ' 2>/dev/null || true)"
  while IFS= read -r line; do
    IFS=$' \t|' read -ra choices <<<"${line%%#*}"
    [[ ${#choices[@]} -gt 0 ]] || continue
    for choice in "${choices[@]}"; do
      if [[ $installed == *" installed:$choice "* ]]; then continue 2; fi
    done
    choice=${choices[0]}
    # The -dev packages of two Boost series exclude each other: the series that is there decides.
    if [[ $installed == *" installed:libboost1.81-dev "* && ${choices[1]:-} == *1.81* ]]; then choice=${choices[1]}; fi
    printf '%s\n' "$choice"
  done < <(cat "$@")
}

# need_space PATH MEGABYTES WHAT-FOR
need_space() {
  local path=$1 free
  while [[ ! -e $path ]]; do path=$(dirname "$path"); done
  free=$(df --output=avail -BM "$path" | tail -n 1 | tr -dc '0-9')
  if ((free < $2)); then refuse "$3 needs about $2 MB, but only $free MB are free at $path: make room and try again"; fi
}

# What /etc/os-release says of this distribution and those it derives from.
distribution() {
  { sed -n -E 's/^(ID|ID_LIKE)=//p' "${TENON_OS_RELEASE:-/etc/os-release}" 2>/dev/null || true; } | tr -d '"' | tr '\n' ' '
}

ensure_packages() {
  local missing as_root=() log system
  system=$(distribution)
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null || [[ " $system" != *" debian "* ]]; then
    refuse "the packages are those of Debian 12, but this machine is \`${system:-unknown }\`:" \
      "install the counterparts of packaging/packages.txt by hand, then use cmake --preset release"
  fi

  mapfile -t missing < <(missing_packages "$@")
  if ((${#missing[@]} == 0)); then
    say "all packages are installed"
    return
  fi

  if ((EUID != 0)); then
    local by_hand="let root run: apt-get install --no-install-recommends ${missing[*]}"
    command -v sudo >/dev/null || refuse "packages are missing and there is no sudo; $by_hand"
    say "sudo is needed for apt-get, and for nothing else"
    sudo -n true 2>/dev/null || sudo -v || refuse "sudo did not let you in; $by_hand"
    as_root=(sudo)
  fi
  need_space /var/cache/apt 1500 "installing packages"
  say "installing ${#missing[@]} packages, a minute or two: ${missing[*]}"
  log=$(mktemp)
  # An extra source of this machine that is out of reach is no reason to stop: what counts is whether the packages can be had.
  "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=300 -q update </dev/null >"$log" 2>&1 || true
  if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -q \
    install -y --no-install-recommends "${missing[@]}" </dev/null >>"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    refuse "apt-get could not install the packages, its words are above; if this machine is offline, connect it this once"
  fi
  rm -f "$log"
  mapfile -t missing < <(missing_packages "$@")
  if ((${#missing[@]} > 0)); then refuse "apt-get reported success, but these packages are still missing: ${missing[*]}"; fi
}
