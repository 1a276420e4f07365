# shellcheck shell=bash disable=SC2086,SC2046,SC2154 # lists of package names are split into words on purpose
# Shared by ./demo, ./check and tools/setup_aarch64: messages, Debian packages, builds. Sourced by bash, never
# run. The caller has set `source_root` (the repository) and `script_name` (how it signs its messages).

build_root=$(realpath -m "${KILTER_BUILD:-$source_root/build}")
log_folder=$build_root/logs
jobs=$(nproc 2>/dev/null || echo 2)

say() { printf '%s: %s\n' "$script_name" "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

# fail_with_log LOG SENTENCE...: what went wrong, after the end of the log that shows it.
fail_with_log() {
  local log=$1
  shift
  printf -- '---- the end of %s\n' "$log" >&2
  tail -n 40 "$log" >&2
  printf -- '----\n' >&2
  fail "$*"
}

make_log_folder() {
  mkdir -p "$log_folder" 2>/dev/null && [ -w "$log_folder" ] ||
    fail "cannot write to $build_root; set KILTER_BUILD to a folder that can be written"
}

# packages SECTION...: the names listed under these headings of packages.txt.
packages() {
  local section
  for section in "$@"; do
    awk -v wanted="[$section]" '/^\[/ { inside = ($1 == wanted); next } inside && NF && !/^#/ { print $1 }' \
      "$source_root/tools/packages.txt"
  done | sort -u
}

missing_packages() {
  local name
  for name in $(packages "$@"); do
    dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed || echo "$name"
  done
}

# as_root COMMAND...: through sudo only when needed; without a terminal sudo must not ask for a password.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif [ -t 0 ]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

# --no-remove: a package of ours that conflicts with one of yours is for you to decide.
apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
    install -y --no-install-recommends --no-remove "$@"
}

# install_packages SECTION...: installs what is missing of these sections, saying so first.
install_packages() {
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    say "this is not a Debian system; going on with what is installed. Needed, by their Debian names:" \
      $(packages "$@")
    return
  fi
  local missing log=$log_folder/packages.log
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0

  say "installing Debian packages:" $missing
  [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
    fail "not root, and sudo is not installed; as root, type: apt-get install" $missing
  apt_install $missing >"$log" 2>&1 && return
  # The package lists may be absent (a fresh container) or old (a version that the mirror has dropped).
  say "fetching the package lists, then trying again"
  as_root apt-get -o DPkg::Lock::Timeout=300 update >>"$log" 2>&1 && apt_install $missing >>"$log" 2>&1 ||
    fail_with_log "$log" "could not install the packages; is there a network, is this Debian 12, may you" \
      "use sudo, would a package of yours have to go? By hand: apt-get install" $missing
}

# Passes on every tenth part of ninja's "[12/345] ..." lines.
show_progress() {
  local line tenth last=0
  while IFS= read -r line; do
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]] || continue
    tenth=$((10 * BASH_REMATCH[1] / BASH_REMATCH[2]))
    [ "$tenth" = "$last" ] || say "  $((10 * tenth)) % (step ${BASH_REMATCH[1]} of ${BASH_REMATCH[2]})"
    last=$tenth
  done
}

# build PRESET TARGET [CMAKE_OPTION...]: configures and builds one target into $build_root/PRESET.
build() {
  local preset=$1 target=$2 log=$log_folder/build_$1.log
  shift 2
  say "building ($preset) in $build_root/$preset"
  (cd "$source_root" && cmake --preset "$preset" -B "$build_root/$preset" "$@") >"$log" 2>&1 ||
    fail_with_log "$log" "CMake could not configure the $preset build"
  NINJA_STATUS='[%f/%t] ' cmake --build "$build_root/$preset" --target "$target" --parallel "$jobs" 2>&1 |
    tee -a "$log" | show_progress
  [ "${PIPESTATUS[0]}" = 0 ] || fail_with_log "$log" "the $preset build failed"
}
