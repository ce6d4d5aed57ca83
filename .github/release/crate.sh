#!/usr/bin/env bash
# Publishes the crate of a release, unless that version is published: a release that broke off is
# run again.
#
#   .github/release/crate.sh TAG        (CARGO_REGISTRY_TOKEN is set)
set -euo pipefail
cd "$(dirname "$0")/../.."

[ $# = 1 ] || { echo "usage: .github/release/crate.sh TAG" >&2; exit 2; }
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
[ "$1" = "v$version" ] || { echo "crate: Cargo.toml has the version $version, the tag is $1" >&2; exit 1; }
# Elsewhere, since in this folder it would tell of this crate itself.
if (cd / && cargo info --quiet --registry crates-io "shipway@$version") >/dev/null 2>&1; then
  echo "crate: shipway $version is published already"
  exit 0
fi
cargo publish --locked
