//! Walking: start, answer, go back, hand over, complete, write down, watch.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use fixpath::error::Error;
use fixpath::id::{Id, SessionId};
use fixpath::session::{session::Session, state::fold, step};
use fixpath::staff::{demo, seed};
use serde_json::{Value, json};

use crate::support::people::{colleague, ids};
use crate::support::trees::{START, answer, calling, create, looping, published, start};
use crate::support::{Actor, TestApp};

/// One mutation of a session: `{verb}Session(input: …)`.
async fn act(who: &Actor, verb: &str, input: Value) -> crate::support::Answer {
    let name = format!("{verb}Session");
    let kind = format!("{}{}SessionInput", verb[..1].to_uppercase(), &verb[1..]);
    let query = format!(
        "mutation($input: {kind}!) {{ {name}(input: $input) {{ session {{ status revision current {{ key }} outcome {{ kind resolutionKey summary }} \
         assignee {{ username }} }} step {{ kind seq note }} userErrors {{ code message path ... on RevisionConflict {{ currentRevision }} }} }} }}"
    );
    who.ok(&query, json!({ "input": input })).await
}

async fn session(who: &Actor, id: &str) -> Value {
    let query = "query($id: ID!) { session(id: $id) { status revision subject current { key title } variables outcome { kind } \
                 steps { nodes { seq kind nodeKey nodeTitle optionKey label value note by { username } seconds } } } }";
    who.ok(query, json!({ "id": id })).await.data("session")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_goes_on_by_itself_through_calls_and_decisions() {
    let (_app, _, owner) = TestApp::with_owner().await;
    published(&owner, "Light", looping()).await;
    let (caller, _) = published(&owner, "Caller", calling("light")).await;
    let id = start(&owner, &caller).await;
    let begun = session(&owner, &id).await;
    assert_eq!((&begun["current"]["key"], &begun["revision"]), (&json!("light"), &json!(2)), "it stands in the called tree");
    let first = answer(&owner, &id, 2, "light", json!({ "option": "no" })).await;
    assert_eq!(first.data("answerSession.step"), json!({ "seq": 3, "kind": "ANSWERED", "label": "No" }));
    answer(&owner, &id, 3, "restart", json!({ "continue": true })).await;
    let last = answer(&owner, &id, 4, "light", json!({ "option": "yes" })).await;
    assert_eq!(last.data("answerSession.session.current.key"), "good", "the call returned, and the decision was made");
    let kinds: Vec<String> = session(&owner, &id).await["steps"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["STARTED", "ENTERED_SUBTREE", "ANSWERED", "CONTINUED", "ANSWERED", "LEFT_SUBTREE", "DECIDED"]);

    let undone = act(&owner, "undo", json!({ "sessionId": id, "revision": 7 })).await;
    assert_eq!(undone.data("undoSession.session.current.key"), "light", "back across the call's border");
    let again = answer(&owner, &id, 8, "light", json!({ "option": "yes" })).await;
    assert_eq!(again.data("answerSession.session.current.key"), "good");
    let done = act(&owner, "complete", json!({ "sessionId": id, "revision": 11, "summary": "Fine" })).await;
    assert_eq!(done.data("completeSession.session.outcome"), json!({ "kind": "RESOLVED", "resolutionKey": "good", "summary": "Fine" }));
    let late = act(&owner, "note", json!({ "sessionId": id, "revision": 12, "note": "Late" })).await;
    assert_eq!(late.refusals("noteSession"), ["WRONG_STATE"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_answers_are_refused_and_change_nothing() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let (tree, _) = published(&owner, "Light", looping()).await;
    let id = start(&owner, &tree).await;
    for (node, given, code) in [
        ("restart", json!({ "option": "yes" }), "WRONG_STATE"),
        ("light", json!({ "option": "perhaps" }), "INVALID"),
        ("light", json!({ "number": 3.0 }), "INVALID"),
        ("light", json!({ "continue": true }), "INVALID"),
        ("light", json!({ "continue": false }), "INVALID"),
        ("light", json!({ "text": "a\u{0}" }), "INVALID"),
    ] {
        let refused = answer(&owner, &id, 1, node, given.clone()).await;
        assert_eq!(refused.refusals("answerSession").len(), 1, "{given}");
        assert!([code, "NOT_FOUND"].contains(&refused.refusals("answerSession")[0].as_str()), "{given}: {}", refused.text());
    }
    assert_eq!(session(&owner, &id).await["revision"], 1);
    let conflict = answer(&owner, &id, 7, "light", json!({ "option": "yes" })).await;
    assert_eq!(conflict.data("answerSession.userErrors.0.currentRevision"), 1);
    let early = act(&owner, "complete", json!({ "sessionId": id, "revision": 1 })).await;
    assert_eq!(early.refusals("completeSession").len(), 1, "no resolution was reached, and no outcome given");
    let given = act(&owner, "complete", json!({ "sessionId": id, "revision": 1, "outcome": "ESCALATED" })).await;
    assert_eq!(given.data("completeSession.session.outcome.kind"), "ESCALATED");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_writers_one_wins_and_no_step_is_lost() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (tree, _) = published(&owner, "Light", looping()).await;
    let id = start(&owner, &tree).await;
    for round in 0..3 {
        let (revision, node, given) = if round % 2 == 0 {
            (round + 1, "light", json!({ "option": "no" }))
        } else {
            (round + 1, "restart", json!({ "continue": true }))
        };
        let writers = (0..20).map(|_| answer(&owner, &id, revision, node, given.clone()));
        let answers = futures_util::future::join_all(writers).await;
        let refused: Vec<String> = answers.iter().flat_map(|answer| answer.refusals("answerSession")).collect();
        assert_eq!(refused, ["REVISION_CONFLICT"; 19]);
    }
    let stored = session(&owner, &id).await;
    let seqs: Vec<i64> = stored["steps"]["nodes"].as_array().unwrap().iter().map(|step| step["seq"].as_i64().unwrap()).collect();
    assert_eq!((seqs, &stored["revision"]), (vec![1, 2, 3, 4], &json!(4)));
    let (client, connection) = app.app.db.target().connect().await.unwrap();
    tokio::spawn(connection);
    assert!(client.batch_execute("UPDATE session_steps SET note = 'x'").await.is_err(), "the database itself keeps steps as they are");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_gives_the_same_session_also_in_a_race() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let (tree, _) = published(&owner, "Light", looping()).await;
    let input = json!({ "input": { "tree": { "id": tree }, "idempotencyKey": "ticket 1", "subject": "One" } });
    let starts = futures_util::future::join_all((0..10).map(|_| owner.ok(START, input.clone()))).await;
    let first = starts[0].str("startSession.session.id");
    for start in &starts {
        assert_eq!(start.str("startSession.session.id"), first);
    }
    let counted = owner.ok("{ sessions { totalCount } viewer { account { limits { key used } } } }", json!({})).await;
    assert_eq!(counted.data("sessions.totalCount"), 1);
    assert_eq!(counted.data("viewer.account.limits.2"), json!({ "key": "SESSIONS_PER_MONTH", "used": 1 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_has_so_many_sessions() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_plan("free").await;
    let (tree, _) = published(&owner, "Light", looping()).await;
    app.db_execute("INSERT INTO session_usage SELECT id, date_trunc('month', created_at AT TIME ZONE 'UTC')::date, 49 FROM accounts").await;
    let input = json!({ "input": { "tree": { "id": tree } } });
    let starts = futures_util::future::join_all((0..5).map(|_| owner.ok(START, input.clone()))).await;
    let refused: Vec<String> = starts.iter().flat_map(|answer| answer.refusals("startSession")).collect();
    assert_eq!(refused, ["PLAN_LIMIT"; 4], "the last one has one winner");
    app.advance(TimeDelta::days(32));
    let (owner, _) = crate::support::people::device(&app, "owner").await;
    assert_eq!(owner.ok(START, input).await.refusals("startSession"), Vec::<String>::new(), "a new month");
}

#[tokio::test(flavor = "multi_thread")]
async fn starting_is_checked() {
    let (app, _, owner) = TestApp::with_owner().await;
    let stranger = app.sign_up("stranger").await;
    let mut document = looping();
    document["variables"] = json!([{ "name": "floor", "kind": "number" }]);
    let (tree, _) = published(&owner, "Light", document).await;
    let draft = create(&owner, "Draft", looping()).await.str("createTree.tree.id");
    for (who, input, code) in [
        (&owner, json!({ "tree": { "id": draft } }), "NOT_PUBLISHED"),
        (&owner, json!({ "tree": { "slug": "nowhere" } }), "NOT_FOUND"),
        (&stranger, json!({ "tree": { "id": tree } }), "NOT_FOUND"),
        (&owner, json!({ "tree": { "id": tree }, "atNode": "nowhere" }), "NOT_FOUND"),
        (&owner, json!({ "tree": { "id": tree }, "variables": { "floor": "third" } }), "INVALID"),
        (&owner, json!({ "tree": { "id": tree }, "variables": { "ceiling": 3 } }), "INVALID"),
        (&owner, json!({ "tree": { "id": tree }, "variables": [3] }), "INVALID"),
        (&owner, json!({ "tree": { "id": tree }, "subject": "x".repeat(201) }), "TOO_LONG"),
    ] {
        assert_eq!(who.ok(START, json!({ "input": input })).await.refusals("startSession"), [code], "{input}");
    }
    let middle =
        owner.ok(START, json!({ "input": { "tree": { "slug": "light" }, "atNode": "restart", "variables": { "floor": 3 } } })).await;
    assert_eq!(middle.data("startSession.session.current.key"), "restart");
    assert_eq!(middle.data("startSession.session.variables"), json!({ "floor": 3 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_waits_is_handed_over_and_seen_by_the_right_people() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (anna, ben) = (colleague(&app, &owner, "anna", "technician").await, colleague(&app, &owner, "ben", "technician").await);
    let stranger = app.sign_up("stranger").await;
    let (tree, _) = published(&owner, "Light", looping()).await;
    let id = start(&anna, &tree).await;
    for (who, sees) in [(&anna, true), (&owner, true), (&ben, false), (&stranger, false)] {
        assert_eq!(session(who, &id).await.is_object(), sees);
    }
    let foreign = act(&ben, "note", json!({ "sessionId": id, "revision": 1, "note": "Mine?" })).await;
    assert_eq!(foreign.refusals("noteSession"), ["NOT_FOUND"]);
    act(&anna, "pause", json!({ "sessionId": id, "revision": 1, "reason": "Lunch" })).await;
    assert_eq!(answer(&anna, &id, 2, "light", json!({ "option": "yes" })).await.refusals("answerSession"), ["WRONG_STATE"]);
    act(&anna, "resume", json!({ "sessionId": id, "revision": 2 })).await;
    let (to, outside) = (ids(&ben).await.0.encode(), ids(&stranger).await.0.encode());
    let refused = act(&anna, "handOver", json!({ "sessionId": id, "revision": 3, "toUserId": outside })).await;
    assert_eq!(refused.refusals("handOverSession"), ["NOT_FOUND"], "only members take over");
    let handed = act(&anna, "handOver", json!({ "sessionId": id, "revision": 3, "toUserId": to })).await;
    assert_eq!(handed.data("handOverSession.session.assignee.username"), "ben");
    assert_eq!(session(&anna, &id).await, Value::Null, "it is no longer hers");
    assert_eq!(session(&ben, &id).await["revision"], 4);
    let lists = "{ sessions(filter: { status: [ACTIVE] }) { totalCount nodes { id } } }";
    assert_eq!(anna.ok(lists, json!({})).await.data("sessions.totalCount"), 0);
    assert_eq!(owner.ok(lists, json!({})).await.data("sessions.totalCount"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_shows_no_session_that_was_handed_over() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (anna, ben) = (colleague(&app, &owner, "anna", "technician").await, colleague(&app, &owner, "ben", "technician").await);
    let (tree, _) = published(&owner, "Light", looping()).await;
    let input = json!({ "input": { "tree": { "id": tree }, "idempotencyKey": "ticket 1" } });
    let id = anna.ok(START, input.clone()).await.str("startSession.session.id");
    act(&anna, "handOver", json!({ "sessionId": id, "revision": 1, "toUserId": ids(&ben).await.0.encode() })).await;
    let again = anna.ok(START, input).await;
    assert_eq!(again.refusals("startSession"), ["WRONG_STATE"]);
    assert_eq!(again.data("startSession.session"), Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_hide_personal_data_and_links_expire() {
    let (app, _, owner) = TestApp::with_owner().await;
    let document = json!({
        "schema": 1, "root": "who", "variables": [{ "name": "reporter", "kind": "text", "pii": true }],
        "nodes": {
            "who": { "kind": "question", "title": "Who reports it?", "ask": "text", "variable": "reporter", "otherwise": "end" },
            "end": { "kind": "resolution", "title": "Noted", "outcome": "resolved" }
        }
    });
    let (tree, _) = published(&owner, "Report", document).await;
    let id = start(&owner, &tree).await;
    answer(&owner, &id, 1, "who", json!({ "text": "Grace Hopper" })).await;
    let export = "mutation($input: ExportSessionInput!) { exportSession(input: $input) { export { filename contentType content url expiresAt } userErrors { code } } }";
    for format in ["JSON", "MARKDOWN", "HTML", "CSV"] {
        let hidden = owner.ok(export, json!({ "input": { "sessionId": id, "format": format } })).await;
        assert!(!hidden.str("exportSession.export.content").contains("Hopper"), "{format}");
        let shown = owner.ok(export, json!({ "input": { "sessionId": id, "format": format, "redactPii": false } })).await;
        assert!(shown.str("exportSession.export.content").contains("Hopper"), "{format}");
        let url = hidden.str("exportSession.export.url");
        let path = &url[url.find("/exports/").unwrap()..];
        let linked = app.get(path).await;
        assert_eq!(linked.text(), hidden.str("exportSession.export.content"));
        assert!(linked.header("content-security-policy").contains("sandbox"));
        let forged = app.get(&format!("{}x", path)).await;
        assert_eq!(forged.status, 404);
        let (payload, signature) = path.split_once('.').unwrap();
        assert_eq!(app.get(&format!("{payload}A.{signature}")).await.status, 404);
    }
    let url = owner.ok(export, json!({ "input": { "sessionId": id, "format": "CSV" } })).await.str("exportSession.export.url");
    app.advance(TimeDelta::minutes(61));
    assert_eq!(app.get(&url[url.find("/exports/").unwrap()..]).await.status, 404, "after an hour the link is worth nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_costs_three_statements() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (tree, _) = published(&owner, "Light", looping()).await;
    let id = start(&owner, &tree).await;
    let before = app.app.db.statements();
    answer(&owner, &id, 1, "light", json!({ "option": "no" })).await;
    assert_eq!(app.app.db.statements() - before, 3, "who asks, the session, the steps with the state");
    for revision in 2..12 {
        let (node, given) = if revision % 2 == 0 { ("restart", json!({ "continue": true })) } else { ("light", json!({ "option": "no" })) };
        answer(&owner, &id, revision, node, given).await;
    }
    let before = app.app.db.statements();
    session(&owner, &id).await;
    assert_eq!(app.app.db.statements() - before, 3, "the session, its steps, the people in them");
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_cursors_do_not_reach_the_database() {
    let (_app, _, owner) = TestApp::with_owner().await;
    for time in ["+200000-01-01T00:00:00Z", "-4800-01-01T00:00:00Z"] {
        let position = json!(["started", [time, "01930000-0000-7000-8000-000000000000"]]);
        let cursor = URL_SAFE_NO_PAD.encode(position.to_string());
        let sessions = "query($cursor: String) { sessions(after: $cursor) { nodes { id } } }";
        assert_eq!(owner.gql(sessions, json!({ "cursor": cursor })).await.codes(), ["BAD_USER_INPUT"], "{time}");
        let position = json!(["members by joining", [time, "01930000-0000-7000-8000-000000000000"]]);
        let cursor = URL_SAFE_NO_PAD.encode(position.to_string());
        let members = "query($cursor: String) { viewer { account { members(after: $cursor) { nodes { role } } } } }";
        assert_eq!(owner.gql(members, json!({ "cursor": cursor })).await.codes(), ["BAD_USER_INPUT"], "{time}");
    }
}

#[tokio::test]
async fn links_to_exports_count_against_the_rate_limit() {
    let app = TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "10")]).await;
    for expected in [404, 404, 429] {
        assert_eq!(app.get("/exports/forged.link").await.status, expected);
    }
}

#[tokio::test]
async fn the_demo_account_is_not_made_in_production() {
    let app = TestApp::with(&[("FIXPATH_ENV", "production"), ("PUBLIC_URL", "https://api.example.com")]).await;
    let Err(Error::Refused(refusals)) = seed::seed(&app.app).await else { panic!("a demo account in production") };
    assert_eq!(refusals[0].message, "The demo account is for development: everybody knows its password.");
}

/// Walks every demo tree many times by arbitrary legal answers: none gets stuck, each ends, and what is stored is what its steps say.
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_trees_can_be_walked_to_their_end() {
    let app = TestApp::new().await;
    assert!(seed::seed(&app.app).await.unwrap());
    assert!(!seed::seed(&app.app).await.unwrap(), "the second time there is nothing to do");
    let demo = crate::support::people::sign_in(&app.anon(), seed::EMAIL, seed::PASSWORD).await;
    let demo = app.anon().signed_in(&demo.str("signIn.accessToken"));
    let listed = demo.ok("{ trees { nodes { slug status } } }", json!({})).await.data("trees.nodes");
    assert_eq!(listed.as_array().unwrap().len(), demo::trees().len());
    let mut dice = 1_u64;
    for tree in demo::trees() {
        for _ in 0..3 {
            let started = demo.ok(START, json!({ "input": { "tree": { "slug": tree.slug } } })).await;
            let id = started.str("startSession.session.id");
            let mut ended = false;
            for _ in 0..400 {
                let query = "query($id: ID!) { session(id: $id) { revision current { __typename key ... on QuestionNode { ask otherwise options { key } } } } }";
                let now = demo.ok(query, json!({ "id": id })).await.data("session");
                let current = &now["current"];
                if current["__typename"] == "ResolutionNode" {
                    ended = true;
                    break;
                }
                // A fixed sequence that looks like chance.
                dice = dice.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let options = current["options"].as_array().cloned().unwrap_or_default();
                let given = match (current["__typename"].as_str().unwrap(), options.as_slice()) {
                    ("ActionNode", _) => json!({ "continue": true }),
                    (_, []) => match current["ask"].as_str().unwrap() {
                        "NUMBER" => json!({ "number": (dice >> 40) % 100 }),
                        "DATE" => json!({ "date": "2026-11-20" }),
                        _ => json!({ "text": "some words" }),
                    },
                    (_, options) => json!({ "option": options[usize::try_from(dice >> 33).unwrap() % options.len()]["key"] }),
                };
                let answered = answer(&demo, &id, now["revision"].as_i64().unwrap(), current["key"].as_str().unwrap(), given).await;
                assert_eq!(answered.refusals("answerSession"), Vec::<String>::new(), "{}: {}", tree.slug, answered.text());
            }
            assert!(ended, "a walk through {} ends", tree.slug);
            assert_folds(&app, &demo, &id).await;
        }
    }
}

/// What is stored of a session is what its steps say.
async fn assert_folds(app: &TestApp, demo: &Actor, id: &str) {
    let account = ids(demo).await.1;
    let mut conn = app.app.db.conn().await.unwrap();
    let session = Session::find(&mut conn, account, SessionId::decode(id).unwrap()).await.unwrap().unwrap();
    let steps = step::all(&mut conn, account, session.id).await.unwrap();
    let library = app.app.libraries.get(&mut conn, &app.app.versions, session.tree_account_id, session.version_id).await.unwrap();
    assert_eq!(fold(&library, &steps).unwrap(), session.state);
}
