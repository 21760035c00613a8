//! An account with everything in it, and six people who look.

use std::sync::atomic::{AtomicU32, Ordering};

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::members::invite;
use crate::support::people::{colleague, ids};
use crate::support::trees::{CREATE, START, UPDATE, answer, calling, create, looping, publish, published};
use crate::support::{Actor, Answer, TestApp};
use fixpath::id::{Id, PaymentId, PurchaseId, TreeId};

pub const PEOPLE: [&str; 6] = ["anonymous", "foreign technician", "technician", "engineer", "admin", "owner"];
/// Their place among the six.
pub const OWNER: usize = 5;
const ROLES: [&str; 6] = ["", "technician", "technician", "engineer", "admin", "owner"];

pub struct Fixture {
    app: TestApp,
    people: Vec<Actor>,
    /// The owner of the other account.
    foreign_owner: Actor,
    names: Vec<(&'static str, String)>,
    next: AtomicU32,
}

/// Every kind of node, with every field of each.
fn everything() -> Value {
    let mut document = calling("callee");
    document["root"] = json!("light");
    document["variables"] = json!([{ "name": "ended", "kind": "text", "default": "" }, { "name": "seen", "kind": "text", "pii": true }]);
    let media = json!([{ "url": "https://example.com/light.png", "kind": "image", "alt": "A light" }]);
    document["nodes"]["light"] = json!({ "kind": "question", "title": "What does the light show?", "body": "Look at the front.", "media": media,
        "ask": "text", "variable": "seen", "otherwise": "restart",
        "options": [{ "key": "no", "label": "Nothing", "hint": "It is dark", "to": "restart" }] });
    document["nodes"]["restart"] = json!({ "kind": "action", "title": "Restart the box", "body": "By its switch.", "url": "https://example.com/restart", "next": "call" });
    for (key, node) in document["nodes"].as_object_mut().unwrap() {
        node["body"] = json!(format!("More about {key}."));
    }
    document
}

impl Fixture {
    pub async fn new() -> Self {
        let (app, anon, owner) = TestApp::with_owner().await;
        app.leave_jobs();
        let foreign_owner = app.sign_up("foreigner").await;
        app.db_plan("enterprise").await;
        let mut people = vec![anon, colleague(&app, &foreign_owner, "stranger", "technician").await];
        for role in ["technician", "engineer", "admin"] {
            people.push(colleague(&app, &owner, role, role).await);
        }
        people.push(owner.clone());
        let people: Vec<Actor> = people.into_iter().map(|person| person.header("user-agent", "walker")).collect();
        app.db_execute(
            "UPDATE users SET first_name = 'Ada', last_name = 'L', avatar_url = 'https://example.com/a.png', email_verified_at = created_at; UPDATE sign_ins SET user_agent = 'walker'",
        )
        .await;

        published(&owner, "Callee", looping()).await;
        let input =
            json!({ "title": "Everything", "summary": "All there is", "category": "network", "source": { "document": everything() } });
        let tree = owner.ok(CREATE, json!({ "input": input })).await.str("createTree.tree.id");
        let older = publish(&owner, &tree, 1).await.str("publishTree.version.id");
        let mut changed = everything();
        changed["nodes"]["restart"]["title"] = json!("Pull the plug");
        owner.ok(UPDATE, json!({ "input": { "id": tree, "revision": 2, "document": changed } })).await;
        let with_notes = "mutation($id: ID!) { publishTree(input: { id: $id, revision: 3, notes: \"Better\" }) { version { id } } }";
        let version = owner.ok(with_notes, json!({ "id": tree })).await.str("publishTree.version.id");
        let broken =
            create(&owner, "Broken", json!({ "schema": 1, "root": "a", "nodes": { "a": { "kind": "action", "title": "A" } } })).await;

        let technician = &people[2];
        let started = technician.ok(START, json!({ "input": { "tree": { "id": tree }, "subject": "Box 7" } })).await;
        let session = started.str("startSession.session.id");
        let (person, account) = ids(technician).await;
        let invitation = invite(&app, &owner, "open@example.com", "TECHNICIAN").await.str("inviteMember.invitation.id");
        app.advance(TimeDelta::milliseconds(1));
        people[5].ok("mutation { updateAccount(input: { name: \"Walked\" }) { userErrors { code } } }", json!({})).await;
        let payment = PaymentId::from(uuid::Uuid::from_u128(7));
        app.db_execute(&format!(
            "INSERT INTO payments (id, account_id, purpose, status, amount, currency, provider_invoice_id, description, paid_at, \
             hosted_invoice_url, created_at, updated_at) VALUES ('{0}', '{1}', 'subscription', 'succeeded', 2900, 'USD', 'in_1', 'Pro', \
             now(), 'https://example.com/in_1', now(), now()); \
             INSERT INTO credit_balances VALUES ('{1}', 1, 0, now()); \
             INSERT INTO credit_entries VALUES (gen_random_uuid(), '{1}', 1, 1, 'grant', 'of the walk', 'To begin with.', now())",
            uuid::Uuid::from(payment),
            uuid::Uuid::from(account)
        ))
        .await;
        // Out of use for the seller's own technicians, and still the buyer's.
        let (sold, _) = published(&foreign_owner, "Sold", looping()).await;
        let archive = "mutation($id: ID!) { archiveTree(input: { id: $id, revision: 2 }) { userErrors { code } } }";
        foreign_owner.ok(archive, json!({ "id": sold })).await;
        let purchase = PurchaseId::from(uuid::Uuid::from_u128(8));
        app.db_execute(&format!(
            "INSERT INTO listings VALUES (gen_random_uuid(), '{account}', '{}', 2000, 'USD', now(), now(), NULL); \
             INSERT INTO purchases VALUES ('{}', '{account}', '{}', '{}', 'Sold', 2000, 'USD', 300, 1700, 'active', NULL, NULL, now(), now())",
            uuid::Uuid::from(TreeId::decode(&tree).unwrap()),
            uuid::Uuid::from(purchase),
            uuid::Uuid::from(ids(&foreign_owner).await.1),
            uuid::Uuid::from(TreeId::decode(&sold).unwrap()),
            account = uuid::Uuid::from(account),
        ))
        .await;
        // An account is deleted and restored: the job finds nothing to do, a week from now.
        app.leave_jobs();
        let names = vec![
            ("$tree", tree),
            ("$older", older),
            ("$version", version),
            ("$broken", broken.str("createTree.tree.id")),
            ("$session", session),
            ("$person", person.encode()),
            ("$engineer", ids(&people[3]).await.0.encode()),
            ("$account", account.encode()),
            ("$payment", payment.encode()),
            ("$purchase", purchase.encode()),
            ("$invitation", invitation),
        ];
        Self { app, people, foreign_owner, names, next: AtomicU32::new(1) }
    }

    pub async fn make_owner_staff(&self) {
        self.app.make_staff("owner").await;
    }

    /// What one of the six sees of a field, as a letter, with the whole answer.
    pub async fn look(&self, field: &str, query: &str, call: &str, selection: &str, place: usize) -> (char, String) {
        if field.starts_with("LimitReached.") {
            self.app.db_plan("free").await;
        }
        let person = self.person(field, place).await;
        let query = query.replace('*', &format!("leaf: {call}{selection}"));
        // A mutation itself is judged by its refusals.
        let query = if field.starts_with("Mutation.") { query.replace("{ __typename }", "{ userErrors { code } }") } else { query };
        let query = self.filled(query, field).await;
        let seen = if field.starts_with("Subscription.") { person.first_event(&query).await } else { person.gql(&query, json!({})).await };
        if field.starts_with("LimitReached.") {
            self.app.db_plan("enterprise").await;
        }
        (letter(field, &seen), seen.text())
    }

    /// Whoever changes their own sign-in is somebody new each time.
    async fn person(&self, field: &str, place: usize) -> Actor {
        let itself = ["changeEmail", "changePassword", "deactivateUser", "signOut", "switchAccount", "transferOwnership"]
            .iter()
            .any(|name| field == format!("Mutation.{name}"));
        // Each from an address of their own, so that they do not share what sign-ins are allowed.
        let address = self.app.anon().address.to_string();
        if !itself || place == 0 {
            return self.people[place].at_address(&address);
        }
        let owner = if place == 1 { &self.foreign_owner } else { &self.people[5] };
        let name = format!("person{}", self.next.fetch_add(1, Ordering::Relaxed));
        colleague(&self.app, owner, &name, ROLES[place]).await
    }

    async fn filled(&self, mut query: String, field: &str) -> String {
        for (name, value) in &self.names {
            query = query.replace(name, value);
        }
        query = query.replace("$n", &self.next.fetch_add(1, Ordering::Relaxed).to_string());
        let (owner, technician) = (&self.people[5], &self.people[2]);
        if query.contains("revision: 9999") {
            let now = owner.ok("query($id: ID!) { tree(by: { id: $id }) { revision } }", json!({ "id": self.names[0].1 })).await;
            query = query.replace("9999", &now.data("tree.revision").to_string());
        }
        if ["$fresh", "$archived", "$listed"].iter().any(|name| query.contains(name)) {
            let (fresh, _) = published(owner, &format!("Fresh {field}"), looping()).await;
            if query.contains("$listed") {
                let list = "mutation($id: ID!) { listTree(input: { treeId: $id, price: { amount: 2000, currency: \"USD\" } }) { userErrors { code } } }";
                owner.ok(list, json!({ "id": fresh })).await;
            }
            if query.contains("$archived") {
                let archive = "mutation($id: ID!) { archiveTree(input: { id: $id, revision: 2 }) { userErrors { code } } }";
                owner.ok(archive, json!({ "id": fresh })).await;
            }
            query = query.replace("$fresh", &fresh).replace("$archived", &fresh).replace("$listed", &fresh);
        }
        for name in ["$walk", "$paused", "$resolved", "$completed"] {
            if query.contains(name) {
                query = query.replace(name, &self.session(technician, name).await);
            }
        }
        for name in ["$leaver", "$inactive"] {
            if query.contains(name) {
                let username = format!("member{}", self.next.fetch_add(1, Ordering::Relaxed));
                let (member, _) = ids(&colleague(&self.app, owner, &username, "technician").await).await;
                if name == "$inactive" {
                    let sql = format!("UPDATE users SET deactivated_at = created_at WHERE id = '{}'", uuid::Uuid::from(member));
                    self.app.db_execute(&sql).await;
                }
                query = query.replace(name, &member.encode());
            }
        }
        if query.contains("$open") {
            let email = format!("guest{}@example.com", self.next.fetch_add(1, Ordering::Relaxed));
            let id = invite(&self.app, owner, &email, "TECHNICIAN").await.str("inviteMember.invitation.id");
            query = query.replace("$open", &id);
        }
        if query.contains("$signer") {
            let name = format!("signer{}", self.next.fetch_add(1, Ordering::Relaxed));
            self.app.sign_up(&name).await;
            query = query.replace("$signer", &name);
        }
        if query.contains("$code") {
            let name = format!("reader{}", self.next.fetch_add(1, Ordering::Relaxed));
            self.app.sign_up(&name).await;
            self.app.db_verify(&name).await;
            let email = format!("{name}@example.com");
            let mutation = format!("mutation {{ requestSignInCode(input: {{ email: \"{email}\" }}) {{ acknowledged }} }}");
            self.app.anon().ok(&mutation, json!({})).await;
            self.app.run_jobs().await;
            query = query.replace("$code", &self.app.mailed_code(&email)).replace("$mailbox", &email);
        }
        if query.contains("$throttled") {
            let login = format!("nobody{}", self.next.fetch_add(1, Ordering::Relaxed));
            for _ in 0..6 {
                let mutation =
                    format!("mutation {{ signIn(input: {{ login: \"{login}\", password: \"wrong\" }}) {{ userErrors {{ code }} }} }}");
                self.app.anon().ok(&mutation, json!({})).await;
            }
            query = query.replace("$throttled", &login);
        }
        query
    }

    /// A session of the technician's, brought to where it is needed.
    async fn session(&self, technician: &Actor, state: &str) -> String {
        let started = technician.ok(START, json!({ "input": { "tree": { "slug": "callee" }, "subject": "Box 7" } })).await;
        let id = started.str("startSession.session.id");
        match state {
            "$paused" => drop(
                technician
                    .ok(
                        "mutation($id: ID!) { pauseSession(input: { sessionId: $id, revision: 1 }) { userErrors { code } } }",
                        json!({ "id": id }),
                    )
                    .await,
            ),
            "$resolved" => drop(answer(technician, &id, 1, "light", json!({ "option": "yes" })).await),
            "$completed" => {
                answer(technician, &id, 1, "light", json!({ "option": "yes" })).await;
                let complete = "mutation($id: ID!) { completeSession(input: { sessionId: $id, revision: 2, summary: \"Fine\", helpful: true }) { userErrors { code } } }";
                technician.ok(complete, json!({ "id": id })).await;
            }
            _ => {}
        }
        id
    }
}

fn letter(field: &str, answer: &Answer) -> char {
    let codes = answer.codes();
    let refusals = answer.refusals("leaf");
    let code = codes.first().or(if field.starts_with("Mutation.") { refusals.first() } else { None });
    match code.map(String::as_str) {
        Some("UNAUTHENTICATED") => 'U',
        Some("FORBIDDEN") => 'F',
        Some("NOT_FOUND") => 'N',
        Some("TOKEN_EXPIRED") => 'T',
        Some("NOT_SUBSCRIBED" | "STRIPE_UNAVAILABLE") => 'S',
        // A subscription to what is not there has no other answer.
        Some("BAD_USER_INPUT") if field.starts_with("Subscription.") => 'N',
        Some(_) => '?',
        None => match find(&answer.json()["data"], "leaf") {
            Some(value) if !value.is_null() => 'V',
            _ => '-',
        },
    }
}

/// The first value under a key, however deep.
fn find<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => fields.get(key).or_else(|| fields.values().find_map(|field| find(field, key))),
        Value::Array(items) => items.iter().find_map(|item| find(item, key)),
        _ => None,
    }
}
