//! The audit log: what is in it, who reads it, and that it cannot be changed.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::app::{ORIGIN, PASSWORD};
use crate::support::members::{accept_as, change_role, invited, remove, roomy, transfer, user};
use crate::support::people::{colleague, device, refresh, sign_in};
use crate::support::shop::Shop;
use crate::support::{Actor, TestApp};

async fn lines(owner: &Actor) -> Vec<Value> {
    let query = "{ viewer { account { auditLog(first: 100) { nodes { id at action subject ipAddress userAgent actor { username } } } } } }";
    owner.ok(query, json!({})).await.data("viewer.account.auditLog.nodes").as_array().cloned().unwrap_or_default()
}

fn actions(lines: &[Value]) -> Vec<String> {
    lines.iter().map(|line| line["action"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_matters_is_recorded_with_who_and_where_from() {
    let (app, owner) = roomy().await;
    let owner = owner.at_address("192.0.2.9").header("user-agent", "Desk/2");
    app.advance(TimeDelta::seconds(1));
    let token = invited(&app, &owner, "grace@example.com", "ENGINEER").await;
    app.advance(TimeDelta::seconds(1));
    let joined = accept_as(&app, &token, "grace").await;
    let grace = user(&app.anon().signed_in(&joined.str("acceptInvitation.accessToken"))).await;
    for role in ["ADMIN", "ADMIN"] {
        app.advance(TimeDelta::seconds(1));
        change_role(&owner, grace, role).await;
    }
    app.advance(TimeDelta::seconds(1));
    let change = "mutation($input: ChangePasswordInput!) { changePassword(input: $input) { userErrors { code } } }";
    let passwords = json!({ "input": { "currentPassword": PASSWORD, "newPassword": "another horse battery" } });
    owner.ok(change, passwords).await;
    app.advance(TimeDelta::seconds(1));
    transfer(&owner, grace).await;
    app.advance(TimeDelta::seconds(1));
    let (grace_there, _) = device(&app, "grace").await;
    app.advance(TimeDelta::seconds(1));
    remove(&grace_there, user(&owner).await).await;
    app.run_jobs().await;

    let lines = lines(&grace_there).await;
    let expected = [
        "removeMember",
        "signIn",
        "transferOwnership",
        "changePassword",
        "changeMemberRole",
        "signIn",
        "acceptInvitation",
        "inviteMember",
        "signIn",
        "signUp",
    ];
    let mut seen = actions(&lines);
    // Two lines of one moment have no order.
    seen[5..7].sort_by(|a, b| b.cmp(a));
    seen[8..10].sort();
    assert_eq!(seen, expected, "a role that stays is no line");
    let changed = &lines[4];
    assert_eq!(changed["actor"]["username"], "owner");
    assert!(changed["subject"].as_str().unwrap().ends_with(": engineer to admin"), "{changed}");
    assert_eq!((&changed["ipAddress"], &changed["userAgent"]), (&json!("192.0.2.9"), &json!("Desk/2")));
    assert_eq!(changed["at"], "2026-01-01T12:00:03.000Z");
    assert_eq!(lines[7]["subject"], "grace@example.com as engineer");
    let text = json!(lines).to_string();
    assert!(!text.contains(&token) && !text.contains("horse"), "no secret");
}

#[tokio::test]
async fn failed_sign_ins_are_lines_of_the_account_that_was_tried() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let owners = user(&owner).await;
    sign_in(&anon.at_address("198.51.100.5"), "owner", "wrong password").await;
    sign_in(&anon.at_address("198.51.100.6"), "nobody", "wrong password").await;
    let lines = lines(&owner).await;
    let failed: Vec<_> = lines.iter().filter(|line| line["action"] == "signInFailed").collect();
    assert_eq!(failed.len(), 1);
    assert_eq!((&failed[0]["ipAddress"], &failed[0]["actor"]), (&json!("198.51.100.5"), &Value::Null), "nobody knows who it was");
    assert_eq!(failed[0]["subject"], fixpath::id::Id::encode(owners));
    // An unknown login costs the same, and its line names nobody.
    let unknown = app.database_text("SELECT row_to_json(a)::text FROM audit_entries a WHERE account_id IS NULL").await;
    assert_eq!(unknown.len(), 1);
    assert!(unknown[0].contains("198.51.100.6") && !unknown[0].contains("nobody"), "{unknown:?}");
}

#[tokio::test]
async fn a_replayed_refresh_token_and_signing_out_leave_lines() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let (phone, token) = device(&app, "owner").await;
    refresh(&anon, &token).await;
    refresh(&anon, &token).await;
    for _ in 0..2 {
        phone.ok("mutation { signOut { acknowledged } }", json!({})).await;
    }
    let seen = actions(&lines(&owner).await);
    assert_eq!(seen.iter().filter(|action| *action == "refreshTokenReused").count(), 1);
    assert_eq!(seen.iter().filter(|action| *action == "signOut").count(), 0, "it had ended already");
    let (phone, _) = device(&app, "owner").await;
    phone.ok("mutation { signOut { acknowledged } }", json!({})).await;
    assert_eq!(actions(&lines(&owner).await).iter().filter(|action| *action == "signOut").count(), 1);
}

#[tokio::test]
async fn owners_read_their_own_account_and_nobody_else_does() {
    let (app, owner) = roomy().await;
    let query = "{ viewer { account { name auditLog { nodes { action } } } } }";
    for role in ["technician", "engineer", "admin"] {
        let person = colleague(&app, &owner, role, role).await;
        let answer = person.gql(query, json!({})).await;
        assert_eq!(answer.codes(), ["FORBIDDEN"]);
        assert_eq!(answer.data("viewer.account"), json!({ "name": "owner's account", "auditLog": null }));
    }
    // An owner elsewhere sees none of it, neither there nor through a membership.
    let foreigner = app.sign_up("foreigner").await;
    let seen = actions(&lines(&foreigner).await);
    assert_eq!(seen.len(), 2, "their own sign-up and sign-in: {seen:?}");
    let through = owner.ok("{ viewer { memberships { account { auditLog { nodes { action } } } } } }", json!({})).await;
    assert_ne!(through.data("viewer.memberships.0.account.auditLog"), Value::Null);
}

#[tokio::test]
async fn the_log_is_read_page_by_page() {
    let (app, _, owner) = TestApp::with_owner().await;
    let query = "query($after: String) { viewer { account { auditLog(first: 2, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } } } }";
    for number in 0..5 {
        if number % 2 == 0 {
            app.advance(TimeDelta::seconds(1));
        }
        device(&app, "owner").await;
    }
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = owner.ok(query, json!({ "after": after })).await.data("viewer.account.auditLog");
        seen.extend(page["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap().to_owned()));
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    let all: Vec<String> = lines(&owner).await.iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((seen.len(), seen), (7, all));
    assert_eq!(owner.gql(query, json!({ "after": "nonsense" })).await.codes(), ["BAD_USER_INPUT"]);
}

#[tokio::test]
async fn no_line_can_be_changed_or_taken_out() {
    let (app, _, owner) = TestApp::with_owner().await;
    let stranger = uuid::Uuid::from(user(&app.sign_up("stranger").await).await);
    let owners = uuid::Uuid::from(user(&owner).await);
    // Others' lines: of the owner by id, of an address that the stranger has typed and not proved, and of one that is nobody's.
    app.db_execute(&format!(
        "INSERT INTO audit_entries (id, account_id, actor_id, action, subject, ip_address, at)
         SELECT gen_random_uuid(), account_id, '{owners}', 'acceptInvitation', subject, '192.0.2.1', now()
         FROM memberships, unnest(ARRAY[user_name('{stranger}') || ' as engineer', 'stranger@example.com as engineer',
             'nobody@example.com as engineer']) AS subject
         WHERE user_id = '{owners}'"
    ))
    .await;
    let as_stranger = |change: &str| {
        format!("BEGIN; SELECT set_config('fixpath.erased_person', '{stranger}', true); UPDATE audit_entries SET {change}; COMMIT")
    };
    let before = lines(&owner).await;
    let named = "WHERE subject LIKE 'user\\_%'";
    for sql in [
        // Whoever is erased opens their own lines, and what others' lines call them.
        &*as_stranger("subject = 'x'"),
        &*as_stranger("subject = 'x' WHERE subject LIKE 'stranger@%'"),
        &*as_stranger("subject = 'x' WHERE subject LIKE 'nobody@%'"),
        &*as_stranger("ip_address = '192.0.2.2' WHERE action = 'signUp'"),
        &*as_stranger(&format!("ip_address = '192.0.2.2' {named}")),
        &*as_stranger(&format!("actor_id = NULL {named}")),
        &*as_stranger(&format!("action = 'x' {named}")),
        "UPDATE audit_entries SET action = 'nothing'",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
        "TRUNCATE users CASCADE",
        // Another account's name opens nothing.
        "BEGIN; SET LOCAL fixpath.erased_account = '00000000-0000-0000-0000-000000000000'; DELETE FROM audit_entries; COMMIT",
        "BEGIN; SELECT set_config('fixpath.erased_account', (SELECT min(id::text) FROM accounts), true); UPDATE audit_entries SET action = 'x'; COMMIT",
    ] {
        let (client, connection) = app.app.db.target().connect().await.unwrap();
        tokio::spawn(connection);
        let refused = client.batch_execute(sql).await.unwrap_err();
        assert!(refused.as_db_error().unwrap().message().contains("audit log never change"), "{sql}: {refused:?}");
    }
    assert_eq!(lines(&owner).await, before);
    // Once the address is proved, the line that has it may lose it, and nothing else.
    app.db_verify("stranger").await;
    app.db_execute(&as_stranger("subject = 'somebody as engineer' WHERE subject LIKE 'stranger@%'")).await;
    let changed =
        lines(&owner).await.into_iter().filter(|line| line["subject"] == "somebody as engineer" && line["ipAddress"] == "192.0.2.1");
    assert_eq!((changed.count(), lines(&owner).await.len()), (1, before.len()));
}

#[tokio::test]
async fn staff_read_all_of_it() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let boss = app.sign_up("boss").await;
    let query = "{ staff { auditLog(first: 100) { nodes { action subject account { name } actor { username } } } } }";
    assert_eq!(owner.ok(query, json!({})).await.data("staff"), Value::Null);
    sign_in(&anon, "nobody", "wrong password").await;
    app.make_staff("boss").await;
    let seen = boss.ok(query, json!({})).await.data("staff.auditLog.nodes");
    let has = |action: &str, account: Value, actor: Value| {
        seen.as_array().unwrap().iter().any(|line| line["action"] == action && line["account"] == account && line["actor"] == actor)
    };
    assert!(has("signUp", json!({ "name": "owner's account" }), json!({ "username": "owner" })), "{seen}");
    assert!(has("signUp", json!({ "name": "boss's account" }), json!({ "username": "boss" })), "{seen}");
    assert!(has("signInFailed", Value::Null, Value::Null) && has("grantStaff", Value::Null, Value::Null), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_customers_buy_and_change_is_a_line_once_for_each_key() {
    let mut shop = Shop::open().await;
    shop.owner = shop.owner.at_address("192.0.2.9");
    let keyed = |key: &str, mut input: Value| {
        input["idempotencyKey"] = json!(key);
        input
    };
    for _ in 0..2 {
        shop.start(keyed("plan", json!({ "planKey": "starter" }))).await;
    }
    let session = shop.start(keyed("plan", json!({ "planKey": "starter" }))).await;
    shop.pay(&session, "works");
    shop.settle().await;
    for _ in 0..2 {
        shop.changed("changePlan", keyed("up", json!({ "planKey": "pro" }))).await;
        shop.changed("changeSeats", keyed("more", json!({ "seats": 3 }))).await;
        shop.changed("cancelSubscription", keyed("end", json!({ "reason": "too dear" }))).await;
        shop.changed("resumeSubscription", keyed("on", json!({}))).await;
        shop.app.advance(TimeDelta::seconds(2));
    }
    let back = format!("{ORIGIN}/billing");
    let portal = "mutation($input: OpenBillingPortalInput!) { openBillingPortal(input: $input) { url userErrors { code } } }";
    shop.owner.ok(portal, json!({ "input": { "returnUrl": back } })).await;
    let buy = "mutation($input: BuyCreditsInput!) { buyCredits(input: $input) { checkout { id } userErrors { code } } }";
    let input = json!({ "packKey": "credits-100", "successUrl": back, "cancelUrl": back, "idempotencyKey": "pack" });
    for _ in 0..2 {
        shop.owner.ok(buy, json!({ "input": input })).await;
    }
    shop.settle().await;
    let lines = lines(&shop.owner).await;
    let mut seen: Vec<_> = lines
        .iter()
        .filter(|line| line["ipAddress"] == "192.0.2.9")
        .map(|line| (line["action"].as_str().unwrap(), line["subject"].as_str().unwrap_or_default()))
        .collect();
    seen.sort();
    assert_eq!(seen.len(), 7, "{seen:?}");
    assert!(seen[0].0 == "buyCredits" && seen[0].1.starts_with("checkout_"), "{:?}", seen[0]);
    assert_eq!(
        seen[1..6],
        [
            ("cancelSubscription", "with the period: too dear"),
            ("changePlan", "pro by the month, as many seats"),
            ("changeSeats", "3 seats"),
            ("openBillingPortal", back.as_str()),
            ("resumeSubscription", ""),
        ]
    );
    assert!(seen[6].0 == "startCheckout" && seen[6].1.starts_with("checkout_"), "{:?}", seen[6]);
    assert!(lines.iter().all(|line| line["ipAddress"] != "192.0.2.9" || line["actor"]["username"] == "owner"));
}
