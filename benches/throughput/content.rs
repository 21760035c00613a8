//! What is measured: an account with many trees, and sessions that walk round a loop.

use std::path::Path;

use fixpath::app::App;
use fixpath::billing::start_trial;
use fixpath::clock::Clock;
use fixpath::config::Config;
use fixpath::db::Db;
use fixpath::db::migrate::{Direction, migrate};
use fixpath::db::tls::Target;
use fixpath::id::{Id, SignInId, TreeId};
use fixpath::identity::actor::{Actor, Role};
use fixpath::identity::sign_up::{NewPerson, create_person};
use fixpath::tree::create::{CreateTree, create};
use fixpath::tree::publish::publish;
use fixpath::tree::source::Source;
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::Connection;
use super::server::Server;

pub const TREES: usize = 2000;
pub const NODES: usize = 20;
pub const PASSWORD: &str = "throughput of the whole";

const NODE: &str = "nodes { __typename key title body ... on QuestionNode { ask options { key label to } } ... on ActionNode { next } \
                    ... on ResolutionNode { outcome } }";
pub const LIST: &str = "{ trees(first: 20) { nodes { id title status published { number nodes { __typename key title body } } } } }";
const ANSWER: &str = "mutation Answer($input: AnswerSessionInput!) { answerSession(input: $input) { session { revision status current { key title } } \
                      userErrors { code } } }";

pub struct Content {
    account: Uuid,
    user: Uuid,
    target: Target,
}

pub fn body(query: &str, variables: &str) -> String {
    format!("{{\"query\":{},\"variables\":{variables}}}", json!(query))
}

/// What people type: words of all trees, the beginning of a word of one, a misspelling, a word of no tree.
pub fn search_bodies() -> Vec<String> {
    let query =
        "query Search($query: String!) { searchTrees(query: $query, first: 20) { edges { score nodeKey snippet node { id title } } } }";
    ["lights green", "copy 1234", "switch 7", "swich", "pictur", "printer"]
        .map(|typed| body(query, &json!({ "query": typed }).to_string()))
        .to_vec()
}

/// The answer that follows the `revision`-th step: no, go on, no, go on…
pub fn answer(session: &str, revision: i32) -> String {
    let (node, answer) = if revision % 2 == 1 { ("n0", "{\"option\":\"no\"}") } else { ("n1", "{\"continue\":true}") };
    let input = format!("{{\"sessionId\":\"{session}\",\"revision\":{revision},\"nodeKey\":\"{node}\",\"answer\":{answer}}}");
    body(ANSWER, &format!("{{\"input\":{input}}}"))
}

/// Questions and actions in turn; the first question goes round with the first action until it is answered with yes.
fn document() -> Value {
    let body = "Look at the lights on the front of the box, and compare them with the picture on the inside of the cover.";
    let mut nodes = serde_json::Map::new();
    for number in 0..NODES - 1 {
        let next = format!("n{}", number + 1);
        let node = if number % 2 == 0 {
            let other = if number == 0 { next.clone() } else { "end".to_owned() };
            let yes = if number == 0 { "n2".to_owned() } else { next };
            json!({ "kind": "question", "title": format!("Is light {number} green?"), "body": body, "ask": "yes_no", "loops": number == 0,
                    "options": [{ "key": "yes", "label": "Yes", "to": yes }, { "key": "no", "label": "No", "to": other }] })
        } else {
            let next = if number == 1 {
                "n0".to_owned()
            } else if number == NODES - 2 {
                "end".to_owned()
            } else {
                next
            };
            json!({ "kind": "action", "title": format!("Turn switch {number}"), "body": body, "next": next })
        };
        nodes.insert(format!("n{number}"), node);
    }
    let last = format!("n{}", NODES - 2);
    nodes[&last] = json!({ "kind": "action", "title": "Close the cover", "next": "end" });
    nodes.insert("end".into(), json!({ "kind": "resolution", "title": "That is all", "outcome": "resolved" }));
    json!({ "schema": 1, "root": "n0", "nodes": nodes })
}

/// The id of the `number`-th copy.
fn tree_id(number: usize) -> Uuid {
    Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0000 + number as u128)
}

pub async fn make(url: &str, folder: &Path) -> Content {
    let target = Target::parse(url).unwrap();
    let db = Db::new(target.clone(), None, 4).unwrap();
    migrate(&db, Direction::Up).await.unwrap();
    let data_dir = folder.join("server").display().to_string();
    let config = Config::read(&|name| (name == "DATA_DIR").then(|| data_dir.clone())).unwrap();
    let app = App::new(config, Clock::System, db).unwrap();
    let person = NewPerson {
        email: "bench@example.com".into(),
        username: "bench".into(),
        password_hash: Some(app.hasher.hash(&PASSWORD.into()).await.unwrap()),
        account_name: "Bench".into(),
    };
    let now = app.clock.now();
    let member = app
        .db
        .transaction(async |conn| {
            let member = create_person(conn, now, &person).await?;
            start_trial::give_in_txn(conn, member.account_id, "enterprise", now).await?;
            Ok(member)
        })
        .await
        .unwrap();
    let actor = Actor {
        user: member.user_id,
        account: member.account_id,
        role: Role::Owner,
        sign_in: SignInId::at(now),
        verified: true,
        staff: false,
    };
    let input = CreateTree { title: "Original".into(), source: Some(Source::Document(document())), ..CreateTree::default() };
    let (tree, _) = create(&app, &actor, input).await.unwrap_or_else(|error| panic!("{error:?}"));
    publish(&app, &actor, tree.id, 1, None).await.unwrap_or_else(|error| panic!("{error:?}"));

    let (client, connection) = target.connect().await.unwrap();
    tokio::spawn(connection);
    let copies = format!(
        "INSERT INTO trees SELECT account_id, ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'copy-' || n, 'Copy ' || n,
             summary, category, tags, locale, status, revision, draft, draft_digest, NULL, 0, created_by, created_at, updated_at + n * interval '1 ms'
         FROM trees, generate_series(1, {TREES}) n WHERE slug = 'original';
         INSERT INTO tree_versions SELECT t.account_id, ('00000000-0000-7000-9000-' || right(t.id::text, 12))::uuid, t.id, 1, v.digest, v.document, NULL,
             v.published_by, v.published_at FROM trees t, tree_versions v WHERE t.slug LIKE 'copy-%';
         INSERT INTO tree_texts (account_id, tree_id, edition, node_key, heading, body)
             SELECT t.account_id, t.id, x.edition, x.node_key, CASE WHEN x.node_key = '' THEN t.title || ' ' || md5(t.id::text) ELSE x.heading END, x.body
             FROM trees t, trees o JOIN tree_texts x ON x.account_id = o.account_id AND x.tree_id = o.id WHERE t.slug LIKE 'copy-%' AND o.slug = 'original';
         UPDATE trees SET published_version_id = ('00000000-0000-7000-9000-' || right(id::text, 12))::uuid WHERE slug LIKE 'copy-%';
         ANALYZE"
    );
    client.batch_execute(&copies).await.unwrap();
    app.stop.cancel();
    Content { account: actor.account.into(), user: actor.user.into(), target }
}

impl Content {
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// `person1@example.com` and so on: verified members of the account, who all have the same password.
    pub async fn make_people(&self, count: usize) {
        let (client, connection) = self.target.connect().await.unwrap();
        tokio::spawn(connection);
        let people = format!(
            "INSERT INTO users (id, email, username, password_hash, email_verified_at, created_at, updated_at)
                 SELECT gen_random_uuid(), 'person' || n || '@example.com', 'person' || n, one.password_hash, now(), now(), now()
                 FROM (SELECT password_hash FROM users WHERE id = '{user}') one, generate_series(1, {count}) n;
             INSERT INTO memberships (account_id, user_id, role, created_at)
                 SELECT '{account}', id, 'technician', now() FROM users WHERE username LIKE 'person%';
             ANALYZE users, memberships",
            user = self.user,
            account = self.account,
        );
        client.batch_execute(&people).await.unwrap();
    }

    pub async fn sign_in(&self, server: &Server) -> String {
        let mutation = format!("mutation {{ signIn(input: {{ login: \"bench\", password: \"{PASSWORD}\" }}) {{ accessToken }} }}");
        let answer = Connection::open(server.port).await.unwrap().post(None, &body(&mutation, "{}")).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["data"]["signIn"]["accessToken"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    pub fn tree_bodies(&self) -> Vec<String> {
        let query =
            format!("query Tree($id: ID!) {{ tree(by: {{ id: $id }}) {{ id title status revision published {{ number {NODE} }} }} }}");
        let id = |number| TreeId::from(tree_id(number)).encode();
        (1..=TREES).map(|number| body(&query, &format!("{{\"id\":\"{}\"}}", id(number)))).collect()
    }

    pub async fn start_sessions(&self, server: &Server, token: &str, connections: usize) -> Vec<Vec<String>> {
        let start =
            body("mutation { startSession(input: { tree: { slug: \"original\" } }) { session { id } userErrors { message } } }", "{}");
        let mut connection = Connection::open(server.port).await.unwrap();
        let mut all = Vec::new();
        for _ in 0..connections {
            let mut mine = Vec::new();
            for _ in 0..12 {
                let answer: Value = serde_json::from_str(&connection.post(Some(token), &start).await).unwrap();
                mine.push(answer["data"]["startSession"]["session"]["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned());
            }
            all.push(mine);
        }
        all
    }

    /// The columns that the server reads, by primary key.
    pub fn select_tree(&self, many: usize) -> String {
        let columns = "account_id, id, slug, title, summary, category, tags, locale, status, revision, draft_digest, published_version_id, \
                       session_count, created_by, created_at, updated_at";
        let account = self.account;
        let id = |number: &str| format!("('00000000-0000-7000-8000-' || lpad(to_hex(({number})::int), 12, '0'))::uuid");
        let condition = match many {
            1 => format!("id = {}", id(":n")),
            many => format!("id IN ({})", (0..many).map(|step| id(&format!(":n + {step}"))).collect::<Vec<_>>().join(", ")),
        };
        let last = TREES - many;
        format!("\\set n random(1, {last})\nSELECT {columns} FROM trees WHERE account_id = '{account}' AND {condition};\n")
    }

    /// Who asks, the session, and the write, as `answerSession` sends them; one session for each of pgbench's clients.
    pub async fn answer_statements(&self) -> String {
        let (client, connection) = self.target.connect().await.unwrap();
        tokio::spawn(connection);
        client
            .batch_execute(
                "INSERT INTO sessions SELECT account_id, ('00000000-0000-7000-a000-' || lpad(to_hex(n), 12, '0'))::uuid, tree_account_id, tree_id, version_id,
                     subject, assignee_id, started_by, NULL, 'ACTIVE', NULL, state, 1, started_at, NULL, updated_at
                 FROM (SELECT * FROM sessions LIMIT 1) one, generate_series(0, 31) n",
            )
            .await
            .unwrap();
        let sign_in: String = client.query_one("SELECT id::text FROM sign_ins LIMIT 1", &[]).await.unwrap().get(0);
        let (account, user) = (self.account, self.user);
        let session = "('00000000-0000-7000-a000-' || lpad(to_hex((:client_id)::int), 12, '0'))::uuid";
        format!(
            "SELECT m.role, u.staff FROM sign_ins s JOIN users u ON u.id = s.user_id JOIN memberships m ON m.user_id = s.user_id AND m.account_id = '{account}'
                 WHERE s.id = '{sign_in}' AND s.user_id = '{user}' AND s.ended_at IS NULL AND u.deactivated_at IS NULL;
             SELECT account_id, id, tree_account_id, tree_id, version_id, subject, started_by, state FROM sessions WHERE account_id = '{account}' AND id = {session};
             WITH moved AS (UPDATE sessions SET state = state, revision = revision + 1, status = 'ACTIVE', outcome = NULL, assignee_id = assignee_id, ended_at = NULL,
                     updated_at = now() WHERE account_id = '{account}' AND id = {session} RETURNING revision, version_id)
                 INSERT INTO session_steps SELECT '{account}', {session}, moved.revision, step.kind, moved.version_id, step.node_key, step.option_key, step.value, step.note,
                     '{{}}'::json, NULL, '{user}', now(), step.active_ms
                 FROM moved, json_to_recordset('[{{\"kind\": \"ANSWERED\", \"node_key\": \"n0\", \"option_key\": \"no\", \"value\": false, \"active_ms\": 0}}]')
                     AS step (kind text, node_key text, option_key text, value json, note text, active_ms bigint);\n"
        )
        .replace("\n             ", "\n")
        .replace("\n                 ", " ")
        .replace("\n                     ", " ")
    }
}
