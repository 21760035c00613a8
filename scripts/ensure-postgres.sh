#!/usr/bin/env bash
# Makes sure that PostgreSQL's server programs are there (not a running server: Fixpath runs its own). Installs them with the
# system's package manager where it may, else prints the one command that does.
set -euo pipefail

found() {
  [ -n "${DATABASE_URL:-}" ] && return 0
  [ -n "${PG_BIN:-}" ] && [ -x "$PG_BIN/initdb" ] && return 0
  command -v initdb >/dev/null && return 0
  command -v pg_config >/dev/null && [ -x "$(pg_config --bindir)/initdb" ] && return 0
  for folder in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/lib/postgresql*/bin /usr/libexec/postgresql* \
    /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin /Applications/Postgres.app/Contents/Versions/*/bin; do
    [ -x "$folder/initdb" ] && return 0
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
