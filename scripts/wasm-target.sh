#!/usr/bin/env bash
# Makes this machine able to build for wasm32-unknown-unknown, and does nothing where it already is.
#
# With rustup that is one command. Where there is no rustup, or its servers are out of reach, Debian's compiler
# (packages rustc-web, cargo-web, rust-web-src and lld-N) gets a standard library for the target, built once from
# Debian's sources into the cache. What a build then needs in its environment is printed, and nothing where it needs
# nothing, so that this line is right on any machine:
#
#     eval "$(scripts/wasm-target.sh)"
#
# Options: --install installs missing Debian packages; --debian leaves rustup alone. Standard error says what is done.
set -euo pipefail

target=wasm32-unknown-unknown
install=no
rustup=yes
for option in "$@"; do
  case "$option" in
    --install) install=yes ;;
    --debian) rustup=no ;;
    *) echo "wasm-target.sh: unknown option $option; there are --install and --debian" >&2; exit 2 ;;
  esac
done

say() { echo "wasm-target.sh: $*" >&2; }

has_target() { [[ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]]; }

if [[ $rustup == yes ]]; then
  if command -v rustc >/dev/null && has_target; then exit 0; fi
  if command -v rustup >/dev/null; then
    say "adding $target with rustup"
    if rustup target add "$target" >&2 && has_target; then exit 0; fi
    say "rustup could not add it; trying Debian's compiler"
  fi
fi

if ! command -v apt-get >/dev/null; then
  say "there is neither a rustup that can add $target nor apt-get; install rustup (https://rustup.rs) and type: rustup target add $target"
  exit 1
fi

# Debian has several linkers; an old one does not know what a new compiler writes.
linker() { ls /usr/bin/wasm-ld-* 2>/dev/null | sort --version-sort | tail -n 1; }
if [[ ! -x /usr/bin/rustc || ! -x /usr/bin/cargo || -z "$(linker)" ]] \
  || ! dpkg --status rustc-web cargo-web rust-web-src >/dev/null 2>&1; then
  packages=(rustc-web cargo-web rust-web-src "$(apt-cache pkgnames lld- | grep -E '^lld-[0-9]+$' | sort --version-sort | tail -n 1)")
  if [[ $install == no ]]; then
    say "Debian packages are missing; type: sudo apt-get install ${packages[*]} (or add --install)"
    exit 1
  fi
  say "installing ${packages[*]}"
  as_root=()
  if [[ $(id -u) != 0 ]]; then as_root=(sudo --non-interactive); fi
  "${as_root[@]}" apt-get update --quiet >&2
  "${as_root[@]}" apt-get install --yes --quiet --no-install-recommends "${packages[@]}" >&2
fi

cache="${PMCP_CACHE:-${XDG_CACHE_HOME:-${HOME:?set HOME or PMCP_CACHE}/.cache}/pmcp}"
toolchain="$cache/wasm"
stamp="$(/usr/bin/rustc --version)"
if [[ "$(cat "$toolchain/stamp" 2>/dev/null)" != "$stamp" ]]; then
  say "building the standard library for $target with $stamp into the cache (about 30 s)"
  rm -rf "$toolchain"
  mkdir -p "$toolchain/bin" "$toolchain/lib/rustlib/$target/lib" "$toolchain/build/src"
  : >"$toolchain/build/src/lib.rs"
  printf '[package]\nname = "only-std"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n' >"$toolchain/build/Cargo.toml"
  # Without its bitcode the library cannot take part in link-time optimisation. The option that builds the standard
  # library is unstable; this is the way to use it with a compiler that is not a nightly.
  (
    cd "$toolchain/build"
    env -u RUSTUP_TOOLCHAIN RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Cembed-bitcode=yes CARGO_TARGET_DIR="$toolchain/build/target" \
      /usr/bin/cargo build --quiet --release --target "$target" -Zbuild-std=std,panic_abort >&2
  )
  find "$toolchain/build/target/$target/release/deps" -name 'lib*.rlib' ! -name 'libonly_std*' \
    -exec cp {} "$toolchain/lib/rustlib/$target/lib/" \;
  rm -rf "$toolchain/build"
  host="$(/usr/bin/rustc --print host-tuple)"
  ln -s "$(/usr/bin/rustc --print sysroot)/lib/rustlib/$host" "$toolchain/lib/rustlib/$host"
  printf '#!/bin/sh\nexec /usr/bin/rustc --sysroot %q "$@"\n' "$toolchain" >"$toolchain/bin/rustc"
  chmod +x "$toolchain/bin/rustc"
  echo "$stamp" >"$toolchain/stamp"
fi
# cargo takes the compiler from RUSTC, worker-build asks the one on PATH.
printf 'export RUSTC=%q\n' "$toolchain/bin/rustc"
printf 'export PATH=%q:"$PATH"\n' "$toolchain/bin"
printf 'export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=%q\n' "$(linker)"
