//! How long `make run` takes to be of use, where it is built: a release server with a private database, first in an empty folder, then
//! on what it has left there.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(60);

pub struct Starts {
    /// Makes the database, migrates it and plants the demo.
    pub first: Duration,
    pub second: Duration,
}

pub async fn measure() -> Starts {
    let folder = std::env::temp_dir().join(format!("fixpath-bench-starts-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let starts = Starts { first: start_and_stop(&folder).await, second: start_and_stop(&folder).await };
    std::fs::remove_dir_all(&folder).ok();
    starts
}

/// From exec until `/readyz` says so.
async fn start_and_stop(folder: &Path) -> Duration {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new(env!("CARGO_BIN_EXE_fixpath"));
    // Whatever database the bench itself was told of: this one has its own.
    command.env_clear().current_dir(folder).env("DATA_DIR", folder.join("data")).env("BIND", format!("127.0.0.1:{port}"));
    for name in ["PATH", "PG_BIN", "TMPDIR"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    let begun = Instant::now();
    let mut server = Running(command.env("RUST_LOG", "warn").stdout(Stdio::null()).spawn().unwrap());
    while !is_ready(port).await {
        assert!(begun.elapsed() < PATIENCE, "the server starts");
        assert_eq!(server.0.try_wait().unwrap(), None, "the server goes on");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let took = begun.elapsed();
    kill_process(Pid::from_child(&server.0), Signal::TERM).unwrap();
    assert!(server.0.wait().unwrap().success(), "the server stops");
    took
}

/// Its database follows it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

async fn is_ready(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { return false };
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.starts_with("HTTP/1.1 200")
}
