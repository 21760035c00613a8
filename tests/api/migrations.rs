//! Migrations lead up, down, and up again to the same place.

use std::process::Command;

use fixpath::db::Db;
use fixpath::db::migrate::{Direction, migrate};
use fixpath::db::tls::Target;

use super::support::database::Database;

async fn run(database: &Database, direction: Direction) -> Vec<String> {
    let db = Db::new(Target::parse(&database.url).unwrap(), None, 1).unwrap_or_else(|error| panic!("{error:?}"));
    migrate(&db, direction).await.unwrap_or_else(|error| panic!("{direction:?}: {error:?}"))
}

/// The schema as PostgreSQL's own program writes it down, without the queue's, which is never reverted.
async fn schema(database: &Database) -> String {
    let (client, connection) = Target::parse(&database.url).unwrap().connect().await.unwrap();
    tokio::spawn(connection);
    let folder: String = client.query_one("SELECT setting FROM pg_config WHERE name = 'BINDIR'", &[]).await.unwrap().get(0);
    let output = Command::new(format!("{folder}/pg_dump"))
        .args(["--schema-only", "--no-owner", "--exclude-schema=graphile_worker", &database.url])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Newer ones write a random word before and after everything.
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_of_migrations_can_be_reverted_and_run_again() {
    let database = Database::empty().await;
    let all = run(&database, Direction::DryRun).await;
    let [queue, pending @ ..] = &all[..] else { panic!("nothing to do") };
    assert!(queue == "graphile_worker" && pending.len() >= 4, "{all:?}");
    assert!(!schema(&database).await.contains("trees"), "a dry run changes nothing");

    assert_eq!(run(&database, Direction::Up).await, all);
    let whole = schema(&database).await;
    assert_eq!(run(&database, Direction::DryRun).await, Vec::<String>::new());
    for count in 1..=pending.len() {
        let reverted = run(&database, Direction::Down(count)).await;
        assert_eq!(reverted.len(), count);
        let (_, last) = pending.split_at(pending.len() - count);
        assert_eq!(run(&database, Direction::DryRun).await, last);
        if count == pending.len() {
            let left = schema(&database).await;
            let left: Vec<&str> = left.lines().filter(|line| line.starts_with("CREATE")).collect();
            assert_eq!(left, ["CREATE TABLE public.__diesel_schema_migrations ("], "nothing of ours is left");
        }
        assert_eq!(run(&database, Direction::Up).await, last);
        pretty_assert_same(&whole, &schema(&database).await, count);
    }
    assert_eq!(run(&database, Direction::Down(1000)).await.len(), pending.len(), "no more than there are");
}

fn pretty_assert_same(before: &str, after: &str, count: usize) {
    let changed = before.lines().zip(after.lines()).find(|(before, after)| before != after);
    assert!(before == after, "{count} down and up again make another schema: {changed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_what_it_did() {
    let database = Database::empty().await;
    let command = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_fixpath"))
            .arg("migrate")
            .args(arguments)
            .current_dir(std::env::temp_dir())
            .env("DATABASE_URL", &database.url)
            .env("DATA_DIR", std::env::temp_dir())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let pending = command(&["--dry-run"]);
    assert_eq!(command(&[]), pending);
    assert_eq!(command(&["--dry-run"]), Vec::<String>::new());
    let reverted = command(&["--down", "2"]);
    assert_eq!(reverted.len(), 2);
    let again = command(&["--dry-run"]);
    assert_eq!(again, pending[pending.len() - 2..]);
    assert_eq!(command(&[]), again);
}
