#!/usr/bin/env bash
# Writes the release that the action installs into .github/action/release.txt, from the sums that
# .github/release/pack.sh wrote.
#
#   .github/release/name.sh VERSION URL SHA256SUMS
#
# The commit with that file is the one that the tags `v1` and `v1.2` point to. It comes
# after the release, whose archives must exist before their sums are known.
set -euo pipefail

fail() { echo "name: $1" >&2; exit 2; }

[ $# = 3 ] || fail "usage: .github/release/name.sh VERSION URL SHA256SUMS"
version=${1#v} url=$2 sums=$3
file=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/.github/action/release.txt

case $url in https://*) ;; *) fail "\`$url\` is no https URL" ;; esac
grep -qE "^[0-9a-f]{64}  shipway-$version-[a-z0-9_-]+\.tar\.gz$" "$sums" || fail "$sums has no archive of version $version"
known="shipway-$version-[a-z0-9_-]+\.tar\.gz|shipway_${version}_[a-z0-9]+\.deb|shipway-$version\.spdx\.json|shipway\.schema\.json"
if grep -vqE "^[0-9a-f]{64}  ($known)$" "$sums"; then
  fail "$sums has a line that is no file of version $version"
fi
{
  grep '^#' "$file"
  echo "version $version"
  echo "url $url"
  sed -n 's/^\([0-9a-f]*\)  \(.*\.tar\.gz\)$/sha256 \1 \2/p' "$sums"
} >"$file.new"
mv "$file.new" "$file"
