# shellcheck shell=bash
# Configuring and building one preset. Sourced by quickstart and .ci/run, which give say, refuse and $root.
# shellcheck disable=SC2154

# As many compilers as cores, but at most one per GiB of free memory.
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ { print int($2 / 1048576) }' /proc/meminfo)
  ((memory >= 1)) || memory=1
  echo $((cores < memory ? cores : memory))
}

# configure PRESET [CMAKE-OPTION...]
configure() {
  local preset=$1 cache=$root/build/$1/CMakeCache.txt options=()
  shift
  # A clone that was moved or copied along with its build directory.
  if [[ -e $cache ]] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$cache"; then options+=(--fresh); fi
  if command -v ccache >/dev/null; then options+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  cmake -S "$root" --preset "$preset" "${options[@]}" "$@" >"$root/build/$preset.configure.log" 2>&1 || {
    cat "$root/build/$preset.configure.log" >&2
    refuse "cmake could not configure the preset $preset (see above)"
  }
}

# build PRESET GIGABYTES [CMAKE-OPTION...]: what one sees is ninja's progress.
build() {
  local preset=$1 gigabytes=$2 started=$SECONDS
  shift 2
  mkdir -p "$root/build" 2>/dev/null || true
  if [[ ! -w $root/build ]]; then refuse "$root/build cannot be written to: it takes a clone of your own"; fi
  [[ -e $root/build/$preset/build.ninja ]] || need_space "$root/build" $((gigabytes * 1024)) "building the preset $preset"
  say "configuring build/$preset"
  configure "$preset" "$@"
  say "building build/$preset"
  cmake --build "$root/build/$preset" --parallel "$(build_jobs)" || refuse "the build of the preset $preset failed (see above)"
  say "build/$preset is up to date, $((SECONDS - started)) s"
}
