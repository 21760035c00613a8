//! pgbench on the same PostgreSQL: what the database alone can do with the same statements.

use std::path::Path;
use std::process::Command;

use fixpath::db::embedded::Embedded;

use super::{CONNECTIONS, MEASURE};

/// Transactions per second.
pub fn run(postgres: &Embedded, folder: &Path, name: &str, script: &str) -> f64 {
    run_with(postgres, folder, name, script, CONNECTIONS)
}

pub fn run_with(postgres: &Embedded, folder: &Path, name: &str, script: &str, clients: usize) -> f64 {
    let file = folder.join(format!("{name}.sql"));
    std::fs::write(&file, script).unwrap();
    let output = Command::new(binary())
        .args(["--no-vacuum", "--protocol=prepared", "--jobs", &clients.min(2).to_string()])
        .args(["--host", &postgres.socket_dir().display().to_string(), "--port", &postgres.port().to_string()])
        .args(["--username", postgres.user(), "--client", &clients.to_string(), "--time", &MEASURE.as_secs().to_string()])
        .arg("--file")
        .arg(&file)
        .arg("postgres")
        .output()
        .expect("pgbench runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split_whitespace().next()?.parse().ok());
    rate.unwrap_or_else(|| panic!("pgbench {name}: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

/// Beside `initdb`.
fn binary() -> std::path::PathBuf {
    let mut folders: Vec<std::path::PathBuf> = std::env::var_os("PG_BIN").into_iter().map(Into::into).collect();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    for version in (14..30).rev() {
        folders.push(format!("/usr/lib/postgresql/{version}/bin").into());
    }
    folders.into_iter().map(|folder| folder.join("pgbench")).find(|file| file.exists()).expect("pgbench is installed with PostgreSQL")
}
