//! PostgreSQL: whether it answers, is new enough, has what migrations need, is migrated, and agrees on the time.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::sql_types::{Integer, Text, Timestamptz};
use diesel_async::RunQueryDsl;

use super::{Finding, fail, fine, warn};
use crate::clock::Clock;
use crate::config::Config;
use crate::db::migrate::{Direction, migrate};
use crate::db::{Conn, Db};
use crate::error::Error;
use crate::jobs::worker;

const PATIENCE: Duration = Duration::from_secs(10);
const OLDEST: i32 = 140_000;
/// What migrations create.
const EXTENSIONS: [&str; 2] = ["pg_trgm", "btree_gin"];
/// Tokens and codes live for minutes: within this nobody notices.
const SKEW_WARN: TimeDelta = TimeDelta::seconds(2);
const SKEW_FAIL: TimeDelta = TimeDelta::seconds(60);

pub async fn all(config: &Config, db: &Db, clock: &Clock) -> Vec<Finding> {
    let looked = async {
        let mut conn = db.conn().await?;
        let mut findings = vec![version(&mut conn).await?, extensions(&mut conn).await?, skew(&mut conn, clock).await?];
        findings.push(connections(&mut conn, config).await?);
        drop(conn);
        findings.push(migrations(config, db).await?);
        if config.database.replica_url.is_some() {
            findings.push(replica(db).await);
        }
        Ok::<_, Error>(findings)
    };
    match tokio::time::timeout(PATIENCE, looked).await {
        Ok(Ok(findings)) => findings,
        Ok(Err(cause)) => vec![fail("database", format!("it does not answer: {cause:?}"), remedy(config))],
        Err(_) => vec![fail("database", format!("it does not answer within {} s", PATIENCE.as_secs()), remedy(config))],
    }
}

fn remedy(config: &Config) -> &'static str {
    if config.database.url.is_some() { "check DATABASE_URL, and that the database runs" } else { "see postgres.log in DATA_DIR" }
}

async fn version(conn: &mut Conn) -> Result<Finding, Error> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        number: i32,
        #[diesel(sql_type = Text)]
        name: String,
    }
    const SQL: &str = "SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS name";
    let row: Row = diesel::sql_query(SQL).get_result(conn).await?;
    let seen = format!("PostgreSQL {}", row.name);
    Ok(if row.number >= OLDEST { fine("database", seen) } else { fail("database", seen, "upgrade it to PostgreSQL 14 or later") })
}

async fn extensions(conn: &mut Conn) -> Result<Finding, Error> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let rows: Vec<Row> = diesel::sql_query("SELECT name::text FROM pg_available_extensions").load(conn).await?;
    let missing: Vec<_> = EXTENSIONS.into_iter().filter(|wanted| !rows.iter().any(|row| row.name == *wanted)).collect();
    if missing.is_empty() {
        return Ok(fine("extensions", EXTENSIONS.join(" and ")));
    }
    let remedy = "install PostgreSQL's contrib package on the database's machine";
    Ok(fail("extensions", format!("{} cannot be installed", missing.join(" and ")), remedy))
}

/// The database's clock against this machine's, as far apart as they are at the least.
async fn skew(conn: &mut Conn, clock: &Clock) -> Result<Finding, Error> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = Timestamptz)]
        now: DateTime<Utc>,
    }
    let before = clock.now();
    let row: Row = diesel::sql_query("SELECT clock_timestamp() AS now").get_result(conn).await?;
    let after = clock.now();
    let apart = (before - row.now).max(row.now - after).max(TimeDelta::zero());
    let seen = format!("{} ms apart from the database's", apart.num_milliseconds());
    let remedy = "keep both machines' clocks with NTP";
    Ok(match apart {
        _ if apart >= SKEW_FAIL => fail("clock", seen, remedy),
        _ if apart >= SKEW_WARN => warn("clock", seen, remedy),
        _ => fine("clock", "agrees with the database's"),
    })
}

/// A pool that is larger than what the database grants fails under load, which is too late.
async fn connections(conn: &mut Conn, config: &Config) -> Result<Finding, Error> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        most: i32,
    }
    let row: Row = diesel::sql_query("SELECT current_setting('max_connections')::int AS most").get_result(conn).await?;
    // Beside the pool: one to listen, one for migrations, and the worker's.
    let wanted = config.database.pool_size + 2 + worker::OPENS;
    let seen = format!("{wanted} of the database's {} for each process", row.most);
    Ok(if usize::try_from(row.most).is_ok_and(|most| wanted <= most) {
        fine("connections", seen)
    } else {
        fail("connections", seen, "lower DATABASE_POOL_SIZE or raise max_connections")
    })
}

async fn migrations(config: &Config, db: &Db) -> Result<Finding, Error> {
    let pending = migrate(db, Direction::DryRun).await?;
    let seen = match pending.len() {
        0 => return Ok(fine("migrations", "all have run")),
        1 => "1 has not run".to_owned(),
        count => format!("{count} have not run"),
    };
    let remedy = "run: fixpath migrate";
    // A development server runs them itself.
    Ok(if config.development() { warn("migrations", seen, remedy) } else { fail("migrations", seen, remedy) })
}

async fn replica(db: &Db) -> Finding {
    let asked = async { Ok::<_, Error>(diesel::sql_query("SELECT 1").execute(&mut *db.read().await?).await?) };
    match asked.await {
        Ok(_) => fine("replica", "answers"),
        Err(cause) => fail("replica", format!("does not answer: {cause:?}"), "check DATABASE_REPLICA_URL"),
    }
}
