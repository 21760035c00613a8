//! Rule 3: credits count once, and what is taken back never makes a balance negative.

use diesel_async::SimpleAsyncConnection;
use fixpath::id::{AccountId, CheckoutId, Id};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::stripe::{self, Story, object, with};
use crate::support::{TestApp, people};

/// A checkout for 100 credits at 10.00 USD.
pub async fn checkout(app: &TestApp, account: AccountId, session: &str) {
    let id = Uuid::from(CheckoutId::new(&app.app.clock));
    app.db_execute(&format!(
        "INSERT INTO checkouts (id, account_id, purpose, status, pack_key, credits, amount, currency, provider_session_id, expires_at, \
             created_at, updated_at) \
         VALUES ('{id}', '{}', 'credits', 'open', 'credits-100', 100, 1000, 'USD', '{session}', now(), now(), now())",
        Uuid::from(account)
    ))
    .await;
}

/// The session of that checkout, at Stripe.
pub fn session(story: &Story, id: &str, payment_status: &str) -> Value {
    with(
        object("checkout.session.completed"),
        &[
            ("/id", json!(id)),
            ("/customer", json!(story.customer)),
            ("/mode", json!("payment")),
            ("/subscription", Value::Null),
            ("/invoice", Value::Null),
            ("/payment_intent", json!(format!("pi_{id}"))),
            ("/payment_status", json!(payment_status)),
            ("/amount_total", json!(1000)),
            ("/client_reference_id", Value::Null),
        ],
    )
}

pub fn charge(story: &Story, id: &str, refunded: i64) -> Value {
    let changes = [
        ("/id", json!(format!("ch_{id}"))),
        ("/payment_intent", json!(format!("pi_{id}"))),
        ("/amount", json!(1000)),
        ("/amount_refunded", json!(refunded)),
    ];
    story.charge(0, &changes)
}

pub fn refund(id: &str, session: &str, amount: i64, status: &str) -> Value {
    let changes = [
        ("/id", json!(id)),
        ("/charge", json!(format!("ch_{session}"))),
        ("/payment_intent", json!(format!("pi_{session}"))),
        ("/amount", json!(amount)),
        ("/status", json!(status)),
    ];
    with(object("refund.created"), &changes)
}

pub fn dispute(id: &str, session: &str, status: &str) -> Value {
    json!({ "id": id, "object": "dispute", "amount": 1000, "currency": "usd", "charge": format!("ch_{session}"),
            "payment_intent": format!("pi_{session}"), "status": status, "reason": "fraudulent", "created": 1_800_000_000 })
}

async fn balance(app: &TestApp) -> Value {
    app.db_rows("SELECT balance, shortfall FROM credit_balances").await[0].clone()
}

/// Of the only one that has credits.
async fn account(app: &TestApp) -> AccountId {
    let id = app.db_value("SELECT account_id FROM credit_balances").await;
    AccountId::from(id.as_str().unwrap().parse::<Uuid>().unwrap())
}

async fn spend(app: &TestApp, credits: i32) {
    app.db_execute(&format!("UPDATE credit_balances SET balance = balance - {credits}")).await;
}

/// A hundred credits, bought and paid.
async fn bought() -> (TestApp, Story) {
    let (app, owner, story) = stripe::app().await;
    checkout(&app, people::ids(&owner).await.1, "cs_1").await;
    app.expect(&story.event("checkout.session.completed", 1, session(&story, "cs_1", "paid")), "completed").await;
    app.expect(&story.event("charge.succeeded", 1, charge(&story, "cs_1", 0)), "completed").await;
    assert_eq!(balance(&app).await, json!({ "balance": 100, "shortfall": 0 }));
    (app, story)
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_three_times_at_once_grants_once() {
    let (app, owner, story) = stripe::app().await;
    checkout(&app, people::ids(&owner).await.1, "cs_1").await;
    let invoice = [
        ("/id", json!("in_cs_1")),
        ("/amount_paid", json!(1000)),
        ("/parent", Value::Null),
        ("/lines/data", json!([])),
        ("/payment_intent", json!("pi_cs_1")),
        ("/billing_reason", json!("manual")),
    ];
    let paid = with(session(&story, "cs_1", "paid"), &[("/invoice", json!("in_cs_1"))]);
    let events = [
        story.event("checkout.session.completed", 1, paid.clone()),
        story.event("checkout.session.async_payment_succeeded", 2, paid),
        story.event("charge.succeeded", 1, charge(&story, "cs_1", 0)),
        story.event("invoice.paid", 1, story.invoice("paid", 0, &invoice)),
        story.event("invoice.payment_succeeded", 1, story.invoice("paid", 0, &invoice)),
    ];
    let thrice: Vec<&Value> = events.iter().cycle().take(events.len() * 3).collect();
    let answers = futures_util::future::join_all(thrice.into_iter().map(|event| app.deliver(event))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert_eq!(balance(&app).await, json!({ "balance": 100, "shortfall": 0 }));
    let entries = app.db_rows("SELECT delta, balance_after, kind, source FROM credit_entries").await;
    assert_eq!(entries, json!([{ "delta": 100, "balance_after": 100, "kind": "purchase", "source": "cs_1" }]));
    let payments = app.db_rows("SELECT provider_invoice_id AS invoice, payment_intent_id AS intent, status, purpose FROM payments").await;
    assert_eq!(payments, json!([{ "invoice": "in_cs_1", "intent": "pi_cs_1", "status": "succeeded", "purpose": "credits" }]));
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_payment_grants_when_it_arrives_and_a_refused_one_never() {
    let (app, owner, story) = stripe::app().await;
    let account = people::ids(&owner).await.1;
    checkout(&app, account, "cs_1").await;
    app.expect(&story.event("checkout.session.completed", 1, session(&story, "cs_1", "unpaid")), "completed").await;
    assert_eq!(app.db_rows("SELECT status FROM payments").await, json!([{ "status": "pending" }]));
    assert_eq!(app.db_rows("SELECT 1 FROM credit_entries").await, json!([]));
    app.expect(&story.event("checkout.session.async_payment_succeeded", 9, session(&story, "cs_1", "paid")), "completed").await;
    assert_eq!(balance(&app).await["balance"], json!(100));

    checkout(&app, account, "cs_2").await;
    app.expect(&story.event("checkout.session.async_payment_failed", 9, session(&story, "cs_2", "unpaid")), "completed").await;
    app.expect(&story.event("checkout.session.completed", 1, session(&story, "cs_2", "unpaid")), "stale").await;
    let rows = app
        .db_rows(
            "SELECT c.status AS checkout, p.status FROM checkouts c JOIN payments p ON p.checkout_id = c.id ORDER BY c.provider_session_id",
        )
        .await;
    assert_eq!(rows, json!([{ "checkout": "completed", "status": "succeeded" }, { "checkout": "failed", "status": "failed" }]));
    assert_eq!(balance(&app).await["balance"], json!(100));

    checkout(&app, account, "cs_3").await;
    app.expect(&story.event("checkout.session.expired", 9, session(&story, "cs_3", "unpaid")), "completed").await;
    app.expect(&story.event("checkout.session.expired", 9, session(&story, "cs_1", "unpaid")), "stale").await;
    let rows = app.db_rows("SELECT status FROM checkouts ORDER BY provider_session_id").await;
    assert_eq!(rows, json!([{ "status": "completed" }, { "status": "failed" }, { "status": "expired" }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_equal_the_whole_in_any_order() {
    for order in [[30, 30, 40], [40, 30, 30], [30, 40, 30]] {
        let (app, story) = bought().await;
        spend(&app, 25).await;
        for (number, part) in order.into_iter().enumerate() {
            let event = story.event("refund.created", 9, refund(&format!("re_{number}"), "cs_1", part * 10, "succeeded"));
            app.expect(&event, "completed").await;
        }
        assert_eq!(balance(&app).await, json!({ "balance": 0, "shortfall": 25 }), "{order:?}");
        assert_eq!(app.db_rows("SELECT status, refunded FROM payments").await, json!([{ "status": "refunded", "refunded": 1000 }]));
        app.run_jobs().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_that_tells_the_sum_and_refunds_that_tell_the_parts_agree() {
    for charge_first in [true, false] {
        let (app, story) = bought().await;
        let total = story.event("charge.refunded", 9, charge(&story, "cs_1", 600));
        let parts = [refund("re_1", "cs_1", 400, "succeeded"), refund("re_2", "cs_1", 200, "pending")];
        let mut events: Vec<Value> = parts.into_iter().map(|part| story.event("refund.created", 8, part)).collect();
        events.insert(if charge_first { 0 } else { 2 }, total);
        for event in &events {
            app.expect(event, "completed").await;
        }
        assert_eq!(balance(&app).await, json!({ "balance": 40, "shortfall": 0 }));
        // One of the two does not arrive at the payer's bank.
        app.expect(&story.event("refund.failed", 20, refund("re_2", "cs_1", 200, "failed")), "completed").await;
        app.expect(&story.event("refund.updated", 19, refund("re_2", "cs_1", 200, "succeeded")), "completed").await;
        assert_eq!(balance(&app).await, json!({ "balance": 60, "shortfall": 0 }));
        assert_eq!(
            app.db_rows("SELECT status, refunded FROM payments").await,
            json!([{ "status": "partially_refunded", "refunded": 400 }])
        );
        app.run_jobs().await;
    }
}

/// In shapes of old a charge tells its refunds itself, and is then the cause each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_refund_after_one_that_failed_takes_the_same_credits_again() {
    let (app, story) = bought().await;
    let whole = |refunds: Value| with(charge(&story, "cs_1", 1000), &[("/refunds", json!({ "data": refunds }))]);
    let first = |status: &str| refund("re_1", "cs_1", 1000, status);
    app.expect(&story.event("charge.refunded", 9, whole(json!([first("succeeded")]))), "completed").await;
    assert_eq!(balance(&app).await, json!({ "balance": 0, "shortfall": 0 }));
    app.expect(&story.event("refund.failed", 20, first("failed")), "completed").await;
    assert_eq!(balance(&app).await, json!({ "balance": 100, "shortfall": 0 }));
    let both = json!([first("failed"), refund("re_2", "cs_1", 1000, "succeeded")]);
    let again = story.event("charge.refunded", 30, whole(both.clone()));
    app.expect(&again, "completed").await;
    app.expect(&again, "duplicate").await;
    // The same, in an event of its own.
    app.expect(&story.event("charge.refunded", 30, whole(both)), "completed").await;
    assert_eq!(balance(&app).await, json!({ "balance": 0, "shortfall": 0 }));
    let payment = app.db_rows("SELECT status, refunded, credits_claimed AS claimed FROM payments").await;
    assert_eq!(payment, json!([{ "status": "refunded", "refunded": 1000, "claimed": 100 }]));
    app.run_jobs().await;
}

/// A refund that was heard of before its payment has a lock of its own.
#[tokio::test(flavor = "multi_thread")]
async fn credits_that_somebody_with_another_lock_takes_at_that_moment_are_not_taken_again() {
    let (app, story) = bought().await;
    let mut other = app.app.db.conn().await.unwrap();
    let takes = "BEGIN; UPDATE payments SET credits_claimed = 100; UPDATE credit_balances SET balance = 0";
    other.batch_execute(takes).await.unwrap();
    let event = story.event("charge.refunded", 9, charge(&story, "cs_1", 1000));
    tokio::join!(app.expect(&event, "completed"), async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        other.batch_execute("COMMIT").await.unwrap();
    });
    assert_eq!(balance(&app).await, json!({ "balance": 0, "shortfall": 0 }));
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_takes_and_one_that_was_won_gives_back() {
    let (app, story) = bought().await;
    spend(&app, 70).await;
    let tell = async |kind: &str, status: &str| {
        app.expect(&story.event(&format!("charge.dispute.{kind}"), 9, dispute("dp_1", "cs_1", status)), "completed").await
    };
    tell("created", "warning_needs_response").await;
    assert_eq!(balance(&app).await, json!({ "balance": 30, "shortfall": 0 }));
    tell("created", "needs_response").await;
    tell("funds_withdrawn", "needs_response").await;
    assert_eq!(balance(&app).await, json!({ "balance": 0, "shortfall": 70 }));
    assert_eq!(app.db_value("SELECT status FROM payments").await, json!("disputed"));
    tell("closed", "won").await;
    tell("funds_reinstated", "won").await;
    tell("funds_withdrawn", "needs_response").await;
    assert_eq!(balance(&app).await, json!({ "balance": 30, "shortfall": 0 }));
    assert_eq!(app.db_value("SELECT status FROM payments").await, json!("succeeded"));
    let entries = app.db_rows("SELECT delta, kind FROM credit_entries ORDER BY kind").await;
    let entry = |delta: i32, kind: &str| json!({ "delta": delta, "kind": kind });
    assert_eq!(entries, json!([entry(-30, "clawback"), entry(100, "purchase"), entry(30, "refund")]));
    app.run_jobs().await;
    let mails = app.db_rows("SELECT about FROM billing_mails ORDER BY about").await;
    assert_eq!(mails, json!([{ "about": "dispute:dp_1" }, { "about": "inquiry:dp_1" }]));
}

/// Each payment gives back what it took itself, whatever others are short of.
#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_that_was_won_gives_back_although_another_payment_is_short() {
    let (app, story) = bought().await;
    spend(&app, 100).await;
    app.expect(&story.event("refund.created", 9, refund("re_1", "cs_1", 1000, "succeeded")), "completed").await;
    assert_eq!(balance(&app).await, json!({ "balance": 0, "shortfall": 100 }));
    checkout(&app, account(&app).await, "cs_2").await;
    app.expect(&story.event("checkout.session.completed", 10, session(&story, "cs_2", "paid")), "completed").await;
    assert_eq!(balance(&app).await, json!({ "balance": 100, "shortfall": 100 }));
    for (kind, status, left) in [("created", "needs_response", 0), ("closed", "won", 100)] {
        let told = story.event(&format!("charge.dispute.{kind}"), 11, dispute("dp_2", "cs_2", status));
        app.expect(&told, "completed").await;
        assert_eq!(balance(&app).await, json!({ "balance": left, "shortfall": 100 }), "{status}");
    }
    app.expect(&story.event("refund.failed", 20, refund("re_1", "cs_1", 1000, "failed")), "completed").await;
    assert_eq!(balance(&app).await, json!({ "balance": 100, "shortfall": 0 }), "it took nothing");
    app.run_jobs().await;
}

/// What is left is as if those that failed had never been.
#[tokio::test(flavor = "multi_thread")]
async fn refunds_that_fail_one_by_one_give_back_what_they_took_together() {
    let parts = [30, 30, 40];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let (app, story) = bought().await;
        spend(&app, 60).await;
        let told = |number: usize, status: &str| refund(&format!("re_{number}"), "cs_1", parts[number] * 10, status);
        for number in 0..3 {
            app.expect(&story.event("refund.created", 9, told(number, "succeeded")), "completed").await;
        }
        assert_eq!(balance(&app).await, json!({ "balance": 0, "shortfall": 60 }));
        let mut claimed: i64 = 100;
        for number in order {
            app.expect(&story.event("refund.failed", 20, told(number, "failed")), "completed").await;
            claimed -= parts[number];
            let left = json!({ "balance": 40 - claimed.min(40), "shortfall": (claimed - 40).max(0) });
            assert_eq!(balance(&app).await, left, "{order:?} at {number}");
        }
        app.run_jobs().await;
    }
}

/// Nobody knows what claims of an earlier release took: as then, what is short is forgiven first.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_claimed_before_it_was_known_what_was_taken_comes_back_too() {
    let (app, story) = bought().await;
    spend(&app, 70).await;
    app.expect(&story.event("charge.dispute.created", 9, dispute("dp_1", "cs_1", "needs_response")), "completed").await;
    app.db_execute("UPDATE payments SET credits_taken = DEFAULT").await;
    app.expect(&story.event("charge.dispute.closed", 10, dispute("dp_1", "cs_1", "won")), "completed").await;
    assert_eq!(balance(&app).await, json!({ "balance": 30, "shortfall": 0 }));
    app.run_jobs().await;
}

/// Whoever has spent often has many entries, and few are corrections.
#[tokio::test(flavor = "multi_thread")]
async fn the_corrections_of_an_account_are_found_by_an_index() {
    let (app, _story) = bought().await;
    let entries = "INSERT INTO credit_entries SELECT gen_random_uuid(), account_id, -1, 0, 'spend', 'spent ' || number, 'used', now() \
         FROM credit_balances, generate_series(1, 2000) AS number; ANALYZE credit_entries";
    app.db_execute(entries).await;
    let account = Uuid::from(account(&app).await);
    let query = format!("EXPLAIN SELECT count(*) FROM credit_entries WHERE account_id = '{account}' AND kind IN ('clawback', 'refund')");
    let plan = app.database_text(&query).await.join("\n");
    assert!(plan.contains("credit_entries_corrections_idx"), "{plan}");
    app.run_jobs().await;
}

#[test]
fn the_fee_and_the_rest_are_always_the_whole() {
    use fixpath::billing::purchase::shares;
    for (amount, fee) in [(0, 0), (1, 0), (3, 0), (10, 2), (30, 4), (50, 8), (99, 15), (100, 15), (1000, 150)] {
        let (platform, creator) = shares(amount, 150);
        assert_eq!(platform + creator, amount);
        assert_eq!(platform, fee, "{amount}");
    }
    assert_eq!(shares(100, 0), (0, 100));
    assert_eq!(shares(100, 1000), (100, 0));
}

/// What was given back before the bank had to decide is as gone as what was lost, and what was blocked was never touched.
#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_that_was_prevented_takes_for_good_unless_it_was_blocked() {
    for (case_type, status, left) in [("resolution", "lost", 0), ("block", "won", 100)] {
        let (app, story) = bought().await;
        for kind in ["created", "closed"] {
            let mut told = dispute("dp_1", "cs_1", "prevented");
            told["payment_method_details"] = json!({ "card": { "case_type": case_type } });
            app.expect(&story.event(&format!("charge.dispute.{kind}"), 9, told), "completed").await;
        }
        assert_eq!(balance(&app).await, json!({ "balance": left, "shortfall": 0 }));
        assert_eq!(app.db_value("SELECT status FROM disputes").await, json!(status));
        assert_eq!(app.db_rows("SELECT about FROM billing_mails").await, json!([]), "there is nothing to answer");
        app.run_jobs().await;
    }
}
