//! Real workers in processes of their own, told to stop or killed: no job is lost, and none is run by two.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use fixpath::db::tls::Target;
use fixpath::jobs::{self, Job};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_postgres::Client;

use crate::support::TestApp;
use crate::support::jobs::RELEASE;
use crate::support::people::ids;
use crate::support::proxy::Proxy;

/// Jobs that one process runs at a time.
const SLOTS: usize = 2;

/// A process that is gone when the test ends, with its folder.
struct Process {
    child: Child,
    folder: PathBuf,
}

impl Process {
    fn start(app: &TestApp, arguments: &[&str]) -> Self {
        Self::start_with(app, arguments, &[])
    }

    fn start_with(app: &TestApp, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("fixpath-worker-{}-{:x}", std::process::id(), rand::random::<u64>()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_fixpath"));
        command.args(arguments).current_dir(&folder).env_clear().stdout(Stdio::piped()).stderr(Stdio::null());
        command.env("DATABASE_URL", &app.database.url).env("DATABASE_POOL_SIZE", "3").env("BIND", "127.0.0.1:0");
        command.env("WORKER_CONCURRENCY", SLOTS.to_string()).env("WORKER_DEAD_AFTER", "2");
        command.envs(variables.iter().copied());
        Self { child: command.spawn().unwrap(), folder }
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the process ends");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

async fn connect(app: &TestApp) -> Client {
    let (client, connection) = app.app.db.target().connect().await.unwrap();
    tokio::spawn(connection);
    client
}

/// The queue as an outsider sees it. Every run of `ForgetSignIns` leaves one row in `runs`.
struct Watcher(Client);

impl Watcher {
    async fn new(app: &TestApp) -> Self {
        let client = connect(app).await;
        let count = "CREATE TABLE runs (number int);
            CREATE FUNCTION count_run() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO runs VALUES (1); PERFORM pg_sleep(0.02); RETURN NULL; END $$;
            CREATE TRIGGER count_run BEFORE DELETE ON refresh_tokens EXECUTE FUNCTION count_run();";
        client.batch_execute(&format!("{RELEASE}; {count}")).await.unwrap();
        Self(client)
    }

    async fn count(&self, query: &str) -> i64 {
        self.0.query_one(&format!("SELECT count(*) FROM {query}"), &[]).await.unwrap().get(0)
    }

    async fn until(&self, what: &str, query: &str, number: i64) {
        let deadline = Instant::now() + Duration::from_secs(90);
        while self.count(query).await != number {
            assert!(Instant::now() < deadline, "{what}: {}", self.count(query).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

const QUEUE: &str = "graphile_worker._private_jobs WHERE payload->>'job' = 'forget_sign_ins'";

async fn enqueue(app: &TestApp, number: usize) {
    let result = app.app.db.transaction(async |conn| {
        for _ in 0..number {
            jobs::enqueue(conn, &Job::ForgetSignIns, None).await?;
        }
        Ok(())
    });
    result.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn several_workers_share_the_work_and_run_each_job_once() {
    let app = TestApp::new().await;
    app.leave_jobs();
    let watcher = Watcher::new(&app).await;
    enqueue(&app, 200).await;
    let started = Instant::now();
    let _workers = [Process::start(&app, &["worker"]), Process::start(&app, &["worker"]), Process::start(&app, &["serve"])];
    watcher.until("the queue is emptied", QUEUE, 0).await;
    assert_eq!(watcher.count("runs").await, 200);
    assert!(started.elapsed() < Duration::from_secs(60), "a full queue is not waited for between jobs: {:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_loses_no_job() {
    let app = TestApp::new().await;
    app.leave_jobs();
    let watcher = Watcher::new(&app).await;
    enqueue(&app, 150).await;
    let mut workers: Vec<Process> = (0..2).map(|_| Process::start(&app, &["worker"])).collect();
    let kills = 4;
    for kill in 1..=kills {
        // In the middle of its work.
        let deadline = Instant::now() + Duration::from_secs(60);
        while watcher.count("runs").await < kill * 15 {
            assert!(Instant::now() < deadline, "work goes on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        workers.remove(0).kill();
        workers.push(Process::start(&app, &["worker"]));
    }
    watcher.until("the queue is emptied", QUEUE, 0).await;
    let (runs, most) = (watcher.count("runs").await, 150 + kills * SLOTS as i64);
    assert!((150..=most).contains(&runs), "only what was interrupted ran again: {runs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_takes_its_process_with_it_three_times_is_dead() {
    let app = TestApp::new().await;
    app.leave_jobs();
    let watcher = Watcher::new(&app).await;
    // Whoever runs the job waits here until it is killed.
    let blocker = connect(&app).await;
    blocker.batch_execute("BEGIN; LOCK TABLE refresh_tokens").await.unwrap();
    enqueue(&app, 1).await;
    // Of five attempts each crash costs two.
    for attempt in [1, 3, 5] {
        let worker = Process::start(&app, &["worker"]);
        watcher.until("the job runs", &format!("{QUEUE} AND locked_at IS NOT NULL AND attempts = {attempt}"), 1).await;
        worker.kill();
    }
    let _worker = Process::start(&app, &["worker"]);
    watcher.until("the job is dead", &format!("{QUEUE} AND locked_at IS NULL AND attempts >= max_attempts"), 1).await;
    watcher.until("staff are told", "alerts WHERE subject = 'forget_sign_ins' AND closed_at IS NULL", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_told_to_stop_finishes_what_runs_and_takes_nothing_new() {
    let app = TestApp::new().await;
    app.leave_jobs();
    let watcher = Watcher::new(&app).await;
    let blocker = connect(&app).await;
    blocker.batch_execute("BEGIN; LOCK TABLE refresh_tokens").await.unwrap();
    enqueue(&app, 5).await;
    let mut worker = Process::start(&app, &["worker"]);
    watcher.until("all slots run", &format!("{QUEUE} AND locked_at IS NOT NULL"), SLOTS as i64).await;
    worker.signal("TERM");
    tokio::time::sleep(Duration::from_millis(300)).await;
    blocker.batch_execute("ROLLBACK").await.unwrap();
    assert!(worker.ended().await.success());
    assert_eq!(watcher.count("runs").await, SLOTS as i64);
    assert_eq!(watcher.count(&format!("{QUEUE} AND locked_at IS NULL AND attempts = 0")).await, 5 - SLOTS as i64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_worker_runs_no_jobs() {
    let app = TestApp::new().await;
    app.leave_jobs();
    let watcher = Watcher::new(&app).await;
    let mut server = Process::start(&app, &["serve", "--no-worker"]);
    let mut said = BufReader::new(server.child.stdout.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("Sign in as")));
    enqueue(&app, 1).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(watcher.count(QUEUE).await, 1);
    let _worker = Process::start(&app, &["worker"]);
    watcher.until("a worker does", QUEUE, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_was_missed_is_made_up_for_once() {
    let app = TestApp::new().await;
    app.leave_jobs();
    let watcher = Watcher::new(&app).await;
    // The queue is tended every ten minutes, and each time looks for alerts to close.
    let missed = "CREATE TRIGGER count_run BEFORE UPDATE ON alerts EXECUTE FUNCTION count_run();
        INSERT INTO graphile_worker._private_known_crontabs (identifier, known_since, last_execution)
        VALUES ('tend_queue', now() - interval '9 days', now() - interval '5 hours')";
    watcher.0.batch_execute(missed).await.unwrap();
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let _worker = Process::start_with(&app, &["worker"], &[("METRICS_BIND", &address)]);
    let deadline = Instant::now() + Duration::from_secs(30);
    while watcher.count("runs").await == 0 {
        assert!(Instant::now() < deadline, "what was missed is made up for");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    // One more if the test ran into a tenth minute.
    assert!(watcher.count("runs").await <= 2, "thirty missed runs are one job");
    let schedules = jobs::registry::SCHEDULES.len() as i64;
    assert_eq!(watcher.count("graphile_worker._private_known_crontabs").await, schedules, "every schedule is known");

    let mut connection = tokio::net::TcpStream::connect(&address).await.unwrap();
    connection.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    let mut metrics = String::new();
    connection.read_to_string(&mut metrics).await.unwrap();
    assert!(metrics.contains("jobs_runs_total{job=\"tend_queue\",outcome=\"done\"}"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_goes_on_when_the_database_comes_back() {
    let app = TestApp::new().await;
    app.leave_jobs();
    let watcher = Watcher::new(&app).await;
    enqueue(&app, 1).await;
    let _worker = Process::start(&app, &["worker"]);
    watcher.until("it works", QUEUE, 0).await;
    drop(watcher);
    app.database.disconnect_all().await;
    let watcher = Watcher(connect(&app).await);
    let mut conn = app.app.db.target().connect_diesel().await.unwrap();
    jobs::enqueue(&mut conn, &Job::ForgetSignIns, None).await.unwrap();
    watcher.until("it works again", QUEUE, 0).await;
}

/// What is guaranteed when a worker is cut off in the middle of a run, and another one takes its job over: what the first one did in
/// its transaction is undone before the second one's begins to count, so that the effects follow one another and there is one of
/// each; and however the first run ends, it changes nothing in the queue any more. (What a run does outside of the database, such as a
/// mail, can happen twice.)
#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_worker_is_cut_off_is_done_once_by_another() {
    let proxy = Proxy::start().await;
    let app = TestApp::on(proxy.database(), &[]).await;
    app.leave_jobs();
    let (_, account) = ids(&app.sign_up("owner").await).await;
    let direct = async || {
        let (client, connection) = Target::parse(&proxy.direct_url).unwrap().connect().await.unwrap();
        tokio::spawn(connection);
        client
    };
    let (gate, watcher) = (direct().await, Watcher(direct().await));
    // An erasure waits before its end as long as the gate is shut, and counts in its transaction.
    let count = "CREATE TABLE runs (number int);
        CREATE FUNCTION count_run() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock_shared(4711); INSERT INTO runs VALUES (1); RETURN NEW; END $$;
        CREATE TRIGGER count_run BEFORE UPDATE OF deleted_at ON accounts FOR EACH ROW EXECUTE FUNCTION count_run();
        UPDATE accounts SET deletes_at = now() - interval '1 minute'";
    watcher.0.batch_execute(&format!("{RELEASE}; {count}")).await.unwrap();
    gate.batch_execute("SELECT pg_advisory_lock(4711)").await.unwrap();
    jobs::enqueue(&mut app.app.db.conn().await.unwrap(), &Job::EraseAccount { account }, None).await.unwrap();
    const ERASURE: &str = "graphile_worker._private_jobs WHERE payload->>'job' = 'erase_account'";
    let waiting = "pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted";

    let mut cut_off = Process::start(&app, &["worker"]);
    watcher.until("the first one is at work", waiting, 1).await;
    proxy.let_through(false);
    let holder = "SELECT locked_by FROM graphile_worker._private_jobs WHERE payload->>'job' = 'erase_account'";
    let first: String = watcher.0.query_one(holder, &[]).await.unwrap().get(0);
    let _other = Process::start_with(&app, &["worker"], &[("DATABASE_URL", &proxy.direct_url)]);
    let taken = format!("{ERASURE} AND locked_by <> '{first}'");
    watcher.until("the second one has taken it over", &taken, 1).await;
    assert_eq!(watcher.count("accounts WHERE deleted_at IS NOT NULL").await, 0);
    gate.batch_execute("SELECT pg_advisory_unlock(4711)").await.unwrap();
    watcher.until("it is done", ERASURE, 0).await;
    assert_eq!((watcher.count("runs").await, watcher.count("accounts WHERE deleted_at IS NOT NULL").await), (1, 1));

    // Whoever comes back finds nothing to settle, and works on.
    proxy.let_through(true);
    jobs::enqueue(&mut app.app.db.target().connect_diesel().await.unwrap(), &Job::EraseAccount { account }, None).await.unwrap();
    watcher.until("the next one", ERASURE, 0).await;
    assert_eq!((watcher.count("runs").await, watcher.count("alerts").await), (1, 0));
    cut_off.signal("TERM");
    cut_off.ended().await;
}
