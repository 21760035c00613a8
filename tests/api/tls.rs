//! Reaching a database over TLS: what each `sslmode` accepts, and what it refuses.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use diesel_async::RunQueryDsl;
use fixpath::db::Db;
use fixpath::db::embedded;
use fixpath::db::migrate::{Direction, migrate};
use fixpath::db::tls::Target;
use tokio::time::{sleep, timeout};

use super::embedded::{Folder, query};

/// Made for these tests, and good for a hundred years: two roots, and a certificate for `localhost` that the first one signed.
const CERTIFICATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/support/certificates");

/// A PostgreSQL on a TCP port. It ends with the process that started it, however that ends.
struct Postgres {
    child: Child,
    _folder: Folder,
    port: u16,
}

impl Postgres {
    /// With these lines in its settings, and these in the list of who may connect how.
    async fn start(name: &str, settings: &str, admitted: &str) -> Self {
        let folder = Folder::new(name);
        // Fixpath's own code makes the cluster; it would listen on a socket only.
        let options = folder.options();
        let make = move || {
            let made = embedded::start(&options).unwrap();
            query(&made, "SELECT setting FROM pg_config WHERE name = 'BINDIR'")
        };
        let bin = PathBuf::from(tokio::task::spawn_blocking(make).await.unwrap());
        let cluster = folder.0.join("postgres");
        let owner = fs::metadata(&cluster).unwrap();
        for name in ["server.pem", "server.key"] {
            let file = cluster.join(name);
            fs::copy(Path::new(CERTIFICATES).join(name), &file).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
        }
        fs::write(cluster.join("pg_hba.conf"), admitted).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = format!("listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nport = {port}\nfsync = off\n{settings}\n");
        fs::write(cluster.join("postgresql.conf"), settings).unwrap();

        // When our end of the pipe is closed, the shell stops the server.
        let script = "\"$0\" -D \"$1\" & read end; kill -QUIT $!; wait $!";
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(bin.join("postgres")).arg(&cluster).current_dir("/");
        if owner.uid() != fs::metadata("/proc/self").map_or(owner.uid(), |me| me.uid()) {
            command.uid(owner.uid()).gid(owner.gid());
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let postgres = Self { child, _folder: folder, port };
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "PostgreSQL starts");
            sleep(Duration::from_millis(10)).await;
        }
        postgres
    }

    fn url(&self, host: &str, options: &str) -> String {
        format!("postgres://fixpath:s3cret@{host}:{}/postgres?{options}", self.port)
    }

    /// Whether the connection is encrypted, or why there is none.
    async fn encrypted(&self, host: &str, options: &str) -> Result<bool, String> {
        #[derive(diesel::QueryableByName)]
        struct Encrypted {
            #[diesel(sql_type = diesel::sql_types::Bool)]
            ssl: bool,
        }
        let begun = Instant::now();
        loop {
            match Target::parse(&self.url(host, options))?.connect_diesel().await {
                Ok(mut conn) => {
                    let query = diesel::sql_query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
                    return Ok(query.get_result::<Encrypted>(&mut conn).await.unwrap().ssl);
                }
                // It listens a moment before it is ready.
                Err(error) if error.to_string().contains("the database system is ") && begun.elapsed() < Duration::from_secs(20) => {
                    sleep(Duration::from_millis(10)).await;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().ok();
    }
}

fn certificate(name: &str) -> String {
    format!("sslrootcert={CERTIFICATES}/{name}")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mode_refuses_what_it_must_from_a_server_that_speaks_tls() {
    let settings = "ssl = on\nssl_cert_file = 'server.pem'\nssl_key_file = 'server.key'";
    let postgres = Postgres::start("tls", settings, "hostssl all all 127.0.0.1/32 trust\n").await;
    let (ours, other) = (certificate("ca.pem"), certificate("other.pem"));
    let (stranger, name) = (Some("UnknownIssuer"), Some("not valid for name"));
    for (host, options, refusal) in [
        ("localhost", "sslmode=disable".to_owned(), Some("no encryption")),
        ("localhost", String::new(), None),
        ("127.0.0.1", "sslmode=prefer".into(), None),
        ("127.0.0.1", "sslmode=require".into(), None),
        ("127.0.0.1", format!("sslmode=require&{ours}"), None),
        ("127.0.0.1", format!("sslmode=require&{other}"), stranger),
        ("localhost", format!("sslmode=verify-ca&{ours}"), None),
        ("127.0.0.1", format!("sslmode=verify-ca&{ours}"), None),
        ("localhost", format!("sslmode=verify-ca&{other}"), stranger),
        ("localhost", "sslmode=verify-ca".into(), stranger),
        ("localhost", format!("sslmode=verify-full&{ours}"), None),
        ("localhost", format!("{ours}&connect_timeout=5&sslmode=verify-full"), None),
        ("127.0.0.1", format!("sslmode=verify-full&{ours}"), name),
        ("localhost", format!("sslmode=verify-full&{other}"), stranger),
        ("localhost", "sslmode=verify-full".into(), stranger),
    ] {
        match (postgres.encrypted(host, &options).await, refusal) {
            (Ok(encrypted), None) => assert!(encrypted, "{host} {options}"),
            (Err(said), Some(refusal)) => assert!(said.contains(refusal) && !said.contains("s3cret"), "{host} {options}: {said}"),
            (outcome, _) => panic!("{host} {options}: {outcome:?}"),
        }
    }

    // The whole way: a pool that migrates, and a statement that is cancelled, over TLS as well.
    let target = Target::parse(&postgres.url("localhost", &format!("sslmode=verify-full&{ours}"))).unwrap();
    let db = Db::new(target, None, 1).unwrap_or_else(|error| panic!("{error:?}"));
    assert!(!migrate(&db, Direction::Up).await.unwrap_or_else(|error| panic!("{error:?}")).is_empty());
    let sleeper = async { diesel::sql_query("SELECT pg_sleep(60)").execute(&mut *db.conn().await.unwrap()).await };
    assert!(timeout(Duration::from_millis(500), sleeper).await.is_err());
    let begun = Instant::now();
    let (client, connection) = db.target().connect().await.unwrap();
    tokio::spawn(connection);
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()";
    while client.query_one(asleep, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        assert!(begun.elapsed() < Duration::from_secs(5), "the statement is cancelled");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_refused_where_encryption_was_asked_for() {
    let postgres = Postgres::start("plain", "ssl = off", "host all all 127.0.0.1/32 trust\n").await;
    for (options, encrypted) in [("sslmode=disable", Ok(false)), ("sslmode=prefer", Ok(false)), ("", Ok(false))] {
        assert_eq!(postgres.encrypted("localhost", options).await, encrypted, "{options}");
    }
    for options in ["sslmode=require".to_owned(), format!("sslmode=verify-full&{}", certificate("ca.pem"))] {
        let said = postgres.encrypted("localhost", &options).await.expect_err("an unencrypted connection");
        assert!(said.contains("server does not support TLS"), "{options}: {said}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_without_repeating_the_password() {
    for (options, said) in [
        ("sslmode=perhaps", "sslmode must be disable, prefer, require, verify-ca or verify-full, not `perhaps`"),
        ("sslmode=verify-full&sslrootcert=/nowhere/ca.pem", "sslrootcert /nowhere/ca.pem cannot be read"),
    ] {
        let refusal = Target::parse(&format!("postgres://fixpath:s3cret@localhost/x?{options}")).expect_err("a refusal");
        assert!(refusal.starts_with(said) && !refusal.contains("s3cret"), "{refusal}");
    }
}
