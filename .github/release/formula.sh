#!/usr/bin/env bash
# Writes the formula of a release for Homebrew, from the sums of its archives, to standard
# output. A tap has it as `Formula/shipway.rb`.
#
#   .github/release/formula.sh VERSION URL SHA256SUMS
set -euo pipefail

fail() { echo "formula: $1" >&2; exit 2; }

[ $# = 3 ] || fail "usage: .github/release/formula.sh VERSION URL SHA256SUMS"
version=${1#v} url=$2 sums=$3

# The URL and the sum of an archive, as lines of a formula.
archive() {
  local file=shipway-$version-$1.tar.gz sum
  sum=$(awk -v name="$file" '$2 == name { print $1 }' "$sums")
  [ -n "$sum" ] || fail "$sums has no $file"
  printf '      url "%s/%s"\n      sha256 "%s"\n' "$url" "$file" "$sum"
}
linux_intel=$(archive x86_64-unknown-linux-musl)
linux_arm=$(archive aarch64-unknown-linux-musl)
mac_intel=$(archive x86_64-apple-darwin)
mac_arm=$(archive aarch64-apple-darwin)
cat <<FORMULA
class Shipway < Formula
  desc "Takes a container from source to a verified public URL on the pull request"
  homepage "${url%/releases/*}"
  version "$version"
  license any_of: ["MIT", "Apache-2.0"]

  on_linux do
    on_intel do
$linux_intel
    end
    on_arm do
$linux_arm
    end
  end

  on_macos do
    on_intel do
$mac_intel
    end
    on_arm do
$mac_arm
    end
  end

  def install
    bin.install "shipway"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/shipway.bash" => "shipway"
    zsh_completion.install "completions/_shipway"
    fish_completion.install "completions/shipway.fish"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/shipway --version")
  end
end
FORMULA
