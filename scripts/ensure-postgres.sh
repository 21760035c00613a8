#!/usr/bin/env bash
# Makes sure that PostgreSQL's server programs are there (not a running server: Fixpath runs its own). Installs them with the
# system's package manager where it may, else prints the one command that does. `--to-serve`: a server that has a DATABASE_URL needs
# none. Tests always do.
set -euo pipefail
to_serve=${1:-}

# As the server reads it: the environment first, then .env.
setting() { printenv "$1" || { [ -f .env ] && sed -n "s/^\(export \)\?$1=//p" .env | tail -n 1 | tr -d "\"'"; } || true; }

recent() { [ -x "$1/initdb" ] && [ "$("$1/initdb" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')" -ge 14 ]; }

found() {
  [ "$to_serve" = --to-serve ] && [ -n "$(setting DATABASE_URL)" ] && return 0
  local pg_bin folder
  pg_bin=$(setting PG_BIN)
  [ -n "$pg_bin" ] && recent "$pg_bin" && return 0
  folder=$(command -v initdb) && recent "$(dirname "$folder")" && return 0
  command -v pg_config >/dev/null && recent "$(pg_config --bindir)" && return 0
  for folder in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/lib/postgresql*/bin /usr/libexec/postgresql* \
    /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin /Applications/Postgres.app/Contents/Versions/*/bin; do
    recent "$folder" && return 0
  done
  return 1
}

found && exit 0

if command -v apt-get >/dev/null; then
  # Without this, Debian would create and start a cluster that nobody asked for.
  install='apt-get update -q && mkdir -p /etc/postgresql-common && echo "create_main_cluster = false" >> /etc/postgresql-common/createcluster.conf && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends postgresql'
elif command -v dnf >/dev/null; then
  install='dnf install -y postgresql-server postgresql-contrib'
elif command -v apk >/dev/null; then
  install='apk add postgresql postgresql-contrib'
elif command -v brew >/dev/null; then
  exec brew install postgresql@17
else
  echo "PostgreSQL's server programs (14 or later, with contrib) are not here: install them, or set PG_BIN or DATABASE_URL." >&2
  exit 1
fi

"$(dirname "$0")/as-root.sh" "PostgreSQL's server programs" "$install"
found || { echo "PostgreSQL was installed, but its server programs are not in a place that I know: set PG_BIN." >&2; exit 1; }
