#!/usr/bin/env bash
# Puts `shipway` on the runner and tells the next step of the action where it is.
#
# The binary is that of the release which `release.txt` beside this script names. Its
# SHA-256 is there too, in the commit of the action that the caller has pinned, so that a
# release which was changed afterwards is refused. Nothing is run that was not compared.
set -euo pipefail
unset BASH_ENV ENV

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
release=$here/release.txt
how=${SHIPWAY_INSTALL:-auto}

# A text as the data of a command of the runner, which ends with its line.
data() {
  local text=${1//'%'/%25}
  text=${text//$'\r'/%0D}
  printf '%s' "${text//$'\n'/%0A}"
}

fail() {
  echo "::error title=Shipway::$(data "$1")${2:+%0Ahelp: $(data "$2")}" >&2
  exit 3
}

# The value of a line `NAME VALUE` of release.txt.
named() { sed -n "s/^$1 //p" "$release" 2>/dev/null | head -n 1; }

# The SHA-256 that release.txt has for a file; empty without one.
expected_sum() { awk -v name="$1" '$1 == "sha256" && $3 == name { print $2 }' "$release"; }

actual_sum() {
  if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

# Rust's name of the platform of this runner.
platform() {
  local system=${RUNNER_OS:-$(uname -s)} machine=${RUNNER_ARCH:-$(uname -m)}
  case $system/$machine in
    Linux/X64 | Linux/x86_64) echo x86_64-unknown-linux-musl ;;
    Linux/ARM64 | Linux/aarch64) echo aarch64-unknown-linux-musl ;;
    macOS/X64 | Darwin/x86_64) echo x86_64-apple-darwin ;;
    macOS/ARM64 | Darwin/arm64) echo aarch64-apple-darwin ;;
    # It ends children, and keeps their files to itself, with means of Unix.
    Windows/*)
      fail "Shipway does not run on $system" "give the job \`runs-on: ubuntu-latest\`"
      ;;
    *) fail "there is no release of Shipway for $system/$machine" "\`install: source\` builds it, which needs Rust's toolchain" ;;
  esac
}

tell() {
  echo "program=$1" >>"${GITHUB_OUTPUT:-/dev/stdout}"
}

# Builds the commit of the action, which is the one that the caller has pinned.
build() {
  local manifest=$here/../../Cargo.toml
  command -v cargo >/dev/null ||
    fail "Shipway cannot be built, because \`cargo\` is not installed" "install Rust's toolchain in an earlier step, or pin a release of the action"
  cargo build --release --locked --quiet --manifest-path "$manifest"
  tell "${CARGO_TARGET_DIR:-$here/../../target}/release/shipway"
}

download() {
  local protocols='=https'
  # The sum is compared in any case. A mirror on this machine has no certificate.
  case $1 in http://127.0.0.1:* | http://localhost:*) protocols='=http' ;; esac
  curl --proto "$protocols" --tlsv1.2 --fail --silent --show-error --location \
    --retry 3 --retry-connrefused --connect-timeout 15 --max-time 300 --output "$2" "$1"
}

install() {
  local version target archive sum place
  version=$(named version)
  target=$(platform)
  archive=shipway-$version-$target.tar.gz
  sum=$(expected_sum "$archive")
  [ -n "$sum" ] ||
    fail "cannot install Shipway $version: this commit of the action has no checksum for \`$archive\`" "pin another release of the action, or build it: \`install: source\`"
  place=${RUNNER_TOOL_CACHE:-${RUNNER_TEMP:-/tmp}}/shipway/$version/$target
  # The sum that was compared when it was installed.
  if [ -x "$place/shipway" ] && [ "$(cat "$place/installed" 2>/dev/null)" = "$sum" ]; then
    tell "$place/shipway"
    return
  fi
  fetch "$archive" "$sum" "$place"
  tell "$place/shipway"
}

fetch() {
  local archive=$1 sum=$2 place=$3 url scratch found
  url=${SHIPWAY_RELEASE_URL:-$(named url)}/$archive
  mkdir -p "$place"
  # Beside its place, so that moving it there is one step: another job of this runner may
  # install it at the same time.
  scratch=$(mktemp -d "$place/.new.XXXXXX")
  # shellcheck disable=SC2064 # the name is known now, and not when the trap runs
  trap "rm -rf '$scratch'" EXIT
  download "$url" "$scratch/archive" ||
    fail "cannot download $url" "try again, or build it: \`install: source\`"
  found=$(actual_sum "$scratch/archive")
  [ "$found" = "$sum" ] ||
    fail "$url is not what this commit of the action expects: its SHA-256 is $found, not $sum" "nothing was installed; if the release was replaced, do not use it"
  tar -xzf "$scratch/archive" -C "$scratch" shipway
  chmod 755 "$scratch/shipway"
  mv -f "$scratch/shipway" "$place/shipway"
  printf '%s' "$sum" >"$scratch/installed"
  mv -f "$scratch/installed" "$place/installed"
}

has_release() { [ -n "$(named version)" ]; }

case $how in
  source) build ;;
  release)
    has_release || fail "this commit of the action names no release of Shipway" "pin the commit of a release, or build it: \`install: source\`"
    install
    ;;
  auto)
    if has_release; then
      install
    else
      # A commit between two releases: its inputs may be newer than any binary.
      echo "::notice title=Shipway::this commit of the action names no release, so it is built from source, which takes some minutes; the commit of a release has a binary"
      build
    fi
    ;;
  *) fail "the input \`install\` is \`$how\`" "it is \`auto\`, \`release\` or \`source\`" ;;
esac
