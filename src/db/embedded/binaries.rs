//! Finds PostgreSQL's server programs: a folder with `initdb` and `postgres`, of a version that we support.
//!
//! `psql` says nothing: many machines have the client only. Where a cluster exists already, its version decides,
//! because no other version of PostgreSQL can read it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::EmbeddedError;

const OLDEST: u32 = 14;

const MISSING: &str = "no PostgreSQL server programs (14 or newer) were found: install them with `sudo apt-get install postgresql` \
    (Debian, Ubuntu), `sudo dnf install postgresql-server postgresql-contrib` (Fedora) or `brew install postgresql@17` (macOS), \
    or set PG_BIN to their folder or DATABASE_URL to a running server";

/// Folders whose entries hold one version each, and where in an entry the programs are.
const VERSIONED: [(&str, &str, &str); 9] = [
    ("/usr/lib/postgresql", "", "bin"),         // Debian, Ubuntu
    ("/usr", "pgsql-", "bin"),                  // Fedora and friends, from PostgreSQL's own repository
    ("/usr/lib", "postgresql", "bin"),          // openSUSE
    ("/usr/libexec", "postgresql", ""),         // Alpine
    ("/opt/homebrew/opt", "postgresql", "bin"), // Homebrew on Apple silicon
    ("/usr/local/opt", "postgresql", "bin"),    // Homebrew on Intel
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ("/usr/local", "pgsql", "bin"), // built from source
];

/// `wanted` is the version of the cluster that exists already, such as `15`.
pub fn find(pg_bin: Option<&Path>, wanted: Option<&str>) -> Result<PathBuf, EmbeddedError> {
    if let Some(folder) = pg_bin {
        let found = usable(folder).ok_or_else(|| {
            EmbeddedError(format!("PG_BIN is {}, but there is no `initdb` with a `postgres` beside it", folder.display()))
        })?;
        return choose(std::iter::once(found), wanted);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    // `pg_config` comes last because it costs the start of a program, and often belongs to a client library.
    let folders = path.into_iter().chain(std::iter::once_with(usual_places).flatten()).chain(std::iter::once_with(ask_pg_config).flatten());
    choose(folders.filter_map(|folder| usable(&folder)), wanted)
}

/// The first folder that fits. Lazy, because each look costs the start of a program.
fn choose(folders: impl Iterator<Item = PathBuf>, wanted: Option<&str>) -> Result<PathBuf, EmbeddedError> {
    let mut unfit = None;
    for folder in folders {
        let Some(version) = version(&folder) else { continue };
        if version >= OLDEST && wanted.is_none_or(|wanted| wanted == version.to_string()) {
            return Ok(folder);
        }
        unfit.get_or_insert((version, folder));
    }
    Err(EmbeddedError(match (unfit, wanted) {
        (None, _) => MISSING.into(),
        (Some((version, folder)), Some(wanted)) if version >= OLDEST => format!(
            "the database was made by PostgreSQL {wanted}, but only version {version} was found (in {}): install version {wanted} beside it",
            folder.display()
        ),
        (Some((version, folder)), _) => {
            format!("PostgreSQL {version} (in {}) is too old: Fixpath needs version {OLDEST} or newer", folder.display())
        }
    }))
}

/// The folder where `initdb` really lies, if the server is there too. Debian and Homebrew put links elsewhere.
fn usable(folder: &Path) -> Option<PathBuf> {
    let folder = folder.join("initdb").canonicalize().ok()?.parent()?.to_owned();
    folder.join("postgres").is_file().then_some(folder)
}

/// `postgres --version` says `postgres (PostgreSQL) 15.18 (…)`, or `17beta1` before a release.
fn version(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let number = text.split_once(") ")?.1;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn ask_pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

/// The newest version first within each place.
fn usual_places() -> Vec<PathBuf> {
    let mut places = Vec::new();
    for (parent, prefix, bin) in VERSIONED {
        let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(parent)
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let name = entry.file_name().into_string().ok()?;
                let number = name.strip_prefix(prefix)?.trim_start_matches(['@', '-']);
                Some((number.parse().unwrap_or(0), entry.path().join(bin)))
            })
            .collect();
        versions.sort_by(|a, b| b.cmp(a));
        places.extend(versions.into_iter().map(|(_, path)| path));
    }
    places
}
