//! The cluster: PostgreSQL's data on disk. Created once, in a folder beside its final one, and renamed when complete:
//! a folder under the final name is always whole, whenever the server was killed.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

use rustix::process::Signal;

use super::system_user::SystemUser;
use super::{EmbeddedError, USER, death, failed};

/// The first knows letters beyond ASCII (`lower`, search); a few systems do not have it.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];

/// One flush of the file system takes a twentieth of the time that initdb needs to flush a thousand files one by one.
const FLUSHES_AT_ONCE: bool = cfg!(target_os = "linux");

/// The version that made the cluster, such as `15`; none if there is no cluster yet.
pub fn version(cluster: &Path) -> Result<Option<String>, EmbeddedError> {
    let file = cluster.join("PG_VERSION");
    match fs::read_to_string(&file) {
        Ok(version) => Ok(Some(version.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", &file, &error)),
    }
}

pub fn create(bin: &Path, cluster: &Path, user: &SystemUser, durable: bool) -> Result<(), EmbeddedError> {
    let unfinished = cluster.with_extension("new");
    let mut complaint = String::new();
    for locale in LOCALES {
        remove(&unfinished)?;
        user.create_private_dir(&unfinished).map_err(|error| failed("create the folder", &unfinished, &error))?;
        let mut initdb = user.command(bin.join("initdb"));
        initdb.arg("-D").arg(&unfinished).args(["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale", locale]);
        initdb.args(["--lc-messages", "C"]).args((!durable || FLUSHES_AT_ONCE).then_some("--no-sync"));
        death::follows_ours(&mut initdb, Signal::KILL);
        let output = initdb.output().map_err(|error| failed("run", &bin.join("initdb"), &error))?;
        if output.status.success() {
            return publish(&unfinished, cluster, durable);
        }
        complaint = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " · ");
    }
    remove(&unfinished)?;
    Err(EmbeddedError(format!("cannot create the database in {}: {complaint}", cluster.display())))
}

fn publish(unfinished: &Path, cluster: &Path, durable: bool) -> Result<(), EmbeddedError> {
    if durable {
        flush(unfinished).map_err(|error| failed("flush the folder", unfinished, &error))?;
    }
    fs::rename(unfinished, cluster).map_err(|error| failed("create the folder", cluster, &error))?;
    if let (true, Some(home)) = (durable, cluster.parent()) {
        File::open(home).and_then(|home| home.sync_all()).map_err(|error| failed("flush the folder", home, &error))?;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn flush(dir: &Path) -> std::io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(dir)?)?)
}

/// Here initdb did it.
#[cfg(not(target_os = "linux"))]
fn flush(_dir: &Path) -> std::io::Result<()> {
    Ok(())
}

fn remove(dir: &Path) -> Result<(), EmbeddedError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove the unfinished folder", dir, &error)),
        _ => Ok(()),
    }
}
