//! The socket's folder, and how to ask through a socket whether PostgreSQL is ready.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::system_user::{SystemUser, short_hash};
use super::{EmbeddedError, PORT, USER, failed};

/// The system's limit for a socket's path is 107 bytes on Linux and 103 on macOS.
const LONGEST_PATH: usize = 103;

pub fn file(socket_dir: &Path) -> PathBuf {
    socket_dir.join(format!(".s.PGSQL.{PORT}"))
}

/// `socket` in the home, or a short folder of our own in /tmp where that path is too long or needs escaping in a URL.
pub fn create_dir(home: &Path, user: &SystemUser) -> Result<PathBuf, EmbeddedError> {
    let beside = home.join("socket");
    if is_plain(&beside) {
        return match claim(&beside, user) {
            Ok(true) => Ok(beside),
            Ok(false) => Err(EmbeddedError(format!("{} must be a folder that only its owner may enter: remove it", beside.display()))),
            Err(error) => Err(failed("create the folder", &beside, &error)),
        };
    }
    // Anybody may write to /tmp, so a name may be taken already; then the next one is tried. What is ours nobody else can replace.
    let hash = short_hash(home);
    for attempt in 0..100 {
        let dir = PathBuf::from(format!("/tmp/fixpath-{hash}-{attempt}"));
        if claim(&dir, user).map_err(|error| failed("create the folder", &dir, &error))? {
            return Ok(dir);
        }
    }
    Err(EmbeddedError("cannot create a folder for the database's socket in /tmp: a hundred names are taken".into()))
}

fn is_plain(dir: &Path) -> bool {
    let bytes = dir.as_os_str().as_encoded_bytes();
    file(dir).as_os_str().len() <= LONGEST_PATH && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(byte))
}

/// Creates the folder, or takes an existing one from an earlier start. False if it is not private to the user.
fn claim(dir: &Path, user: &SystemUser) -> std::io::Result<bool> {
    match user.create_private_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let found = fs::symlink_metadata(dir)?;
            Ok(found.is_dir() && found.uid() == user.uid() && found.mode() & 0o077 == 0)
        }
        created => created.map(|()| true),
    }
}

#[derive(PartialEq)]
pub enum Answer {
    Ready,
    /// Somebody listens, but takes no sessions: it starts up, recovers, or shuts down.
    NotNow,
    Nobody,
}

/// Begins a session and looks at the first byte of the answer: `R` (authentication) comes only from a server that is ready.
pub fn ask(socket: &Path) -> Answer {
    let Ok(mut stream) = UnixStream::connect(socket) else { return Answer::Nobody };
    match greet(&mut stream) {
        Ok(b'R') => Answer::Ready,
        _ => Answer::NotNow,
    }
}

fn greet(stream: &mut UnixStream) -> std::io::Result<u8> {
    const PROTOCOL: u32 = 3 << 16;
    let parameters = format!("user\0{USER}\0database\0postgres\0\0");
    let length = 8 + parameters.len() as u32;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(&[&length.to_be_bytes()[..], &PROTOCOL.to_be_bytes(), parameters.as_bytes()].concat())?;
    let mut first = [0];
    stream.read_exact(&mut first)?;
    // Goodbye, so that it does not log a lost connection. It may be gone already.
    let _ = stream.write_all(b"X\0\0\0\x04");
    let [byte] = first;
    Ok(byte)
}
