//! Starts the postmaster, waits until it answers, and stops it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::socket::{self, Answer};
use super::system_user::SystemUser;
use super::{EmbeddedError, PORT, death, failed};

/// Between two looks at something that takes a few milliseconds.
const TICK: Duration = Duration::from_millis(10);
/// Reading the log of changes again after a crash may take this long.
const STARTS_WITHIN: Duration = Duration::from_secs(120);
/// The children of a postmaster that was killed notice within moments; until then a new one refuses to start.
const ORPHANS_GO_WITHIN: Duration = Duration::from_secs(10);
const LARGEST_LOG: u64 = 5 * 1024 * 1024;

/// Enough for a small machine. Given at each start, so that a new version of Fixpath may change them.
/// The log takes crashes and starts, but no statement and no value: those may hold personal data.
const ALWAYS: [&str; 11] = [
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "lc_messages=C",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_min_messages=log",
    "log_error_verbosity=terse",
    "log_checkpoints=off",
    "logging_collector=off",
    "wal_level=minimal",
    "max_wal_senders=0",
];
const DURABLE: [&str; 2] = ["shared_buffers=128MB", "max_connections=100"];
const FOR_TESTS: [&str; 6] =
    ["shared_buffers=64MB", "max_connections=500", "fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off"];

pub struct Postmaster {
    child: Child,
    durable: bool,
    /// Ends the thread that the postmaster was started from, when we drop it.
    _parent: mpsc::Sender<()>,
}

/// The files and folders of one start.
pub struct Paths {
    pub bin: PathBuf,
    pub cluster: PathBuf,
    pub socket_dir: PathBuf,
    pub log: PathBuf,
}

impl Postmaster {
    pub fn start(paths: &Paths, user: &SystemUser, durable: bool) -> Result<Self, EmbeddedError> {
        let deadline = Instant::now() + ORPHANS_GO_WITHIN;
        loop {
            let (log, log_start) = open_log(&paths.log)?;
            let mut postmaster = Self::spawn(paths, user, durable, log)?;
            if postmaster.becomes_ready(&socket::file(&paths.socket_dir)) {
                return Ok(postmaster);
            }
            postmaster.stop();
            let said = read_from(&paths.log, log_start);
            if !said.contains("pre-existing shared memory block") || Instant::now() > deadline {
                return Err(not_started(&paths.log, &said));
            }
            thread::sleep(TICK);
        }
    }

    fn spawn(paths: &Paths, user: &SystemUser, durable: bool, log: File) -> Result<Self, EmbeddedError> {
        let program = paths.bin.join("postgres");
        let mut command = user.command(&program);
        command.arg("-D").arg(&paths.cluster).arg("-k").arg(&paths.socket_dir).arg("-p").arg(PORT.to_string());
        let settings = if durable { DURABLE.as_slice() } else { FOR_TESTS.as_slice() };
        command.args(ALWAYS.iter().chain(settings).flat_map(|setting| ["-c", setting]));
        let errors = log.try_clone().map_err(|error| failed("write to", &paths.log, &error))?;
        command.stdout(Stdio::from(log)).stderr(Stdio::from(errors));
        death::follows_ours(&mut command, if durable { Signal::INT } else { Signal::QUIT });
        let (child, _parent) = spawn_from_lasting_thread(command).map_err(|error| failed("run", &program, &error))?;
        Ok(Self { child, durable, _parent })
    }

    fn becomes_ready(&mut self, socket: &Path) -> bool {
        let deadline = Instant::now() + STARTS_WITHIN;
        while self.is_running() && Instant::now() < deadline {
            if socket::ask(socket) == Answer::Ready {
                return true;
            }
            thread::sleep(TICK);
        }
        false
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Returns when it is gone. A second call does nothing.
    pub fn stop(&mut self) {
        // SIGINT: end all sessions and shut down cleanly. SIGQUIT: at once; the next start recovers. SIGKILL: it hangs.
        let ways = [(Signal::INT, 30), (Signal::QUIT, 10), (Signal::KILL, 10)];
        for (signal, seconds) in ways.into_iter().skip(if self.durable { 0 } else { 1 }) {
            if self.is_running() {
                // It may have ended since; then there is nothing to tell.
                let _ = kill_process(Pid::from_child(&self.child), signal);
            }
            let deadline = Instant::now() + Duration::from_secs(seconds);
            while self.is_running() && Instant::now() < deadline {
                thread::sleep(TICK / 5);
            }
        }
    }
}

/// The system ties a child's death signal to the *thread* that started it, so that thread must outlive the child.
fn spawn_from_lasting_thread(mut command: Command) -> std::io::Result<(Child, mpsc::Sender<()>)> {
    let (tell, told) = mpsc::channel();
    let (parent, end) = mpsc::channel::<()>();
    thread::Builder::new().name("postgres-parent".into()).spawn(move || {
        // Nobody listens only if the starting thread is gone, and then so is the reason to start anything.
        let _ = tell.send(command.spawn());
        // Returns when the other end is dropped.
        let _ = end.recv();
    })?;
    let child = told.recv().map_err(std::io::Error::other)??;
    Ok((child, parent))
}

/// Also says where this start's lines begin.
fn open_log(path: &Path) -> Result<(File, u64), EmbeddedError> {
    let open = || {
        let log = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        if log.metadata()?.len() > LARGEST_LOG {
            log.set_len(0)?;
        }
        let length = log.metadata()?.len();
        Ok((log, length))
    };
    open().map_err(|error| failed("open the log", path, &error))
}

fn read_from(path: &Path, start: u64) -> String {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|mut log| log.seek(SeekFrom::Start(start)).and_then(|_| log.read_to_end(&mut text)));
    match read {
        Ok(_) => String::from_utf8_lossy(&text).into_owned(),
        Err(error) => format!("(its log cannot be read: {error})"),
    }
}

fn not_started(log: &Path, said: &str) -> EmbeddedError {
    let lines: Vec<&str> = said.lines().rev().take(5).collect();
    let last = lines.into_iter().rev().collect::<Vec<_>>().join(" · ");
    EmbeddedError(format!("the private PostgreSQL did not start; the end of its log ({}): {last}", log.display()))
}

/// Stops a postmaster that outlived its Fixpath, and forgets one that is gone. To be called with the lock held, so that it is nobody's.
pub fn clear_leftover(cluster: &Path) -> Result<(), EmbeddedError> {
    let note = cluster.join("postmaster.pid");
    let Some(pid) = fs::read_to_string(&note).ok().and_then(|text| Pid::from_raw(text.lines().next()?.trim().parse().ok()?)) else {
        return Ok(());
    };
    if !runs_on(pid, cluster) {
        // After a restart of the machine the number may be another program's; PostgreSQL would take it for a postmaster and refuse.
        return match fs::remove_file(&note) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed("remove", &note, &error)),
            _ => Ok(()),
        };
    }
    for (signal, seconds) in [(Signal::INT, 30), (Signal::QUIT, 10)] {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        // It may have ended since; then there is nothing to tell.
        let _ = kill_process(pid, signal);
        while Instant::now() < deadline {
            if !runs_on(pid, cluster) {
                return Ok(());
            }
            thread::sleep(TICK);
        }
    }
    Err(EmbeddedError(format!("a PostgreSQL of an earlier start (process {}) does not stop: end it by hand", pid.as_raw_nonzero())))
}

/// Whether this process is a postmaster of this cluster: its command line names it. A dead process has none.
fn runs_on(pid: Pid, cluster: &Path) -> bool {
    let pid = pid.as_raw_nonzero();
    let command_line = if cfg!(target_os = "linux") {
        fs::read(format!("/proc/{pid}/cmdline"))
    } else {
        Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output().map(|output| output.stdout)
    };
    let cluster = cluster.as_os_str().as_encoded_bytes();
    command_line.unwrap_or_default().windows(cluster.len()).any(|part| part == cluster)
}
