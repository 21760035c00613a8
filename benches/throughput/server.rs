//! A release server of its own, as users start it.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::client::Connection;
use super::content;
use super::webhooks;

pub struct Server {
    child: Child,
    pub port: u16,
    /// From exec to the first answer.
    pub first_answer: Duration,
}

impl Server {
    pub async fn start(url: &str, folder: &Path) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let begun = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_fixpath"))
            .current_dir(folder)
            .env("DATABASE_URL", url)
            .env("DATA_DIR", folder.join("server"))
            .env("BIND", format!("127.0.0.1:{port}"))
            .env("RATE_LIMIT_PER_MINUTE", "100000000")
            .env("TRUSTED_PROXIES", "127.0.0.1")
            .envs(webhooks::VARIABLES)
            .env("RUST_LOG", "warn")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let typename = content::body("{ __typename }", "{}");
        loop {
            if let Ok(mut connection) = Connection::open(port).await
                && connection.post(None, &typename).await.contains("\"Query\"")
            {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "the server starts");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Self { child, port, first_answer: begun.elapsed() }
    }

    pub fn resident_mb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or_default() / 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
