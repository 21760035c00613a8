//! The README's tour, run as it is printed: what a newcomer pastes works.

use futures_util::{Stream, StreamExt};
use reqwest::{Client, Response};
use serde_json::{Value, json};

use crate::live::Socket;
use crate::support::TestApp;
use crate::support::app::Server;

/// The fenced blocks of one language, in order.
fn blocks(language: &str) -> Vec<String> {
    let readme = include_str!("../../README.md");
    let tour = readme.split("## A tour in five minutes").nth(1).unwrap().split("\n## ").next().unwrap();
    let fenced = tour.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap());
    fenced.filter(|(named, _)| *named == language).map(|(_, block)| block.to_owned()).collect()
}

fn block(named: &str) -> String {
    blocks("graphql").into_iter().find(|block| block.contains(named)).unwrap_or_else(|| panic!("no block with {named}"))
}

/// The words of a shell's line: `'…'` as it stands, `"…"` with its variables, a backslash at the end of a line joins it to the next.
fn words(line: &str, variable: (&str, &str)) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in line.replace("\\\n", " ").chars() {
        match (quote, letter) {
            (None, '\'' | '"') => (quote, word) = (Some(letter), Some(word.unwrap_or_default())),
            (Some(open), letter) if open == letter => quote = None,
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            // Marked where it counts.
            (None | Some('"'), '$') => word.get_or_insert_default().push('\0'),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words.iter().map(|word| word.replace(&format!("\0{}", variable.0), variable.1)).collect()
}

/// What curl sends for the README's line, sent to a server.
async fn curl(server: &Server, token: &str, session: &str) -> Response {
    let lines = blocks("");
    let [line] = &lines[..] else { panic!("one line for the shell, not {lines:?}") };
    let mut words = words(line, ("TOKEN", token)).into_iter();
    assert_eq!(words.next().as_deref(), Some("curl"));
    let (mut url, mut headers, mut body) = (None, Vec::new(), None);
    while let Some(word) = words.next() {
        match word.as_str() {
            // What arrives is shown at once: here it is read at once.
            "-N" => {}
            "-H" => headers.push(words.next().unwrap()),
            "-d" => body = words.next(),
            _ => url = Some(word),
        }
    }
    let mut request = Client::new().post(url.unwrap().replace("http://localhost:8080", &server.url("")));
    for header in &headers {
        let (name, value) = header.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    request.body(body.unwrap().replace("session_…", session)).send().await.unwrap()
}

/// The next event of an answer that goes on.
async fn event(events: &mut (impl Stream<Item = reqwest::Result<impl AsRef<[u8]>>> + Unpin)) -> Value {
    let mut text = String::new();
    loop {
        if let Some(data) = text.lines().find_map(|line| line.strip_prefix("data: ")).filter(|_| text.ends_with("\n\n")) {
            return serde_json::from_str::<Value>(data).unwrap()["data"]["sessionUpdated"].clone();
        }
        text += std::str::from_utf8(events.next().await.expect("it goes on").unwrap().as_ref()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_tour_works_as_printed() {
    assert_eq!(blocks("graphql").len(), 13, "each is run below");
    let app = TestApp::new().await;
    app.leave_jobs();
    let signed_up = app.anon().ok(&block("mutation SignUp"), json!({})).await;
    assert_eq!(signed_up.refusals("signUp"), Vec::<String>::new());
    let token = signed_up.str("signUp.accessToken");
    let header: Value = serde_json::from_str(&blocks("json")[0].replace("PASTE_THE_ACCESS_TOKEN", &token)).unwrap();
    let ada = app.anon().header("Authorization", header["Authorization"].as_str().unwrap());

    let templates = ada.ok(&block("query Templates"), json!({})).await;
    assert!(templates.data("templates").as_array().unwrap().len() >= 3);
    let made = ada.ok(&block("mutation FromTemplate"), json!({})).await;
    assert_eq!(made.data("createTree.version.issues"), json!([]), "a template has no issues");

    let drawn = ada.ok(&block("mutation FromMermaid"), json!({})).await;
    assert_eq!(drawn.data("createTree.version.issues.0.code"), "UNDECLARED_CYCLE");
    let tree = drawn.str("createTree.tree.id");
    let refused = ada.ok(&block("mutation Publish"), json!({ "id": tree, "revision": 1 })).await;
    assert_eq!(refused.data("publishTree.userErrors.0.code"), "TREE_INVALID");

    let mut fix: Value = serde_json::from_str(blocks("json").iter().find(|block| block.contains("\"document\"")).unwrap()).unwrap();
    fix["id"] = json!(tree);
    let fixed = ada.ok(&block("mutation Fix"), fix).await;
    assert_eq!(fixed.data("updateTree.version.issues"), json!([]));
    let published = ada.ok(&block("mutation Publish"), json!({ "id": tree, "revision": 2 })).await;
    assert_eq!(published.data("publishTree.version.number"), 1);

    let started = ada.ok(&block("mutation Start"), json!({})).await;
    let session = started.str("startSession.session.id");
    let again = ada.ok(&block("mutation Start"), json!({})).await;
    assert_eq!(again.str("startSession.session.id"), session, "the same key gives the same session");

    let server = app.serve().await;
    let mut tab = Socket::greeted(&server, &token).await;
    tab.subscribe("tab", &block("subscription Watch"), json!({ "session": session })).await;
    let shell = curl(&server, &token, &session).await;
    assert_eq!((shell.status().as_u16(), shell.headers()["content-type"].to_str().unwrap()), (200, "text/event-stream"));
    let mut shell = shell.bytes_stream();
    assert_eq!(tab.next().await["payload"]["data"]["sessionUpdated"]["current"]["key"], "start");
    assert_eq!(event(&mut shell).await, json!({ "revision": 1, "status": "ACTIVE" }));

    let answers: Vec<Value> =
        blocks("json").iter().filter(|block| block.contains("\"answer\"")).map(|block| serde_json::from_str(block).unwrap()).collect();
    assert_eq!(answers.len(), 3);
    let mut current = Value::Null;
    for mut variables in answers.clone() {
        variables["session"] = json!(session);
        let answered = ada.ok(&block("mutation Answer"), variables).await;
        assert_eq!(answered.data("answerSession.userErrors"), json!([]));
        current = answered.data("answerSession.session.current.key");
        let (revision, status) = (answered.data("answerSession.session.revision"), answered.data("answerSession.session.status"));
        let seen = &tab.next().await["payload"]["data"]["sessionUpdated"];
        assert_eq!((&seen["revision"], &seen["current"]["key"]), (&revision, &current), "the other tab shows it");
        assert_eq!(event(&mut shell).await, json!({ "revision": revision, "status": status }), "and so does the shell");
    }
    assert_eq!(current, "works");

    let undone = ada.ok(&block("mutation Undo"), json!({ "session": session, "revision": 4 })).await;
    assert_eq!(undone.data("undoSession.session.current.key"), "again");
    let noted = ada.ok(&block("mutation Note"), json!({ "session": session, "revision": 5 })).await;
    let mut last = answers[2].clone();
    last["session"] = json!(session);
    last["revision"] = noted.data("noteSession.session.revision");
    let answered = ada.ok(&block("mutation Answer"), last).await;
    let revision = answered.data("answerSession.session.revision");

    let completed = ada.ok(&block("mutation Complete"), json!({ "session": session, "revision": revision })).await;
    assert_eq!(completed.data("completeSession.session.outcome.kind"), "RESOLVED");
    let exported = ada.ok(&block("mutation Export"), json!({ "session": session })).await;
    let content = exported.str("exportSession.export.content");
    for words in ["Green light", "Ticket 4711", "The light needs about a minute.", "Restarted the box"] {
        assert!(content.contains(words), "{words} is in the export:\n{content}");
    }
    let url = exported.str("exportSession.export.url");
    let linked = app.get(url.trim_start_matches("http://localhost:8080")).await;
    assert_eq!(linked.text(), content, "the link shows the same without a token");
}
