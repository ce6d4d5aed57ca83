#!/usr/bin/env bash
# Packs a program as a Debian package: the same program gives the same bytes.
#
#   .github/release/deb.sh VERSION TARGET FOLDER FILES
#
# FOLDER has the program `shipway`, and gets the package beside it. FILES has `completions` and
# `man`, which are the same for all targets.
set -euo pipefail

fail() { echo "deb: $1" >&2; exit 2; }

[ $# = 4 ] || fail "usage: .github/release/deb.sh VERSION TARGET FOLDER FILES"
version=$1 target=$2 folder=$3 files=$4
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
case $target in
  x86_64-*) architecture=amd64 ;;
  aarch64-*) architecture=arm64 ;;
  *) fail "Debian has no name for $target" ;;
esac
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
put() { install -D -m "$1" "$2" "$root/$3"; }

put 755 "$folder/shipway" usr/bin/shipway
put 644 "$files/completions/shipway.bash" usr/share/bash-completion/completions/shipway
put 644 "$files/completions/_shipway" usr/share/zsh/vendor-completions/_shipway
put 644 "$files/completions/shipway.fish" usr/share/fish/vendor_completions.d/shipway.fish
for page in "$files"/man/*.1; do
  put 644 "$page" "usr/share/man/man1/$(basename "$page")"
done
gzip -9n "$root"/usr/share/man/man1/*.1
put 644 "$here/LICENSE" usr/share/doc/shipway/copyright
put 644 "$here/CHANGELOG.md" usr/share/doc/shipway/changelog
gzip -9n "$root/usr/share/doc/shipway/changelog"
mkdir "$root/DEBIAN"
# A pre-release sorts before its release: `-` begins a revision there, and `~` sorts first.
cat >"$root/DEBIAN/control" <<CONTROL
Package: shipway
Version: ${version//-/\~}
Architecture: $architecture
Maintainer: The Shipway developers <shipway@users.noreply.github.com>
Installed-Size: $(du -sk --apparent-size "$root/usr" | cut -f 1)
Recommends: ca-certificates, git
Section: devel
Priority: optional
Description: takes a container from source to a verified public URL
 Builds, tags, pushes, deploys and verifies containers on Azure by one plan,
 and rehearses the whole of it in a cloud on this machine.
CONTROL
find "$root" -type d -exec chmod 755 {} +
find "$root" -exec touch --no-dereference --date=@0 {} +
SOURCE_DATE_EPOCH=0 dpkg-deb --root-owner-group -Zgzip --build "$root" \
  "$(dirname "$folder")/shipway_${version}_$architecture.deb" >/dev/null
