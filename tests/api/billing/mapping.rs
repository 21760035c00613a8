//! Rule 6: whose is it? Known or said, never guessed.

use fixpath::billing::customer::Customer;
use fixpath::id::Id;
use fixpath::staff::lookup::{self, Reference};
use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::people::ids;
use crate::support::stripe::{self, Story, object, with};
use crate::support::{TestApp, people};

/// A session made elsewhere by this stranger, who says these things.
fn session(name: &str, says: &[(&str, Value)]) -> Value {
    let story = Story::new(name);
    let base = [
        ("/id", json!(format!("cs_{name}"))),
        ("/customer", json!(story.customer)),
        ("/subscription", json!(story.subscription)),
        ("/client_reference_id", Value::Null),
        ("/customer_details/email", Value::Null),
        ("/payment_intent", Value::Null),
        ("/metadata", json!({})),
    ];
    story.event("checkout.session.completed", 0, with(with(object("checkout.session.completed"), &base), says))
}

async fn linked(app: &TestApp, name: &str) -> Value {
    app.db_value(&format!("SELECT account_id FROM customers WHERE provider_customer_id = 'cus_{name}'")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_named_is_found_in_every_way_of_naming() {
    let (app, owner, _story) = stripe::app().await;
    let (user, account) = people::ids(&owner).await;
    let (user_id, account_id) = (Uuid::from(user).to_string(), Uuid::from(account).to_string());
    let number = app.db_value("SELECT number FROM users").await.to_string();
    for (name, says) in [
        ("w1", ("/client_reference_id", json!(account_id))),
        ("w2", ("/client_reference_id", json!(account.encode()))),
        ("w3", ("/metadata", json!({ "account": account_id }))),
        ("w4", ("/metadata", json!({ "account_id": account.encode() }))),
        ("w5", ("/metadata", json!({ "user": user_id }))),
        ("w6", ("/metadata", json!({ "user_id": user.encode() }))),
        ("w7", ("/metadata", json!({ "user_id": number }))),
    ] {
        app.expect(&session(name, &[says]), "completed").await;
        assert_eq!(linked(&app, name).await, json!(account_id), "{name}");
    }
    assert_eq!(app.db_value("SELECT count(*) FROM customers WHERE is_primary").await, json!(1));
}

/// What is known counts more than what is said, and what we say ourselves more than an address that anybody can type.
#[tokio::test(flavor = "multi_thread")]
async fn hints_that_disagree_are_believed_in_their_order() {
    let (app, owner, _story) = stripe::app().await;
    let mut accounts = vec![people::ids(&owner).await.1];
    for name in ["ref", "meta", "mail"] {
        accounts.push(people::ids(&app.sign_up(name).await).await.1);
    }
    app.db_verify("mail").await;
    let [known, reference, metadata, mail] = accounts[..] else { panic!("four accounts") };
    Story::new("known").link_beside(&app, known).await;
    let says = [
        ("/client_reference_id", json!(reference.encode())),
        ("/metadata", json!({ "account": metadata.encode() })),
        ("/customer_details/email", json!("mail@example.com")),
    ];
    for (name, says, whose) in
        [("known", &says[..], known), ("all", &says, reference), ("two", &says[1..], metadata), ("one", &says[2..], mail)]
    {
        app.expect(&session(name, says), "completed").await;
        assert_eq!(linked(&app, name).await, json!(Uuid::from(whose).to_string()), "{name}");
    }
    let both = [("/metadata", json!({ "user": people::ids(&owner).await.0.encode(), "account": metadata.encode() }))];
    app.expect(&session("both", &both), "completed").await;
    assert_eq!(linked(&app, "both").await, json!(Uuid::from(metadata).to_string()), "an account is named more exactly than by its owner");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_counts_once_it_is_verified_and_leads_to_one_account() {
    let (app, owner, _story) = stripe::app().await;
    let account = Uuid::from(people::ids(&owner).await.1);
    let by_mail = |name: &str| session(name, &[("/customer_details/email", json!("OWNER@example.com"))]);
    app.expect(&by_mail("m1"), "parked").await;
    app.db_execute("UPDATE users SET email_verified_at = now()").await;
    app.expect(&by_mail("m2"), "completed").await;
    assert_eq!(linked(&app, "m2").await, json!(account.to_string()));

    let other = app.sign_up("other").await;
    people::db_join(&app, people::ids(&owner).await.0, people::ids(&other).await.1, "owner").await;
    app.expect(&by_mail("m3"), "parked").await;
    app.db_execute("UPDATE users SET email_verified_at = NULL").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn placeholders_and_nothing_lead_to_nobody() {
    let (app, _owner, _story) = stripe::app().await;
    app.db_execute("UPDATE users SET email_verified_at = now()").await;
    for (number, word) in ["<email>", "null", "undefined", "", "{{user}}", "%USER%", "none", "N/A", "${email}"].into_iter().enumerate() {
        let says = [
            ("/client_reference_id", json!(word)),
            ("/metadata", json!({ "account": word, "user": word })),
            ("/customer_details/email", json!(word)),
        ];
        app.expect(&session(&format!("p{number}"), &says), "parked").await;
        assert_eq!(Reference::read(word), None, "{word}");
    }
    // A null customer is nobody's, although there are accounts without a customer.
    app.expect(&session("n1", &[("/customer", Value::Null)]), "parked").await;
    app.expect(&session("n3", &[("/customer", Value::Null), ("/subscription", Value::Null)]), "ignored").await;
    let placeholder = session("n2", &[("/customer", json!("null"))]);
    app.expect(&placeholder, "parked").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn support_finds_an_account_by_whatever_it_was_told() {
    let (app, owner, story) = stripe::app().await;
    let (user, account) = people::ids(&owner).await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    let number = app.db_value("SELECT number FROM users").await.to_string();
    let mut conn = app.app.db.conn().await.unwrap();
    for text in [
        "owner@example.com",
        " Owner@Example.com ",
        &number,
        &format!("#{number}"),
        &user.encode(),
        &account.encode(),
        &Uuid::from(user).to_string(),
        &Uuid::from(account).to_string(),
        &story.customer,
        &story.subscription,
    ] {
        let reference = Reference::read(text).unwrap_or_else(|| panic!("{text} refers to nothing"));
        let before = app.app.db.statements();
        let found = lookup::find(&mut conn, &reference).await.unwrap();
        assert_eq!(app.app.db.statements() - before, 1, "{text}");
        assert_eq!(found.first().map(|found| (found.account, found.user)), Some((account, Some(user))), "{text}");
    }
    drop(conn);
    finds_by_index(&app, &story, &number, account.into(), user.into()).await;
    let mut conn = app.app.db.conn().await.unwrap();
    for text in ["nobody@example.com", "999999", "cus_nobody", "sub_nobody"] {
        let reference = Reference::read(text).unwrap();
        assert_eq!(lookup::find(&mut conn, &reference).await.unwrap(), [], "{text}");
    }
}

#[derive(diesel::QueryableByName)]
struct Scans {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    scans: i64,
}

/// How many tables this connection has read from end to end lately.
async fn scans(conn: &mut fixpath::db::Conn) -> i64 {
    let query = diesel::sql_query("SELECT coalesce(sum(seq_scan), 0)::bigint AS scans FROM pg_stat_xact_user_tables");
    diesel_async::RunQueryDsl::get_result::<Scans>(query, conn).await.unwrap().scans
}

/// Among so many others that reading all of them would take longer.
async fn finds_by_index(app: &TestApp, story: &Story, number: &str, account: Uuid, user: Uuid) {
    app.db_execute(
        "CREATE TEMPORARY TABLE many AS SELECT n, gen_random_uuid() AS id FROM generate_series(1, 3000) n;
         INSERT INTO users (id, email, username, email_verified_at, created_at, updated_at)
             SELECT id, 'many' || n || '@example.com', 'many' || n, now(), now(), now() FROM many;
         INSERT INTO accounts (id, name, created_at) SELECT id, 'Account ' || n, now() FROM many;
         INSERT INTO memberships (account_id, user_id, role, created_at) SELECT id, id, 'owner', now() FROM many;
         INSERT INTO customers (id, account_id, provider_customer_id, created_at) SELECT id, id, 'cus_many_' || n, now() FROM many;
         INSERT INTO subscriptions (id, account_id, plan_id, status, seats, provider, provider_subscription_id, created_at, updated_at)
             SELECT many.id, many.id, plans.id, 'active', 1, 'stripe', 'sub_many_' || n, now(), now() FROM many, plans WHERE key = 'pro';
         ANALYZE users, accounts, memberships, customers, subscriptions",
    )
    .await;
    let texts =
        ["owner@example.com", number, &account.to_string(), &user.to_string(), &story.customer, &story.subscription].map(str::to_owned);
    for text in texts.into_iter().chain([fixpath::id::AccountId::from(account).encode(), fixpath::id::UserId::from(user).encode()]) {
        let reference = Reference::read(&text).unwrap();
        let scanned = app.app.db.transaction(async |conn| {
            let before = scans(conn).await;
            assert_eq!(lookup::find(conn, &reference).await?.len(), 1, "{text}");
            Ok(scans(conn).await - before)
        });
        assert_eq!(scanned.await.unwrap(), 0, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_that_are_linked_at_the_same_time_are_linked_once_and_one_is_the_primary() {
    let (app, owner, _) = stripe::app().await;
    let (_, account) = ids(&owner).await;
    for round in 0..40 {
        let links = (0..8).map(|number| {
            let (app, id) = (app.app.clone(), format!("cus_{round}_{}", number % 2));
            tokio::spawn(async move { Customer::link(&mut app.db.conn().await.unwrap(), &app.clock, &id, account).await })
        });
        let linked: Vec<bool> = join_all(links).await.into_iter().map(|link| link.unwrap().unwrap()).collect();
        assert_eq!(linked.iter().filter(|new| **new).count(), 2, "{round}: {linked:?}");
        let primary = "SELECT count(*)::text FROM customers WHERE is_primary AND deleted_at IS NULL";
        assert_eq!(app.database_text(primary).await, ["1"]);
        app.db_execute("DELETE FROM customers").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_moves_on_and_never_back() {
    let told = [("invoice.payment_failed", "open"), ("invoice.marked_uncollectible", "uncollectible")];
    for (last, status, wanted) in
        [(None, "", "uncollectible"), (Some("invoice.paid"), "paid", "paid"), (Some("invoice.voided"), "void", "void")]
    {
        for reversed in [false, true] {
            let (app, _owner, story) = crate::support::stripe::app().await;
            let mut events: Vec<_> = told.into_iter().chain(last.map(|last| (last, status))).collect();
            if reversed {
                events.reverse();
            }
            for (seconds, (kind, status)) in (1..).zip(events) {
                assert_eq!(app.deliver(&story.event(kind, seconds, story.invoice(status, 0, &[]))).await.status, 200);
            }
            assert_eq!(app.db_rows("SELECT invoice_status AS status FROM payments").await, json!([{ "status": wanted }]), "{reversed}");
            app.run_jobs().await;
        }
    }
}
