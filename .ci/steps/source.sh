# shellcheck shell=bash
# shellcheck disable=SC2154  # $root is .ci/run's
# What is read, not run: scripts, style, the second compiler, clang-tidy.

# Files of the tree: those git knows of, and new ones it does not ignore.
tree_files() {
  git -c safe.directory="$root" ls-files --cached --others --exclude-standard -- "$@" | sort -u | while read -r file; do
    if [[ -f $file ]]; then printf "%s\n" "$file"; fi
  done
}

step_shell() {
  local file scripts=()
  while read -r file; do
    case $file in
      *.sh) scripts+=("$file") ;;
      *) if head -c 64 "$file" | head -n 1 | grep -qaE '^#!.*\b(ba)?sh\b'; then scripts+=("$file"); fi ;;
    esac
  done < <(tree_files)
  shellcheck --external-sources --source-path="$root" "${scripts[@]}" || return
  echo "${#scripts[@]} scripts"
}

step_format() {
  local files
  mapfile -t files < <(tree_files '*.cpp' '*.hpp' '*.c' '*.h')
  local wrong
  wrong=$(clang-format-14 --dry-run --Werror "${files[@]}" 2>&1 | sed -n 's/^\([^:]*\):[0-9]*:.*-Wclang-format-violations.*/\1/p' | sort | uniq -c)
  if [[ -n $wrong ]]; then
    printf '%s\n' "$wrong"
    refuse "places per file that clang-format-14 -i would change"
  fi
  echo "${#files[@]} files"
}

# build/clang: configured, not built.
configure_clang() {
  mkdir -p build
  cmake -S . -B build/clang -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=Debug >build/clang.configure.log 2>&1 || {
    cat build/clang.configure.log
    refuse "cmake could not configure the tree for clang"
  }
}

step_syntax() {
  configure_clang
  /usr/bin/python3 .ci/steps/clang_syntax.py build/clang
}

# The files of the last commit and those changed since; all of them where there is no commit before it.
changed_files() {
  if git -c safe.directory="$root" rev-parse --quiet --verify "${TENON_TIDY_BASE:-HEAD~1}" >/dev/null; then
    git -c safe.directory="$root" diff --name-only --diff-filter=d "${TENON_TIDY_BASE:-HEAD~1}" -- '*.cpp' '*.c'
    git -c safe.directory="$root" ls-files --others --exclude-standard -- '*.cpp' '*.c'
  else
    tree_files '*.cpp' '*.c'
  fi
}

step_tidy() {
  configure_clang
  changed_files | /usr/bin/python3 .ci/steps/clang_tidy.py build/clang --seconds "${TENON_TIDY_SECONDS:-240}"
}
