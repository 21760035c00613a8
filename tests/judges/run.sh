#!/bin/bash
# Runs the judges against a server: `run.sh BINARY [JUDGE…]`, all judges by default.
#
# The server gets a folder and a port of its own, and is stopped at the end; nothing is left running. It must print the address of
# GraphiQL (`http://localhost:PORT/graphiql`) when it listens, answer /readyz, and end on SIGTERM.
set -euo pipefail
binary=$(realpath "${1:?usage: run.sh BINARY [JUDGE…]}")
shift
judges=("$@")
[ ${#judges[@]} -gt 0 ] || judges=(audits schema clients live oidc graphiql checkout schemathesis)
cd "$(dirname "$0")"

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then npm ci; fi

# A server that is run by root starts PostgreSQL as another user, who must be able to enter the folder.
work=$(mktemp -d)
chmod 755 "$work"
server=
stop() {
  [ -z "$server" ] || { kill -TERM "$server" 2>/dev/null || true; wait "$server" || true; server=; }
  rm -rf "$work"
}
trap stop EXIT

free_port() {
  node -e 'const server = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(server.address().port); server.close(); })'
}
port=$(free_port)
# Where oidc.mjs runs a provider to sign in at.
export GOOGLE_ISSUER=http://localhost:$(free_port) GOOGLE_CLIENT_ID=judges GOOGLE_CLIENT_SECRET='a secret & more'
# Where checkout.mjs serves a page of another origin.
export SHOP_ORIGIN=http://localhost:$(free_port)
# Where checkout.mjs reads its mail.
export MAIL_DIR=$work/mail
# Judges ask faster than people, and checkout.mjs is many people, each at another address.
FIXPATH_ENV=development BIND=127.0.0.1:$port DATA_DIR=$work/data ALLOWED_ORIGINS=$SHOP_ORIGIN \
  RATE_LIMIT_PER_MINUTE=1000000 TRUSTED_PROXIES=127.0.0.0/8 "$binary" >"$work/log" 2>&1 &
server=$!

export FIXPATH_URL=http://localhost:$port
ready() { grep -q "$FIXPATH_URL/graphiql" "$work/log" && node -e 'fetch(process.env.FIXPATH_URL + "/readyz").then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))'; }
for _ in $(seq 300); do
  ready && break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.2
done
if ! ready; then
  echo "The server did not get ready, or did not print $FIXPATH_URL/graphiql. It said:"
  cat "$work/log"
  exit 1
fi

failed=0
for judge in "${judges[@]}"; do
  timeout 300 node "$judge.mjs" || failed=1
done
[ $failed -eq 0 ] || { echo "The last the server said:"; tail -n 15 "$work/log"; }

kill -TERM "$server" 2>/dev/null || true
status=0
wait "$server" || status=$?
server=
[ $status -eq 0 ] || { echo "The server ended with status $status on SIGTERM."; failed=1; }
exit $failed
