#!/usr/bin/env bash
# Packs built programs into the files of a release, and writes the sums of all of them: an
# archive for each target, a Debian package for those of Linux, the JSON Schema of plans, and
# the SBOM.
#
#   .github/release/pack.sh VERSION FOLDER        (GITHUB_REPOSITORY is set)
#
# FOLDER has a folder for each target, named as Rust names it, with the program `shipway`
# in it. What is packed is reproducible: the same programs give the same sums.
set -euo pipefail

fail() { echo "pack: $1" >&2; exit 2; }

[ $# = 2 ] || fail "usage: .github/release/pack.sh VERSION FOLDER"
version=${1#v} folder=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
own=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$here/Cargo.toml" | head -n 1)
# A tag that is not the version of the crate would install one program under two names.
[ "$version" = "$own" ] || fail "the tag is for version $version, and Cargo.toml has $own"

cd "$folder"
rm -f SHA256SUMS ./*.tar.gz ./*.deb ./*.schema.json
# Of the newest release, whichever that is: editors and SchemaStore name this URL.
schema_url=${GITHUB_SERVER_URL:-https://github.com}/$GITHUB_REPOSITORY/releases/latest/download/shipway.schema.json
files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT

# Completions and manual pages, which any of the programs writes that starts on this machine.
write_files() {
  mkdir -p "$files/completions" "$files/man"
  "$1" completions bash >"$files/completions/shipway.bash"
  "$1" completions zsh >"$files/completions/_shipway"
  "$1" completions fish >"$files/completions/shipway.fish"
  "$1" completions powershell >"$files/completions/shipway.ps1"
  "$1" man --dir "$files/man" >/dev/null
  "$1" schema --id "$schema_url" >shipway.schema.json
  cp "$here/LICENSE" "$files/LICENSE"
}
for program in */shipway; do
  [ -f "$program" ] || fail "there is no program in $folder"
  chmod 755 "$program"
  if [ ! -e "$files/LICENSE" ] && "./$program" --version >/dev/null 2>&1; then
    write_files "./$program"
  fi
done
[ -e "$files/LICENSE" ] || fail "none of the programs starts on this machine"

found=0
for program in */shipway; do
  target=$(dirname "$program")
  cp "$program" "$files/shipway"
  tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --format=ustar \
    -C "$files" -cf - LICENSE completions man shipway | gzip -9n >"shipway-$version-$target.tar.gz"
  case $target in
    *-linux-*) "$here/.github/release/deb.sh" "$version" "$target" "$target" "$files" ;;
  esac
  found=$((found + 1))
done
"$here/.github/release/sbom.py" "$version" >"shipway-$version.spdx.json"
sha256sum -- *.tar.gz *.deb *.schema.json *.spdx.json >SHA256SUMS
echo "packed $found programs"
