//! Throughput, memory and start time of a release server, beside pgbench running the same statements on the same PostgreSQL in the
//! same run. Machines are noisy: compare ratios, not absolute numbers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client;
mod content;
mod pgbench;
mod server;
mod sign_ins;
mod starts;
mod webhooks;

use std::path::PathBuf;
use std::time::Duration;

use fixpath::db::embedded;

use client::{Load, Measured};
use server::Server;
use starts::Starts;

const CONNECTIONS: usize = 32;
const WARM_UP: Duration = Duration::from_secs(2);
const MEASURE: Duration = Duration::from_secs(8);

fn main() {
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let folder = std::env::temp_dir().join(format!("fixpath-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let pg_bin = std::env::var_os("PG_BIN").map(PathBuf::from);
    let options = embedded::Options { data_dir: folder.clone(), pg_bin, durable: true };
    let postgres = embedded::start(&options).unwrap_or_else(|error| panic!("{error}"));
    let url = postgres.url("postgres");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(&url, &folder, &postgres));
    postgres.stop();
    std::fs::remove_dir_all(&folder).ok();
}

async fn run(url: &str, folder: &std::path::Path, postgres: &embedded::Embedded) {
    // `cargo bench --bench throughput -- starts` measures these alone, and so do `-- sign-ins` and `-- webhooks`.
    if std::env::args().any(|argument| argument == "starts") {
        return tell_starts(&starts::measure().await);
    }
    let content = content::make(url, folder).await;
    if std::env::args().any(|argument| argument == "sign-ins") {
        return sign_ins::run(&Server::start(url, folder).await, &content).await;
    }
    if std::env::args().any(|argument| argument == "webhooks") {
        return webhooks::run(url, folder, postgres, &content).await;
    }
    let mut starts: Vec<Duration> = Vec::new();
    for _ in 0..5 {
        let server = Server::start(url, folder).await;
        starts.push(server.first_answer);
    }
    starts.sort();
    let private = starts::measure().await;
    let server = Server::start(url, folder).await;
    let idle = server.resident_mb();

    let token = content.sign_in(&server).await;
    let typename = Load::Query { token: None, body: content::body("{ __typename }", "{}") };
    let tree = Load::Many { token: token.clone(), bodies: content.tree_bodies() };
    let search = Load::Many { token: token.clone(), bodies: content::search_bodies() };
    let list = Load::Query { token: Some(token.clone()), body: content::body(content::LIST, "{}") };
    let sessions = content.start_sessions(&server, &token, CONNECTIONS).await;
    let answers = Load::Answers { token, sessions };

    let typename = measure(&server, &typename).await;
    let tree = measure(&server, &tree).await;
    let list = measure(&server, &list).await;
    let search = measure(&server, &search).await;
    let answers = measure(&server, &answers).await;
    let loaded = server.resident_mb();
    sign_ins::run(&server, &content).await;
    drop(server);

    let select_tree = pgbench::run(postgres, folder, "tree", &content.select_tree(1));
    let select_list = pgbench::run(postgres, folder, "list", &content.select_tree(20));
    let writes = pgbench::run(postgres, folder, "answer", &content.answer_statements().await);

    println!("\n{CONNECTIONS} connections, {} s each, {} trees of {} nodes", MEASURE.as_secs(), content::TREES, content::NODES);
    println!("{:<28} {:>9} {:>9} {:>9} {:>12} {:>14}", "", "req/s", "p50 ms", "p99 ms", "of pgbench", "of __typename");
    let row = |name: &str, measured: &Measured, beside: Option<f64>| {
        let of_pgbench = beside.map_or("-".to_owned(), |beside| format!("{:.2}", measured.per_second / beside));
        let of_typename = measured.per_second / typename.per_second;
        println!(
            "{name:<28} {:>9.0} {:>9.2} {:>9.2} {of_pgbench:>12} {of_typename:>14.2}",
            measured.per_second, measured.p50, measured.p99
        );
    };
    row("{ __typename }", &typename, None);
    row("tree, all nodes", &tree, Some(select_tree));
    row("trees(first: 20), all nodes", &list, Some(select_list));
    row("searchTrees, 20 hits", &search, None);
    row("answerSession", &answers, Some(writes));
    webhooks::run(url, folder, postgres, &content).await;
    println!("\npgbench: {select_tree:.0}/s one tree by primary key, {select_list:.0}/s twenty, {writes:.0}/s an answer's statements");
    println!("resident memory: {idle} MB idle, {loaded} MB after load");
    println!("from exec to the first answer: {:.0} ms (median of {})", starts[starts.len() / 2].as_secs_f64() * 1000.0, starts.len());
    tell_starts(&private);
}

fn tell_starts(Starts { first, second }: &Starts) {
    let (first, second) = (first.as_secs_f64(), second.as_secs_f64());
    println!("with a private database, from exec to ready: {first:.2} s in an empty folder, {second:.2} s the second time (aim: < 1 s)");
}

async fn measure(server: &Server, load: &Load) -> Measured {
    client::drive(server.port, load, CONNECTIONS, WARM_UP, None).await;
    client::drive(server.port, load, CONNECTIONS, MEASURE, Some(())).await
}
