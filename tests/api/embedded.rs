//! The private PostgreSQL: it starts anywhere, keeps what it was given, and survives every way of dying.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fixpath::db::embedded::{self, Embedded, Options};
use tokio_postgres::NoTls;

/// Tells `a_server_that_waits_to_be_killed` where to start.
const CHILD_DATA_DIR: &str = "FIXPATH_TEST_CHILD_DATA_DIR";

/// A data folder that is gone when the test ends.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("fixpath-embedded-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        Self(dir)
    }

    pub fn options(&self) -> Options {
        options(&self.0)
    }

    /// The process id that the running (or killed) postmaster noted.
    pub fn postmaster(&self) -> Option<u32> {
        fs::read_to_string(self.0.join("postgres/postmaster.pid")).ok()?.lines().next()?.parse().ok()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn options(data_dir: &Path) -> Options {
    Options { data_dir: data_dir.to_owned(), pg_bin: std::env::var_os("PG_BIN").map(PathBuf::from), durable: false }
}

fn refusal(options: &Options) -> String {
    embedded::start(options).err().expect("the start is refused").to_string()
}

pub fn query(database: &Embedded, sql: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&database.url("postgres"), NoTls).await.unwrap();
        tokio::spawn(connection);
        let rows = client.simple_query(sql).await.unwrap();
        let mut values = rows.iter().filter_map(|row| match row {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        values.next().unwrap_or_default().to_owned()
    })
}

fn can_connect(database: &Embedded) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(tokio_postgres::connect(&database.url("postgres"), NoTls)).is_ok()
}

/// A process that runs a durable database and has committed a note to it.
fn start_server_process(folder: &Folder) -> Child {
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "embedded::a_server_that_waits_to_be_killed", "--ignored", "--nocapture"])
        .env(CHILD_DATA_DIR, &folder.0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(server.stdout.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("the note is written")));
    server
}

pub fn signal(pid: u32, name: &str) {
    assert!(Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap().success());
}

pub fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !happened() {
        assert!(Instant::now() < deadline, "{what}: not within 20 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_first_start_makes_a_database_that_speaks_utf8_and_listens_on_no_port() {
    let folder = Folder::new("first");
    let database = embedded::start(&folder.options()).unwrap();

    assert_eq!(query(&database, "select current_user"), database.user());
    assert_eq!(query(&database, "select upper('müller') || ' in ' || current_setting('server_encoding')"), "MÜLLER in UTF8");
    assert_eq!(query(&database, "show listen_addresses"), "");
    assert_eq!(query(&database, "show lc_messages"), "C");
    assert_eq!(query(&database, "show fsync"), "off");
}

#[test]
fn other_users_cannot_reach_the_socket_or_the_data() {
    let folder = Folder::new("private");
    let database = embedded::start(&folder.options()).unwrap();

    assert_eq!(fs::metadata(database.socket_dir()).unwrap().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(folder.0.join("postgres")).unwrap().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(folder.0.join("postgres.log")).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_second_start_finds_what_the_first_one_wrote() {
    let folder = Folder::new("second");
    let durable = Options { durable: true, ..folder.options() };
    let first = embedded::start(&durable).unwrap();
    assert_eq!(query(&first, "show fsync"), "on");
    query(&first, "create table note (text text); insert into note values ('still here')");
    first.stop();
    assert_eq!(folder.postmaster(), None, "a stopped PostgreSQL leaves no note of a running one");

    let second = embedded::start(&durable).unwrap();
    assert_eq!(query(&second, "select text from note"), "still here");
}

#[test]
fn a_stop_ends_sessions_that_are_still_open() {
    let folder = Folder::new("sessions");
    let database = embedded::start(&Options { durable: true, ..folder.options() }).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_client, connection) = runtime.block_on(tokio_postgres::connect(&database.url("postgres"), NoTls)).unwrap();
    let socket = database.socket_dir().join(format!(".s.PGSQL.{}", database.port()));
    assert!(socket.exists());

    database.stop();
    assert!(!socket.exists());
    assert!(runtime.block_on(connection).is_err());
}

#[test]
fn a_killed_postmaster_is_replaced_at_the_next_start() {
    let folder = Folder::new("postmaster");
    let durable = Options { durable: true, ..folder.options() };
    let first = embedded::start(&durable).unwrap();
    query(&first, "create table note (text text); insert into note values ('still here')");
    signal(folder.postmaster().unwrap(), "KILL");
    drop(first);
    assert!(folder.postmaster().is_some(), "a killed postmaster leaves its note behind");

    let second = embedded::start(&durable).unwrap();
    assert_eq!(query(&second, "select text from note"), "still here");
}

#[test]
fn a_killed_postmaster_is_replaced_while_the_server_runs() {
    let folder = Folder::new("keeper");
    let database = embedded::start(&Options { durable: true, ..folder.options() }).unwrap();
    query(&database, "create table note (text text); insert into note values ('still here')");
    let killed = folder.postmaster();
    signal(killed.unwrap(), "KILL");

    wait_until("another postmaster is there", || folder.postmaster().is_some_and(|new| Some(new) != killed));
    wait_until("it takes sessions", || can_connect(&database));
    assert_eq!(query(&database, "select text from note"), "still here");
    let replaced = folder.postmaster().unwrap();
    database.stop();
    assert_eq!(folder.postmaster(), None, "what was started again is stopped, too: process {replaced}");
}

#[test]
fn a_killed_server_loses_nothing() {
    let folder = Folder::new("server");
    let mut server = start_server_process(&folder);
    let postmaster = folder.postmaster().unwrap();
    server.kill().unwrap();
    server.wait().unwrap();

    // At once, without waiting for the old postmaster: the start itself copes with one that is on its way out.
    let second = embedded::start(&folder.options()).unwrap();
    assert_eq!(query(&second, "select text from note"), "still here");
    assert_ne!(folder.postmaster(), Some(postmaster));
}

#[test]
#[cfg(target_os = "linux")]
fn no_postgresql_outlives_a_killed_server() {
    let folder = Folder::new("outlives");
    let mut server = start_server_process(&folder);
    let postmaster = PathBuf::from(format!("/proc/{}", folder.postmaster().unwrap()));
    assert!(postmaster.exists());
    server.kill().unwrap();
    server.wait().unwrap();

    wait_until("the postmaster ends", || !postmaster.exists());
}

/// The other end of `start_server_process`.
#[test]
#[ignore = "runs in a process of its own, started by other tests"]
fn a_server_that_waits_to_be_killed() {
    let data_dir = PathBuf::from(std::env::var_os(CHILD_DATA_DIR).expect("started by another test"));
    let database = embedded::start(&Options { durable: true, ..options(&data_dir) }).unwrap();
    query(&database, "create table note (text text); insert into note values ('still here')");
    println!("the note is written");
    // Returns when the test that started it is gone, however it ended.
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn a_second_server_on_the_same_folder_is_refused_in_one_sentence() {
    let folder = Folder::new("twice");
    let first = embedded::start(&folder.options()).unwrap();

    let sentence = refusal(&folder.options());
    assert!(sentence.contains(&format!("another Fixpath (process {})", std::process::id())), "{sentence}");
    assert_eq!(query(&first, "select 1"), "1");
}

#[test]
fn two_first_starts_at_once_make_one_database() {
    let folder = Folder::new("race");
    let starts: Vec<_> = (0..2).map(|_| folder.options()).map(|options| std::thread::spawn(move || embedded::start(&options))).collect();
    let started: Vec<_> = starts.into_iter().map(|start| start.join().unwrap()).collect();

    assert_eq!(started.iter().filter(|result| result.is_ok()).count(), 1);
}

#[test]
fn a_long_path_or_one_with_unusual_letters_moves_the_socket_but_not_the_data() {
    for name in ["deep/".repeat(30), "a folder, für alle".into()] {
        let folder = Folder::new("path");
        let data_dir = folder.0.join(name);
        let database = embedded::start(&options(&data_dir)).unwrap();

        assert!(database.socket_dir().starts_with("/tmp"));
        assert!(data_dir.join("postgres/PG_VERSION").exists());
        assert_eq!(query(&database, "select 1"), "1");
        let socket_dir = database.socket_dir().to_owned();
        database.stop();
        fs::remove_dir(socket_dir).unwrap();
    }
}

#[test]
fn an_unfinished_first_start_is_done_again() {
    let folder = Folder::new("unfinished");
    fs::create_dir(folder.0.join("postgres.new")).unwrap();
    fs::write(folder.0.join("postgres.new/PG_VERSION"), "1").unwrap();

    let database = embedded::start(&folder.options()).unwrap();
    assert_eq!(query(&database, "select 1"), "1");
    assert!(!folder.0.join("postgres.new").exists());
}

#[test]
fn a_note_of_a_postmaster_whose_number_is_now_another_programs_does_no_harm() {
    let folder = Folder::new("number");
    embedded::start(&folder.options()).unwrap().stop();
    let mut other = Command::new("sleep").arg("60").spawn().unwrap();
    let note = format!("{}\n{}\n0\n5432\n/nowhere\n\n0 0\nready\n", other.id(), folder.0.join("postgres").display());
    fs::write(folder.0.join("postgres/postmaster.pid"), note).unwrap();

    let database = embedded::start(&folder.options()).unwrap();
    assert_eq!(query(&database, "select 1"), "1");
    assert_eq!(other.try_wait().unwrap(), None, "the other program was left alone");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_start_that_fails_says_what_postgresql_said() {
    let folder = Folder::new("broken");
    embedded::start(&folder.options()).unwrap().stop();
    fs::remove_file(folder.0.join("postgres/global/pg_control")).unwrap();

    let sentence = refusal(&folder.options());
    assert!(sentence.contains("postgres.log") && sentence.contains("pg_control"), "{sentence}");
}

#[test]
fn programs_that_are_missing_or_do_not_fit_are_explained() {
    let folder = Folder::new("programs");
    let bin = folder.0.join("bin");
    fs::create_dir(&bin).unwrap();
    let with_bin = || Options { pg_bin: Some(bin.clone()), ..folder.options() };
    let pretend = |version: &str| {
        fs::write(bin.join("postgres"), format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")).unwrap();
        fs::set_permissions(bin.join("postgres"), fs::Permissions::from_mode(0o755)).unwrap();
    };
    assert!(refusal(&with_bin()).starts_with(&format!("PG_BIN is {}", bin.display())));

    fs::write(bin.join("initdb"), "").unwrap();
    fs::write(bin.join("postgres"), "").unwrap();
    assert!(refusal(&with_bin()).contains("`sudo apt-get install postgresql` (Debian, Ubuntu)"));

    pretend("13.9 (Debian 13.9-1)");
    assert!(refusal(&with_bin()).starts_with("PostgreSQL 13"));

    fs::create_dir(folder.0.join("postgres")).unwrap();
    fs::write(folder.0.join("postgres/PG_VERSION"), "15\n").unwrap();
    pretend("17beta1");
    assert!(refusal(&with_bin()).starts_with("the database was made by PostgreSQL 15, but only version 17 was found"));
}
