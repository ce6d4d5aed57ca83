#!/usr/bin/env bash
# Packs built programs into the archives of a release and writes the sums of all of them.
#
#   .github/release/pack.sh VERSION FOLDER
#
# FOLDER has a folder for each target, named as Rust names it, with the program `shipway`
# in it. The archives are reproducible: the same programs give the same sums.
set -euo pipefail

fail() { echo "pack: $1" >&2; exit 2; }

[ $# = 2 ] || fail "usage: .github/release/pack.sh VERSION FOLDER"
version=${1#v} folder=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
own=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$here/Cargo.toml" | head -n 1)
# A tag that is not the version of the crate would install one program under two names.
[ "$version" = "$own" ] || fail "the tag is for version $version, and Cargo.toml has $own"

cd "$folder"
rm -f SHA256SUMS
found=0
for program in */shipway; do
  [ -f "$program" ] || fail "there is no program in $folder"
  target=$(dirname "$program")
  archive=shipway-$version-$target.tar.gz
  cp "$here/LICENSE" "$target/LICENSE"
  chmod 755 "$program"
  tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=ustar \
    -C "$target" -cf - LICENSE shipway | gzip -9n >"$archive"
  found=$((found + 1))
done
sha256sum -- *.tar.gz >SHA256SUMS
echo "packed $found archives"
