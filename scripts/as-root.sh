#!/usr/bin/env bash
# `as-root.sh WHAT COMMAND` installs something: runs the command as root where that needs no password, else prints it and fails.
set -euo pipefail
what=$1
command=$2

if [ "$(id -u)" = 0 ]; then
  echo "Installing $what." >&2
  exec bash -c "$command" >&2
fi
if ! command -v sudo >/dev/null; then
  echo "Missing: $what. I may not install it. Run this once as root:" >&2
  echo "  $command" >&2
  exit 1
fi
if sudo -n true 2>/dev/null; then
  echo "Installing $what." >&2
  exec sudo bash -c "$command" >&2
fi
echo "Missing: $what. I may not install it. Run this once:" >&2
echo "  sudo bash -c '$command'" >&2
exit 1
