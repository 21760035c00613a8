//! A subscription whose first payment, a bank debit, is refused: it is paid after all, or given up and bought anew.

use chrono::TimeDelta;
use fixpath::stripe::sandbox::actions::Action;
use fixpath::stripe::sandbox::faults::Fault;
use serde_json::{Value, json};

use crate::support::shop::Shop;

/// The plan that counts, and where the subscription stands.
async fn had(shop: &Shop) -> (Value, Value) {
    let query = "{ viewer { account { entitlements { plan { key } } subscription { status } } } }";
    let account = shop.owner.ok(query, json!({})).await.data("viewer.account");
    (account["entitlements"]["plan"]["key"].clone(), account["subscription"]["status"].clone())
}

fn has(plan: &str, status: &str) -> (Value, Value) {
    (json!(plan), json!(status))
}

/// The owner has paid by bank, and everything so far is told; the session's id and the subscription's.
async fn by_bank(shop: &Shop) -> (String, String) {
    let session = shop.start(json!({})).await;
    assert_eq!(shop.pay(&session, "delayed"), "processing");
    shop.settle().await;
    let subscription = shop.sandbox.object(&session)["subscription"].as_str().unwrap().to_owned();
    (session, subscription)
}

fn invoice(shop: &Shop, subscription: &str) -> String {
    shop.sandbox.object(subscription)["latest_invoice"].as_str().unwrap().to_owned()
}

fn bank_answers(shop: &Shop, subscription: &str, success: bool) {
    let invoice = invoice(shop, subscription);
    let payment_intent = shop.sandbox.world(|world| world.object(&invoice)["_payment_intent"].as_str().unwrap().to_owned());
    shop.sandbox.act(Action::Settle { payment_intent, success }).unwrap();
}

async fn checkouts(shop: &Shop) -> Value {
    shop.app.db_rows("SELECT status FROM checkouts ORDER BY id").await
}

fn mails(shop: &Shop) -> Vec<String> {
    shop.app.mails().into_iter().filter(|mail| mail.mail == "billing").map(|mail| mail.subject).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn access_begins_when_the_money_has_come_and_not_before() {
    let mut shop = Shop::open().await;
    let (session, subscription) = by_bank(&shop).await;
    assert_eq!(shop.sandbox.object(&session)["payment_status"], "unpaid");
    assert_eq!(had(&shop).await, has("free", "INCOMPLETE"));
    assert_eq!(checkouts(&shop).await, json!([{ "status": "completed" }]));
    let none: [&str; 0] = [];
    assert_eq!(shop.sync(&session).await.refusals("syncCheckout"), none);
    assert_eq!(had(&shop).await, has("free", "INCOMPLETE"), "the page that the browser returns to grants nothing");
    let again = shop.start_as(&shop.owner, json!({ "planKey": "starter" })).await;
    assert_eq!(again.refusals("startCheckout"), ["CHECKOUT_OPEN"], "nobody pays twice while the first payment is on its way");
    assert_eq!(mails(&shop), none);

    shop.pass(TimeDelta::days(3)).await;
    shop.settle().await;
    assert_eq!(had(&shop).await, has("free", "INCOMPLETE"), "Stripe waits for the bank");
    bank_answers(&shop, &subscription, true);
    shop.settle().await;
    assert_eq!(had(&shop).await, has("pro", "ACTIVE"));
    assert_eq!(shop.app.db_rows("SELECT status, amount FROM payments").await, json!([{ "status": "succeeded", "amount": 2900 }]));
    assert_eq!(mails(&shop), ["Your subscription has begun"]);
    assert_eq!(shop.start_as(&shop.owner, json!({})).await.refusals("startCheckout"), ["ALREADY_SUBSCRIBED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_refused_goes_to_a_new_page_at_once_and_pays_there_alone() {
    let shop = Shop::open().await;
    let (session, first) = by_bank(&shop).await;
    bank_answers(&shop, &first, false);
    shop.settle().await;
    assert_eq!(had(&shop).await, has("free", "INCOMPLETE"));
    assert_eq!(shop.subscription().await["needsAttention"], "The last payment failed: check your card.");
    assert_eq!(checkouts(&shop).await, json!([{ "status": "failed" }]));
    let mail = shop.app.mails().pop().unwrap();
    assert!(mail.subject == "A payment failed" && mail.text.contains("/i/in_"), "{}", mail.text);
    assert_eq!(shop.sandbox.object(&invoice(&shop, &first))["status"], "open", "it can be paid by the link in the mail");
    shop.sync(&session).await;
    assert_eq!(checkouts(&shop).await, json!([{ "status": "failed" }]), "what has failed does not wait again");

    let second = shop.start(json!({ "planKey": "starter" })).await;
    assert_ne!(second, session);
    assert_eq!(shop.sandbox.object(&first)["status"], "incomplete_expired");
    let old = invoice(&shop, &first);
    assert_eq!(shop.sandbox.object(&old)["status"], "void", "nobody can pay for both");
    assert!(shop.sandbox.act(Action::PayInvoice { invoice: old, card: "works".into() }).is_err());
    shop.settle().await;
    assert_eq!(shop.pay(&second, "works"), "paid");
    shop.settle().await;
    assert_eq!(had(&shop).await, has("starter", "ACTIVE"));
    let payments = shop.app.db_rows("SELECT status, amount FROM payments ORDER BY amount").await;
    assert_eq!(payments, json!([{ "status": "succeeded", "amount": 1200 }, { "status": "void", "amount": 2900 }]));
    assert_eq!(mails(&shop), ["A payment failed", "Your subscription has begun"], "nothing has ended that had begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_refused_can_also_pay_the_invoice_and_then_has_the_plan() {
    let shop = Shop::open().await;
    let (_, subscription) = by_bank(&shop).await;
    bank_answers(&shop, &subscription, false);
    shop.settle().await;
    shop.sandbox.act(Action::PayInvoice { invoice: invoice(&shop, &subscription), card: "works".into() }).unwrap();
    // Nobody has told us yet: whoever asks for a page hears it from Stripe, and loses nothing.
    let again = shop.start_as(&shop.owner, json!({ "planKey": "starter" })).await;
    assert_eq!(again.refusals("startCheckout"), ["ALREADY_SUBSCRIBED"]);
    assert_eq!(had(&shop).await, has("pro", "ACTIVE"));
    shop.settle().await;
    assert_eq!(had(&shop).await, has("pro", "ACTIVE"));
    assert_eq!(shop.app.db_rows("SELECT status FROM payments").await, json!([{ "status": "succeeded" }]));
    assert_eq!(shop.count("checkout.session"), 1);
}

/// Somebody pays the old invoice in the moment in which it is given up.
#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_that_was_paid_a_moment_ago_is_not_given_up() {
    let shop = Shop::open().await;
    let (_, subscription) = by_bank(&shop).await;
    bank_answers(&shop, &subscription, false);
    shop.settle().await;
    // Half a second passes between the reading and the voiding.
    shop.sandbox.plan_fault(Fault::Slow, "/v1/invoices", 1);
    let requests = shop.sandbox.requests("GET", "/v1/subscriptions");
    let (answer, ()) = tokio::join!(shop.start_as(&shop.owner, json!({})), async {
        while shop.sandbox.requests("GET", "/v1/subscriptions") == requests {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        shop.sandbox.act(Action::PayInvoice { invoice: invoice(&shop, &subscription), card: "works".into() }).unwrap();
    });
    assert_eq!(answer.refusals("startCheckout"), ["ALREADY_SUBSCRIBED"]);
    shop.settle().await;
    assert_eq!(had(&shop).await, has("pro", "ACTIVE"));
    assert_eq!(shop.sandbox.object(&subscription)["status"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_lost_while_the_old_one_is_given_up_leave_one_page() {
    let shop = Shop::open().await;
    let (_, first) = by_bank(&shop).await;
    bank_answers(&shop, &first, false);
    shop.settle().await;
    shop.sandbox.plan_fault(Fault::ResetAfter, "/v1/invoices", 3);
    assert_eq!(shop.start_as(&shop.owner, json!({})).await.refusals("startCheckout"), ["STRIPE_UNAVAILABLE"]);
    shop.sandbox.plan_fault(Fault::ServerErrorAfter, &format!("/v1/subscriptions/{first}"), 1);
    let second = shop.start(json!({})).await;
    assert_eq!(shop.start(json!({})).await, second);
    assert_eq!(shop.sandbox.object(&first)["status"], "incomplete_expired");
    assert_eq!(shop.pay(&second, "works"), "paid");
    shop.settle().await;
    assert_eq!(had(&shop).await, has("pro", "ACTIVE"));
    assert_eq!(shop.app.db_value("SELECT sum(amount) FROM payments WHERE status = 'succeeded'").await, 2900);
}

/// Rule 5: a trial of ours stays beside what is not paid yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_trial_that_runs_gives_access_while_the_bank_is_asked_and_after_it_has_refused() {
    let mut shop = Shop::open().await;
    let owner = shop.app.sign_up("new").await;
    shop.app.db_verify("new").await;
    shop.owner = owner;
    assert_eq!(had(&shop).await, has("pro", "TRIALING"));
    let session = shop.start(json!({ "planKey": "starter" })).await;
    shop.pay(&session, "delayed");
    shop.settle().await;
    assert_eq!(had(&shop).await, has("pro", "TRIALING"));
    let subscription = shop.sandbox.object(&session)["subscription"].as_str().unwrap().to_owned();
    bank_answers(&shop, &subscription, false);
    shop.settle().await;
    assert_eq!(had(&shop).await, has("pro", "TRIALING"));
    let second = shop.start(json!({ "planKey": "starter" })).await;
    shop.settle().await;
    assert_eq!(had(&shop).await, has("pro", "TRIALING"), "what came to nothing takes nothing with it");
    shop.pay(&second, "works");
    shop.settle().await;
    assert_eq!(had(&shop).await, has("starter", "ACTIVE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_nothing_after_a_refusal_begins_anew_the_next_day() {
    let mut shop = Shop::open().await;
    let (_, first) = by_bank(&shop).await;
    bank_answers(&shop, &first, false);
    shop.pass(TimeDelta::hours(24)).await;
    shop.settle().await;
    assert_eq!(shop.sandbox.object(&first)["status"], "incomplete_expired");
    assert_eq!(had(&shop).await, has("free", "INCOMPLETE_EXPIRED"));
    let writes = shop.sandbox.requests("POST", "/v1/invoices");
    let second = shop.start(json!({})).await;
    assert_eq!(shop.sandbox.requests("POST", "/v1/invoices"), writes, "there is nothing left to give up");
    shop.pay(&second, "works");
    shop.settle().await;
    assert_eq!(had(&shop).await, has("pro", "ACTIVE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_repeats_the_key_of_the_refused_page_loses_nothing() {
    let shop = Shop::open().await;
    let session = shop.start(json!({ "idempotencyKey": "k" })).await;
    shop.pay(&session, "delayed");
    shop.settle().await;
    let subscription = shop.sandbox.object(&session)["subscription"].as_str().unwrap().to_owned();
    bank_answers(&shop, &subscription, false);
    shop.settle().await;
    assert_eq!(shop.start(json!({ "idempotencyKey": "k" })).await, session, "the page of that key");
    let other = shop.start_as(&shop.owner, json!({ "idempotencyKey": "k", "planKey": "starter" })).await;
    assert_eq!(other.refusals("startCheckout"), ["INVALID"]);
    assert_eq!(shop.sandbox.object(&subscription)["status"], "incomplete");
    assert_eq!(shop.sandbox.object(&invoice(&shop, &subscription))["status"], "open", "it can still be paid");
    let second = shop.start(json!({ "idempotencyKey": "another" })).await;
    assert_ne!(second, session);
    assert_eq!(shop.sandbox.object(&subscription)["status"], "incomplete_expired");
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_about_to_go_keeps_the_invoice_that_it_can_pay() {
    let shop = Shop::open().await;
    let session = shop.start(json!({})).await;
    shop.pay(&session, "delayed");
    let delete = "mutation { deleteAccount(input: { confirmName: \"owner's account\" }) { userErrors { code } } }";
    let none: [&str; 0] = [];
    assert_eq!(shop.owner.ok(delete, json!({})).await.refusals("deleteAccount"), none, "nobody has told us of the subscription yet");
    shop.settle().await;
    let subscription = shop.sandbox.object(&session)["subscription"].as_str().unwrap().to_owned();
    bank_answers(&shop, &subscription, false);
    shop.settle().await;
    assert_eq!(shop.start_as(&shop.owner, json!({})).await.refusals("startCheckout"), ["WRONG_STATE"]);
    assert_eq!(shop.sandbox.object(&subscription)["status"], "incomplete");
    assert_eq!(shop.sandbox.object(&invoice(&shop, &subscription))["status"], "open");
    shop.app.leave_jobs();
}

/// Stripe's test data was deleted, for instance.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_subscription_that_stripe_has_forgotten_stands_in_nobody_s_way() {
    let shop = Shop::open().await;
    let (_, subscription) = by_bank(&shop).await;
    bank_answers(&shop, &subscription, false);
    shop.settle().await;
    shop.app.db_execute("DELETE FROM subscriptions; UPDATE checkouts SET provider_subscription_id = 'sub_forgotten'").await;
    shop.start(json!({})).await;
    assert_eq!(checkouts(&shop).await, json!([{ "status": "expired" }, { "status": "open" }]));
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_debit_of_the_old_invoice_is_waited_for_whether_we_were_told_or_not() {
    for told in [true, false] {
        let shop = Shop::open().await;
        let (session, subscription) = by_bank(&shop).await;
        bank_answers(&shop, &subscription, false);
        shop.settle().await;
        let old = invoice(&shop, &subscription);
        shop.sandbox.act(Action::PayInvoice { invoice: old.clone(), card: "delayed".into() }).unwrap();
        if told {
            shop.settle().await;
        }
        let again = shop.start_as(&shop.owner, json!({ "planKey": "starter" })).await;
        assert_eq!(again.refusals("startCheckout"), ["CHECKOUT_OPEN"]);
        let message = "A checkout was completed, and its payment is on the way: wait for it.";
        assert_eq!(again.data("startCheckout.userErrors.0.message"), message);
        assert_eq!(shop.sandbox.object(&old)["status"], "open");
        bank_answers(&shop, &subscription, false);
        shop.settle().await;
        assert_ne!(shop.start(json!({ "planKey": "starter" })).await, session, "refused once more, it is given up");
        assert_eq!(shop.sandbox.object(&old)["status"], "void");
        shop.settle().await;
    }
}
