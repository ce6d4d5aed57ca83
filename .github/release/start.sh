#!/usr/bin/env bash
# Starts a program in a root file system that has nothing but the program: one that needs a
# library, a loader or a file of the system does not start there.
#
#   .github/release/start.sh PROGRAM [ARGUMENT…]      default: --version
#
# A program for another processor is run by qemu's user emulation. On macOS, which has no such
# roots, it is started without any variable, if all of its libraries are the system's.
set -euo pipefail

fail() { echo "start: $1" >&2; exit 1; }

[ $# -ge 1 ] || { echo "usage: .github/release/start.sh PROGRAM [ARGUMENT…]" >&2; exit 2; }
program=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- --version
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

if [ "$(uname -s)" = Darwin ]; then
  foreign=$(otool -L "$program" | tail -n +2 | grep -vE '^[[:space:]]+/(usr/lib|System/Library)/' || true)
  [ -z "$foreign" ] || fail "$program needs libraries that macOS does not have:$foreign"
  env -i "$program" "$@" || fail "$program does not start"
  exit
fi

# Bytes 18 and 19 of an ELF file are its processor.
case $(od -An -tx1 -j18 -N2 "$program" | tr -d ' ') in
  3e00) processor=x86_64 ;;
  b700) processor=aarch64 ;;
  *) fail "$program is no program for x86-64 or arm64" ;;
esac
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
name=$(basename "$program")
cp "$program" "$root/$name"
command=("/$name")
if [ "$processor" != "$(uname -m)" ]; then
  qemu=$(command -v "qemu-$processor-static") ||
    fail "$program is for $processor; install qemu-user-static to start it here"
  cp "$qemu" "$root/qemu"
  command=(/qemu "/$name")
fi
as_root chroot "$root" "${command[@]}" "$@" ||
  fail "$program does not start without the files of a system"
