//! Bringing a database to this binary's version. Processes that start at the same time take turns by an advisory lock.

use std::collections::HashSet;

use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel_async::{AsyncMigrationHarness, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::Db;
use crate::error::Error;
use crate::jobs::queue;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// Any number that nothing else in the database locks.
const LOCK: &str = "SELECT pg_advisory_lock(4701236059)";
const UNLOCK: &str = "SELECT pg_advisory_unlock(4701236059)";

/// What to do with the migrations. Each answers with the names it concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Run what is pending.
    Up,
    /// Only say what is pending.
    DryRun,
    /// Revert the last so many.
    Down(usize),
}

/// Needs the multi-thread runtime: the migration harness blocks a thread of it.
pub async fn migrate(db: &Db, direction: Direction) -> Result<Vec<String>, Error> {
    // A connection of its own: the lock belongs to it, and goes with it if this process dies.
    let mut conn = db.target().connect_diesel().await?;
    diesel::sql_query(LOCK).execute(&mut conn).await?;
    let queue = queue_first(db, direction).await;
    let (mut conn, result) = tokio::task::spawn_blocking(move || {
        let mut harness = AsyncMigrationHarness::new(conn);
        let result = run(&mut harness, direction);
        (harness.into_inner(), result)
    })
    .await?;
    diesel::sql_query(UNLOCK).execute(&mut conn).await?;
    let mut names = queue?;
    names.extend(result.map_err(|error| Error::internal(format!("migration: {error}")))?);
    Ok(names)
}

/// The queue's tables are not ours, and are never reverted: going forward, they come first.
async fn queue_first(db: &Db, direction: Direction) -> Result<Vec<String>, Error> {
    if matches!(direction, Direction::Down(_)) || queue::is_current(db).await? {
        return Ok(Vec::new());
    }
    if direction == Direction::Up {
        queue::migrate(db.target()).await?;
    }
    Ok(vec!["graphile_worker".to_owned()])
}

fn run(harness: &mut impl MigrationHarness<Pg>, direction: Direction) -> diesel::migration::Result<Vec<String>> {
    match direction {
        Direction::DryRun => Ok(harness.pending_migrations(MIGRATIONS)?.iter().map(|migration| migration.name().to_string()).collect()),
        Direction::Up => {
            // Names first: `MigrationVersion` alone does not say what a migration does.
            let names = harness.pending_migrations(MIGRATIONS)?.iter().map(|migration| migration.name().to_string()).collect();
            harness.run_pending_migrations(MIGRATIONS)?;
            Ok(names)
        }
        Direction::Down(count) => {
            let mut reverted = Vec::new();
            for _ in 0..count.min(harness.applied_migrations()?.len()) {
                reverted.push(harness.revert_last_migration(MIGRATIONS)?.to_string());
            }
            Ok(reverted)
        }
    }
}

/// What is wrong with a database that is not current.
pub const WAITS: &str = "the database waits for migrations: run `fixpath migrate`";

#[derive(diesel::QueryableByName)]
struct Begun {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    begun: bool,
}

#[derive(diesel::QueryableByName)]
struct Ran {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
}

/// Whether all of this binary's migrations have run: the server is not ready before.
pub async fn is_current(db: &Db) -> Result<bool, Error> {
    let ours: Vec<String> = MigrationSource::<Pg>::migrations(&MIGRATIONS)
        .map_err(|error| Error::internal(error.to_string()))?
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect();
    let mut conn = db.conn().await?;
    let begun: Begun =
        diesel::sql_query("SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS begun").get_result(&mut conn).await?;
    if !begun.begun {
        return Ok(false);
    }
    let ran: Vec<Ran> = diesel::sql_query("SELECT version::text AS version FROM __diesel_schema_migrations").load(&mut conn).await?;
    drop(conn);
    let ran: HashSet<&str> = ran.iter().map(|ran| ran.version.as_str()).collect();
    let all = ours.iter().all(|version| ran.contains(version.as_str()));
    Ok(all && queue::is_current(db).await?)
}
