//! A development server plays Stripe by itself, and goes on where it was killed.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use reqwest::Client;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::ORIGIN;
use crate::support::database::Database;

struct Server {
    child: Child,
    url: String,
    dashboard: String,
}

impl Server {
    fn start(database: &Database, folder: &PathBuf) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fixpath"));
        command.current_dir(folder).env_clear().stdout(Stdio::piped()).stderr(Stdio::null());
        command
            .env("DATABASE_URL", &database.url)
            .env("DATABASE_POOL_SIZE", "4")
            .env("BIND", "127.0.0.1:0")
            .env("DATA_DIR", folder)
            .env("ALLOWED_ORIGINS", ORIGIN);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut find = |word: &str| {
            let line = lines.by_ref().map(Result::unwrap).find(|line| line.starts_with(word)).unwrap_or_else(|| panic!("no line {word}"));
            line.split_whitespace().nth(1).unwrap().to_owned()
        };
        let (url, dashboard) = (find("GraphQL"), find("Stripe"));
        // Whoever goes on printing needs somebody who reads.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url, dashboard }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn ask(&self, token: &str, query: &str, variables: Value) -> Value {
        let mut request = Client::new().post(&self.url).json(&json!({ "query": query, "variables": variables }));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap().json().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_subscribes_and_the_server_is_killed_in_between() {
    let app = TestApp::new().await;
    app.leave_jobs();
    app.db_verify_everybody().await;
    let database = &app.database;
    let folder = std::env::temp_dir().join(format!("fixpath-sandbox-{:x}", rand::random::<u64>()));
    std::fs::create_dir_all(&folder).unwrap();
    let server = Server::start(database, &folder);
    let sign_up =
        "mutation { signUp(input: { email: \"a@example.com\", username: \"anna\", password: \"something long\" }) { accessToken } }";
    let token = server.ask("", sign_up, json!({})).await["data"]["signUp"]["accessToken"].as_str().unwrap().to_owned();
    let start = "mutation($base: URL!) { startCheckout(input: { planKey: \"pro\", successUrl: $base, cancelUrl: $base }) {
        checkout { id url } userErrors { message } } }";
    let base = format!("{ORIGIN}/");
    let answer = server.ask(&token, start, json!({ "base": base })).await;
    let checkout = answer["data"]["startCheckout"]["checkout"].clone();
    let page = checkout["url"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    let dashboard = server.dashboard.clone();
    server.kill();

    let server = Server::start(database, &folder);
    assert_eq!(server.dashboard, dashboard, "links to its pages still work");
    let again = server.ask(&token, start, json!({ "base": base })).await;
    assert_eq!(again["data"]["startCheckout"]["checkout"], checkout, "{again}");
    let paid = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let paid = paid.post(&page).form(&[("card", "works")]).send().await.unwrap();
    assert!(paid.status().is_redirection(), "{}", paid.status());
    // Back at the shop; the webhook was taken before.
    let read = "{ viewer { account { subscription { status provider } } } }";
    let now = server.ask(&token, read, json!({})).await;
    assert_eq!(now["data"]["viewer"]["account"]["subscription"]["provider"], "STRIPE", "{now}");
    server.kill();
    std::fs::remove_dir_all(&folder).ok();
}
