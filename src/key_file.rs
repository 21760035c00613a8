//! Secrets that a development server makes for itself and keeps in its data folder.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::config::ConfigError;

/// The key in this file, which only the server's user can read.
pub fn read_or_make(path: &Path, new_key: impl Fn() -> String) -> Result<String, ConfigError> {
    let failed = |error: std::io::Error| ConfigError(format!("DATA_DIR: {} cannot be used: {error}", path.display()));
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        result => return result.map_err(failed),
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    // Another process may be doing the same: each writes a file of its own, and one of them gets the name.
    let draft = path.with_extension(format!("{:016x}", rand::random::<u64>()));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(failed)?;
    file.write_all(new_key().as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    let named = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft).map_err(failed)?;
    match named {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(failed(error)),
        _ => std::fs::read_to_string(path).map_err(failed),
    }
}
