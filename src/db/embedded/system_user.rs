//! The user of the operating system who runs PostgreSQL. It refuses to run as root, so root runs it as `postgres`, or else as `nobody`
//! (or as whoever owns the cluster already); anybody else runs it as themselves.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::{EmbeddedError, failed};

/// Where root keeps a database whose data folder its user cannot enter (one below /root, say).
const SHARED_HOME: &str = "/var/lib/fixpath";

pub struct SystemUser {
    uid: u32,
    gid: u32,
    /// We are root, and the children must not be.
    switch: bool,
}

impl SystemUser {
    pub fn for_cluster(cluster: &Path) -> Result<Self, EmbeddedError> {
        let uid = rustix::process::geteuid().as_raw();
        if uid != 0 {
            return Ok(Self { uid, gid: rustix::process::getegid().as_raw(), switch: false });
        }
        if let Some(owned) = fs::metadata(cluster).ok().filter(|found| found.uid() != 0) {
            return Ok(Self { uid: owned.uid(), gid: owned.gid(), switch: true });
        }
        let users = fs::read_to_string("/etc/passwd").map_err(|error| failed("read", Path::new("/etc/passwd"), &error))?;
        ["postgres", "_postgres", "nobody"].iter().find_map(|name| find(&users, name)).ok_or_else(|| {
            EmbeddedError(
                "PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`: \
                 start Fixpath as another user, or set DATABASE_URL"
                    .into(),
            )
        })
    }

    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The data folder itself where the user can enter it; else a folder that is always the same one for this data folder.
    pub fn home_for(&self, data_dir: &Path) -> PathBuf {
        if !self.switch || data_dir.ancestors().all(|folder| self.can_enter(folder)) {
            return data_dir.to_owned();
        }
        Path::new(SHARED_HOME).join(short_hash(data_dir))
    }

    fn can_enter(&self, folder: &Path) -> bool {
        let Ok(found) = fs::metadata(folder) else { return false };
        let bit = match () {
            () if found.uid() == self.uid => 0o100,
            () if found.gid() == self.gid => 0o010,
            () => 0o001,
        };
        found.mode() & bit != 0
    }

    /// Creates a folder that nobody but this user (and root) can enter.
    pub fn create_private_dir(&self, path: &Path) -> std::io::Result<()> {
        fs::DirBuilder::new().mode(0o700).create(path)?;
        if self.switch { chown(path, Some(self.uid), Some(self.gid)) } else { Ok(()) }
    }

    /// A command that runs as this user, free of settings (`PGOPTIONS`, `LANG` …) that would change what PostgreSQL does.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG")) {
            command.env_remove(name);
        }
        // The user may not enter our working folder, and PostgreSQL insists on knowing where it is.
        command.env("LC_ALL", "C").env("TZ", "UTC").current_dir("/").stdin(Stdio::null());
        if self.switch {
            // Dropping root this way also drops its supplementary groups.
            command.uid(self.uid).gid(self.gid);
        }
        command
    }
}

/// A line is `name:password:uid:gid:…`; macOS writes nobody's ids as -2.
fn find(users: &str, name: &str) -> Option<SystemUser> {
    let mut fields = users.lines().map(|line| line.split(':')).find(|fields| fields.clone().next() == Some(name))?.skip(2);
    let mut id = || fields.next()?.parse::<i64>().ok().map(|id| id as u32).filter(|id| *id != 0);
    Some(SystemUser { uid: id()?, gid: id()?, switch: true })
}

/// Twelve characters that stand for a path, the same ones at every start.
pub fn short_hash(path: &Path) -> String {
    hex::encode(Sha256::digest(path.as_os_str().as_encoded_bytes())).chars().take(12).collect()
}
