#!/usr/bin/env bash
# Makes the commit whose action installs a release, and moves the tags that float to it: of
# v1.2.3 they are v1 and v1.2, unless a higher version has them.
#
#   .github/release/move.sh TAG SHA256SUMS
set -euo pipefail

[ $# = 2 ] || { echo "usage: .github/release/move.sh TAG SHA256SUMS" >&2; exit 2; }
tag=$1 sums=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
url=${GITHUB_SERVER_URL:-https://github.com}/$GITHUB_REPOSITORY/releases/download/$tag

"$here/.github/release/name.sh" "$tag" "$url" "$sums"
cd "$here"
git add .github/action/release.txt
git -c user.name=github-actions -c user.email=github-actions@users.noreply.github.com \
  commit --quiet --message "Install $tag in the action"
# The commit of the action for exactly this version, for those who pin by a tag.
git tag "$tag-action"
moved=("refs/tags/$tag-action")

# Whether $1 is the highest released version among the tags that match $2.
is_highest() {
  local highest
  highest=$(git tag --list "$2" | grep -E '^v[0-9]+\.[0-9]+\.[0-9]+$' | sort -V | tail -n 1)
  [ "$highest" = "$1" ]
}

if [[ $tag =~ ^v([0-9]+)\.([0-9]+)\.[0-9]+$ ]]; then
  major=v${BASH_REMATCH[1]} minor=v${BASH_REMATCH[1]}.${BASH_REMATCH[2]}
  if is_highest "$tag" "$minor.*"; then
    git tag --force "$minor" >/dev/null
    moved+=("refs/tags/$minor")
  fi
  if is_highest "$tag" "$major.*"; then
    git tag --force "$major" >/dev/null
    moved+=("refs/tags/$major")
  fi
fi
git push --quiet --force origin "${moved[@]}"
echo "moved ${moved[*]} to $(git rev-parse HEAD)"
