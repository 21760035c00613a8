# Two commands matter: `make run` and `make test`.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
TARGET := $(or $(CARGO_TARGET_DIR),target)
# Clippy as the compiler, as `cargo clippy -- -D warnings` has it: what is linted is what is tested. `cargo clippy` only checks, so that
# the tests would compile every dependency a second time.
LINTED := RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-Dwarnings__CLIPPY_HACKERY__ cargo test

.PHONY: run test chaos fmt lint licences unit judges bench vendor advisories schema clean

run: ## builds, makes sure that PostgreSQL's programs are there, starts the server
	@scripts/ensure-postgres.sh --to-serve
	@cargo build
	@exec $(TARGET)/debug/fixpath

test: lint licences unit judges ## everything that CI runs

lint:
	cargo fmt --check
	$(LINTED) --no-run --tests --benches

licences:
	cargo deny check licenses bans sources

unit:
	@scripts/ensure-postgres.sh
	@# Half of a test's time is waiting for the database and for other processes.
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$((2 * $$(nproc)))} $(LINTED)

judges: ## tools that others wrote, against a real server and in a real browser
	@# As the tests build it: `cargo build` leaves out what only tests want of some crates, and would compile these and the server again.
	$(LINTED) --no-run --quiet
	third_party/graphiql/vendor.sh --check
	tests/judges/run.sh $(TARGET)/debug/fixpath

chaos: ## customers buy while the server and PostgreSQL are killed and Stripe fails, fifty times
	@scripts/ensure-postgres.sh
	KILL_ROUNDS=50 cargo test -- checkout::kills --nocapture

bench: ## throughput, memory and start time, beside pgbench on the same machine
	@scripts/ensure-postgres.sh
	cargo bench --bench throughput

vendor: ## GraphiQL's files again, from their lockfile
	third_party/graphiql/vendor.sh

advisories: ## known vulnerabilities; fetches a database from the network
	cargo deny check advisories

schema: ## the API as text
	cargo run --quiet -- schema > schema.graphql

fmt:
	cargo fmt

clean:
	cargo clean
