#!/usr/bin/env bash
# Publishes the files of a folder as a release: a draft first, which is compared with the
# sums, then the release, whose assets cannot be changed any more.
#
#   .github/release/publish.sh TAG FOLDER        (GH_TOKEN and GITHUB_REPOSITORY are set)
set -euo pipefail

[ $# = 2 ] || { echo "usage: .github/release/publish.sh TAG FOLDER" >&2; exit 2; }
tag=$1 folder=$2
prerelease=()
case $tag in *-*) prerelease=(--prerelease) ;; esac

# A rerun continues the draft of the same tag.
if ! gh release view "$tag" >/dev/null 2>&1; then
  gh release create "$tag" --draft --verify-tag --title "$tag" --generate-notes "${prerelease[@]}"
fi
files=("$folder"/SHA256SUMS "$folder"/*.tar.gz "$folder"/*.deb)
files+=("$folder"/*.schema.json "$folder"/*.spdx.json "$folder"/shipway.rb)
gh release upload "$tag" --clobber "${files[@]}"

# GitHub's own digest of each asset, beside the sum of what was built.
gh release view "$tag" --json assets --jq '.assets[] | .digest + "  " + .name' |
  sed -n 's/^sha256:\([0-9a-f]*  .*\)$/\1/p' | grep -vE '  (SHA256SUMS|shipway\.rb)$' |
  sort -k 2 >"$folder/uploaded"
sort -k 2 "$folder/SHA256SUMS" | diff - "$folder/uploaded" || {
  echo "publish: what was uploaded is not what was built; the release stays a draft" >&2
  exit 1
}
gh release edit "$tag" --draft=false
