#!/bin/sh
# Builds dist/, SHA256SUMS and LICENSES.txt from the packages that package-lock.json pins.
# With --check it changes nothing, and fails when the files here are not what would be built.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cp package.json package-lock.json .npmrc "$work"
(cd "$work" && npm ci)
node vendor.mjs "$work" "$@"
