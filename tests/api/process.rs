//! The program itself, as somebody starts and stops it.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use fixpath::db::Db;
use fixpath::db::migrate::{Direction, is_current, migrate};
use fixpath::db::tls::Target;
use fixpath::staff::seed;
use serde_json::{Value, json};
use tokio_postgres::Client;

use super::embedded::{Folder, signal, wait_until};
use super::limits_shared::Redis;
use super::live::Socket;
use super::support::app::JWT_KEY;
use super::support::database::{Database, install_cryptography};

/// A server with a private database, on a port that the system chooses.
struct Server {
    child: Child,
    folder: Folder,
    port: u16,
    /// What else it says; it is kept open.
    _said: Lines<BufReader<ChildStdout>>,
}

impl Server {
    fn start(name: &str) -> Self {
        Self::start_with(name, &[])
    }

    fn start_with(name: &str, variables: &[(&str, &str)]) -> Self {
        let folder = Folder::new(name);
        let (child, port, said) = launch(&folder, variables);
        Self { child, folder, port, _said: said }
    }

    /// Starts it, when it has ended, on the data that it had.
    fn start_again(&mut self) {
        (self.child, self.port, self._said) = launch(&self.folder, &[]);
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// An access token of the demo account's owner.
    async fn token(&self) -> String {
        let (email, password) = (seed::EMAIL, seed::PASSWORD);
        let sign_in = format!("mutation {{ signIn(input: {{ login: \"{email}\", password: \"{password}\" }}) {{ accessToken }} }}");
        self.post("", &sign_in).await["data"]["signIn"]["accessToken"].as_str().unwrap().to_owned()
    }

    async fn post(&self, token: &str, query: &str) -> Value {
        let request = reqwest::Client::new().post(self.url("/graphql")).bearer_auth(token);
        let answer = request.json(&json!({ "query": query })).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    /// Another client of its private database.
    async fn database(&self) -> Client {
        let url = format!("postgres://fixpath@/postgres?host={}/socket&port=5432", self.folder.0.display());
        let (client, connection) = Target::parse(&url).unwrap().connect().await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// The most memory that it ever had, in MiB.
    fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak.unwrap() / 1024
    }

    /// Processes whose command line names its folder: its own, and those of its database.
    fn processes(&self) -> Vec<String> {
        let folder = self.folder.0.to_str().unwrap();
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
        lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| line.contains(folder)).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its database follows it.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Returns when it answers.
fn launch(folder: &Folder, variables: &[(&str, &str)]) -> (Child, u16, Lines<BufReader<ChildStdout>>) {
    install_cryptography();
    let mut command = program(&folder.0);
    let mut child = command.envs(variables.iter().copied()).env("BIND", "127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let port = said.find_map(|line| line.unwrap().strip_prefix("GraphQL   http://localhost:")?.strip_suffix("/graphql")?.parse().ok());
    (child, port.expect("it says where it is"), said)
}

/// Returns when so many of the database's clients wait for a lock.
async fn wait_for_locks(database: &Client, count: i64) {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    let begun = Instant::now();
    while database.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < count {
        assert!(begun.elapsed() < Duration::from_secs(40), "{count} are to wait");
        tokio::time::sleep(Duration::from_millis(5)).await;
        // A transaction sees who is active as it saw it first, unless told to look again.
        database.batch_execute("SELECT pg_stat_clear_snapshot()").await.unwrap();
    }
}

/// The program with nothing of our own environment that would tell it what to do.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fixpath"));
    command.env_clear().current_dir(folder).env("DATA_DIR", folder).stdin(Stdio::null());
    for name in ["PATH", "PG_BIN", "TMPDIR"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command
}

#[tokio::test(flavor = "multi_thread")]
#[cfg(target_os = "linux")]
async fn sigterm_lets_what_runs_finish_refuses_what_is_new_and_leaves_nothing_behind() {
    let mut server = Server::start("sigterm");
    let postmaster = server.folder.postmaster().expect("the private database runs");
    assert!(!server.processes().is_empty());
    let token = server.token().await;

    let database = server.database().await;
    database.batch_execute("BEGIN; LOCK TABLE trees IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let running = async {
        let answer = server.post(&token, "{ trees(first: 1) { nodes { title } } }").await;
        assert!(answer["data"]["trees"]["nodes"][0]["title"].is_string(), "what ran was finished: {answer}");
    };
    let stopping = async {
        wait_for_locks(&database, 1).await;
        signal(server.child.id(), "TERM");
        wait_until("new connections are refused", || std::net::TcpStream::connect(("127.0.0.1", server.port)).is_err());
        database.batch_execute("COMMIT").await.unwrap();
    };
    tokio::join!(running, stopping);

    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert_eq!(server.processes(), Vec::<String>::new());
    assert!(!Path::new(&format!("/proc/{postmaster}")).exists() && server.folder.postmaster().is_none(), "the database was shut down");
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_mutations_over_websocket_and_events_end_and_be_answered() {
    // On a busy machine, what waits must not be stopped before it is seen to.
    let mut server = Server::start_with("live-until-sigterm", &[("OPERATION_SECONDS", "60")]);
    let token = server.token().await;
    let create =
        |title: &str| format!("mutation {{ createTree(input: {{ title: \"{title}\" }}) {{ tree {{ title }} userErrors {{ code }} }} }}");
    let mut socket = Socket::greeted_at(&server.url("/graphql/ws"), &token).await;
    socket.subscribe("live", "subscription { billingUpdated { __typename } }", json!({})).await;
    assert_eq!(socket.next().await["id"], "live");
    let request = reqwest::Client::new().post(server.url("/graphql")).bearer_auth(&token).header("accept", "text/event-stream");
    let request = request.json(&json!({ "query": create("By events") }));

    let database = server.database().await;
    database.batch_execute("BEGIN; LOCK TABLE trees IN EXCLUSIVE MODE").await.unwrap();
    socket.subscribe("one", &create("By socket"), json!({})).await;
    let by_events = tokio::spawn(async move { request.send().await.unwrap().text().await.unwrap() });
    wait_for_locks(&database, 2).await;
    signal(server.child.id(), "TERM");
    wait_until("new connections are refused", || std::net::TcpStream::connect(("127.0.0.1", server.port)).is_err());
    socket.subscribe("late", &create("Too late"), json!({})).await;
    let late = socket.next().await;
    assert_eq!((&late["id"], &late["type"]), (&json!("late"), &json!("error")), "nothing new begins: {late}");
    database.batch_execute("COMMIT").await.unwrap();

    let answer = socket.next().await;
    assert_eq!(answer["payload"]["data"]["createTree"], json!({ "tree": { "title": "By socket" }, "userErrors": [] }), "{answer}");
    assert_eq!(socket.next().await, json!({ "id": "one", "type": "complete" }));
    assert_eq!(socket.closed().await, 1001);
    let by_events = by_events.await.unwrap();
    assert!(by_events.contains("\"title\":\"By events\"") && by_events.contains("event: complete"), "{by_events}");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_answers_soon_with_the_data_of_the_first() {
    let mut server = Server::start("second-start");
    let token = server.token().await;
    let create = "mutation { createTree(input: { title: \"Of the first\" }) { userErrors { code } } }";
    assert_eq!(server.post(&token, create).await["data"]["createTree"]["userErrors"], json!([]));
    signal(server.child.id(), "TERM");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));

    let begun = Instant::now();
    server.start_again();
    // The same keys, too: who was signed in stays so.
    let trees = server.post(&token, "{ trees(first: 100) { nodes { title } } }").await;
    let took = begun.elapsed();
    println!("the second start took {took:?}");
    assert!(trees.to_string().contains("Of the first"), "{trees}");
    // How long it takes is for a machine that does nothing else: this only finds a start that waits for something.
    assert!(took < Duration::from_secs(30), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_production_a_database_that_waits_for_migrations_ends_the_start_with_what_to_do() {
    let folder = Folder::new("not-migrated");
    let database = Database::empty().await;
    let start = |command: &str| {
        let output = program(&folder.0)
            .envs([
                ("FIXPATH_ENV", "production"),
                ("DATABASE_URL", &database.url),
                ("PUBLIC_URL", "https://api.example.com"),
                ("JWT_PRIVATE_KEY", JWT_KEY),
                ("EXPORT_SIGNING_KEY", "thirty-two characters and no more"),
                ("SMTP_URL", "smtps://mail.example.com"),
                ("MAIL_FROM", "no-reply@example.com"),
                ("BIND", "127.0.0.1:0"),
            ])
            .arg(command)
            .output()
            .unwrap();
        (String::from_utf8(output.stderr).unwrap(), output.status.code())
    };
    let said = "fixpath: the database waits for migrations: run `fixpath migrate`\n".to_owned();
    for command in ["serve", "worker"] {
        assert_eq!(start(command), (said.clone(), Some(1)), "{command}");
    }
    // So it was: what it says helps, and one that is missing is as bad as all.
    assert_eq!(start("migrate").1, Some(0));
    let db = Db::new(Target::parse(&database.url).unwrap(), None, 1).unwrap_or_else(|error| panic!("{error:?}"));
    assert!(is_current(&db).await.unwrap_or_else(|error| panic!("{error:?}")));
    migrate(&db, Direction::Down(1)).await.unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(start("serve"), (said, Some(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_does_what_it_says() {
    let folder = Folder::new("commands");
    let database = Database::new().await;
    let run = |arguments: &[&str]| {
        let output = program(&folder.0).env("DATABASE_URL", &database.url).args(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr), output.status.code())
    };
    assert_eq!(run(&["schema"]).0, include_str!("../../schema.graphql"));
    assert_eq!(
        (run(&["seed"]).0.as_str(), run(&["seed"]).0.as_str()),
        ("The demo account is there.\n", "The demo account was there already.\n")
    );
    let db = Db::new(Target::parse(&database.url).unwrap(), None, 1).unwrap_or_else(|error| panic!("{error:?}"));
    let (client, connection) = db.target().connect().await.unwrap();
    tokio::spawn(connection);
    let is_staff = async || client.query_one("SELECT staff FROM users WHERE email = $1", &[&seed::EMAIL]).await.unwrap().get::<_, bool>(0);
    for (change, wanted) in [("grant", true), ("revoke", false)] {
        assert_eq!(run(&["staff", change, seed::EMAIL]).2, Some(0));
        assert_eq!(is_staff().await, wanted, "{change}");
        let (_, said, code) = run(&["staff", change, "nobody@example.com"]);
        assert_eq!(
            (said.ends_with("fixpath: There is no user with the e-mail address `nobody@example.com`.\n"), code),
            (true, Some(1)),
            "{said}"
        );
    }
}

/// Their values may be anybody's address, password or token.
#[tokio::test]
async fn statements_are_shown_to_whoever_asks_without_their_values() {
    let folder = Folder::new("statements");
    let database = Database::new().await;
    let output = program(&folder.0).env("DATABASE_URL", &database.url).env("RUST_LOG", "fixpath::sql=debug").arg("seed").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("INSERT INTO \"users\" (") && said.contains("$1"), "{said}");
    for secret in [seed::EMAIL, "$argon2id", "binds"] {
        assert!(!said.contains(secret), "{secret} is in {said}");
    }
}

#[test]
fn a_start_that_cannot_work_says_why_in_one_sentence_and_fails() {
    let folder = Folder::new("refusals");
    for (name, value, said) in [
        ("OPERATION_SECONDS", "0", "fixpath: OPERATION_SECONDS must be a number from 1 to 600, not 0\n"),
        ("BIND", "nowhere", "fixpath: BIND must be an address and port such as 127.0.0.1:8080, not `nowhere`\n"),
        (
            "FIXPATH_ENV",
            "production",
            "fixpath: JWT_PRIVATE_KEY is required in production: an Ed25519 key in PEM (openssl genpkey -algorithm ed25519)\n",
        ),
    ] {
        let output = program(&folder.0).env(name, value).output().unwrap();
        assert_eq!((String::from_utf8_lossy(&output.stderr).as_ref(), output.status.code()), (said, Some(1)));
    }
    std::fs::write(folder.0.join("file"), "").unwrap();
    let beneath = folder.0.join("file/folder").display().to_string();
    for (name, value) in
        [("LOG_DIR", beneath.as_str()), ("DATA_DIR", &beneath), ("DATABASE_URL", "postgres://somebody:s3cret@127.0.0.1:1/x")]
    {
        let output = program(&folder.0).env(name, value).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with(&format!("fixpath: {name}")) && said.lines().count() == 1 && !said.contains("s3cret"), "{said}");
        assert_eq!(output.status.code(), Some(1));
        assert!(said.contains("refused") || name != "DATABASE_URL", "{said}");
    }
    let wrong = "postgres://somebody:s3cret@localhost/x?sslmode=perhaps";
    let output = program(&folder.0).env("DATABASE_URL", wrong).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("fixpath: DATABASE_URL must be a PostgreSQL URL: sslmode must be") && !said.contains("s3cret"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_count_a_senders_requests_together_in_redis() {
    let redis = Redis::start();
    let url = redis.url();
    // A fifth of it for whoever is not signed in.
    let variables = [("REDIS_URL", url.as_str()), ("RATE_LIMIT_PER_MINUTE", "50")];
    let servers = [Server::start_with("shared-one", &variables), Server::start_with("shared-two", &variables)];
    let client = reqwest::Client::new();
    let mut passed = 0;
    for number in 0..18 {
        let url = format!("http://127.0.0.1:{}/graphql", servers[number % 2].port);
        let answer = client.post(url).json(&json!({ "query": "{ __typename }" })).send().await.unwrap();
        passed += usize::from(answer.status() == 200);
    }
    // What a busy machine made Redis too slow to count was let in.
    let mut not_counted = 0;
    for server in &servers {
        let metrics = client.get(format!("http://127.0.0.1:{}/metrics", server.port)).send().await.unwrap().text().await.unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix("rate_limits_not_checked_total "));
        not_counted += line.map_or(0, |count| count.parse::<usize>().unwrap());
    }
    // Ten, and what a minute gives back meanwhile; by themselves they would have let all through.
    assert!((10..=12).contains(&(passed - not_counted)), "{passed} passed, {not_counted} were not counted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg(target_os = "linux")]
async fn two_hundred_sign_ins_at_once_neither_exhaust_memory_nor_starve_others() {
    const CROWD: usize = 200;
    // Each from an address of its own, and with time to wait in line.
    let variables = [("TRUSTED_PROXIES", "127.0.0.1"), ("RATE_LIMIT_PER_MINUTE", "1000000"), ("OPERATION_SECONDS", "120")];
    let server = Server::start_with("crowd", &variables);
    let client = reqwest::Client::new();
    let ask = |address: String, query: String| {
        let request = client.post(server.url("/graphql")).header("x-forwarded-for", address).json(&json!({ "query": query }));
        async move { request.send().await.unwrap().text().await.unwrap() }
    };
    ask("10.0.1.1".to_owned(), "{ __typename }".to_owned()).await;
    let before = server.peak_memory();
    let sign_in = |number: usize| {
        let input = format!("{{ login: \"nobody{number}\", password: \"a guess\" }}");
        ask(format!("10.0.0.{number}"), format!("mutation {{ signIn(input: {input}) {{ userErrors {{ code }} }} }}"))
    };
    let crowd: Vec<_> = (0..CROWD).map(|number| tokio::spawn(sign_in(number))).collect();

    let (mut slowest, mut asked) = (Duration::ZERO, 0);
    while crowd.iter().any(|request| !request.is_finished()) {
        let begun = Instant::now();
        assert!(ask("10.0.1.1".to_owned(), "{ __typename }".to_owned()).await.contains("\"Query\""));
        slowest = slowest.max(begun.elapsed());
        asked += 1;
    }
    for request in crowd {
        let answer = request.await.unwrap();
        assert!(answer.contains("WRONG_CREDENTIALS"), "{answer}");
    }
    let grown = server.peak_memory() - before;
    println!("{asked} others were answered meanwhile, the slowest after {slowest:?}; memory grew by {grown} MiB");
    assert!(asked > 20, "{asked} others were answered meanwhile");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    // All hashes at the same time would take 3,800.
    assert!(grown < 200, "{grown} MiB");
}
