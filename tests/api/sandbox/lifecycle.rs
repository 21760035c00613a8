//! A subscription's life, through every status.

use fixpath::stripe::sandbox::Options;
use fixpath::stripe::sandbox::actions::Action;
use fixpath::stripe::sandbox::state::Dunning;
use serde_json::json;

use super::shop::{DAY, Shop, number, text};

#[tokio::test]
async fn a_paid_checkout_makes_an_active_subscription_and_tells_it_all() {
    let shop = Shop::open().await;
    let session = shop.checkout(&shop.pro, &[]).await;
    assert_eq!((text(&session, "/status"), text(&session, "/payment_status")), ("open".into(), "unpaid".into()));
    assert_eq!(number(&session, "/amount_total"), 8700);
    shop.pay(&session, "works");

    let session = shop.get(&format!("checkout/sessions/{}", text(&session, "/id"))).await.body;
    assert_eq!((text(&session, "/status"), text(&session, "/payment_status")), ("complete".into(), "paid".into()));
    let subscription = shop.get(&format!("subscriptions/{}?expand[]=latest_invoice", text(&session, "/subscription"))).await.body;
    assert_eq!(text(&subscription, "/status"), "active");
    assert_eq!(subscription["metadata"], json!({ "account": "42" }));
    assert_eq!(number(&subscription, "/items/data/0/quantity"), 3);
    assert_eq!(number(&subscription, "/items/data/0/current_period_end") - number(&subscription, "/created"), 31 * DAY);
    assert_eq!(text(&subscription, "/latest_invoice/status"), "paid");
    assert_eq!(number(&subscription, "/latest_invoice/amount_paid"), 8700);
    let events = shop.events();
    for kind in [
        "customer.subscription.created",
        "customer.subscription.updated",
        "invoice.created",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_succeeded",
        "invoice_payment.paid",
        "charge.succeeded",
        "payment_intent.succeeded",
    ] {
        assert_eq!(events.iter().filter(|event| *event == kind).count(), 1, "{kind} in {events:?}");
    }
    assert_eq!(events.last().unwrap(), "checkout.session.completed");
}

#[tokio::test]
async fn it_renews_fails_behind_and_comes_back() {
    let shop = Shop::open().await;
    let id = shop.subscribe("works", &[]).await;
    shop.sandbox.act(Action::NextPeriod { subscription: id.clone() }).unwrap();
    assert_eq!(shop.status(&id), "active");
    shop.events();

    shop.sandbox.act(Action::CardsBehave { customer: shop.customer.clone(), card: "declined".into() }).unwrap();
    shop.sandbox.act(Action::NextPeriod { subscription: id.clone() }).unwrap();
    assert_eq!(shop.status(&id), "past_due");
    let events = shop.events();
    assert!(events.iter().any(|kind| kind == "invoice.payment_failed"), "{events:?}");

    let invoice = text(&shop.sandbox.object(&id), "/latest_invoice");
    shop.sandbox.act(Action::PayInvoice { invoice, card: "works".into() }).unwrap();
    assert_eq!(shop.status(&id), "active");
}

#[tokio::test]
async fn dunning_ends_unpaid_or_canceled() {
    for (dunning, status) in [(Dunning::Unpaid, "unpaid"), (Dunning::Cancel, "canceled"), (Dunning::PastDue, "past_due")] {
        let shop = Shop::open_with(Options { dunning, ..Options::default() }).await;
        let id = shop.subscribe("works", &[]).await;
        shop.sandbox.act(Action::CardsBehave { customer: shop.customer.clone(), card: "declined".into() }).unwrap();
        shop.sandbox.act(Action::NextPeriod { subscription: id.clone() }).unwrap();
        assert_eq!(shop.status(&id), "past_due");
        shop.sandbox.advance(16 * DAY);
        assert_eq!(shop.status(&id), status);
    }
}

#[tokio::test]
async fn a_first_payment_that_never_comes_expires() {
    let shop = Shop::open().await;
    let reply = shop
        .post("subscriptions", &[("customer", &shop.customer), ("items[0][price]", &shop.pro), ("payment_behavior", "default_incomplete")])
        .await;
    let id = text(&reply.body, "/id");
    assert_eq!(shop.status(&id), "incomplete");
    shop.sandbox.advance(24 * 3600);
    assert_eq!(shop.status(&id), "incomplete_expired");
    assert_eq!(text(&shop.sandbox.object(&text(&reply.body, "/latest_invoice")), "/status"), "void");
}

#[tokio::test]
async fn what_was_never_paid_expires_at_once_when_it_is_cancelled() {
    let shop = Shop::open().await;
    let session = shop.checkout(&shop.pro, &[]).await;
    let id = text(&shop.pay(&session, "delayed"), "/session/subscription");
    shop.events();
    shop.sandbox.act(Action::Cancel { subscription: id.clone() }).unwrap();
    let over = shop.sandbox.object(&id);
    assert_eq!((&over["status"], &over["canceled_at"]), (&json!("incomplete_expired"), &over["ended_at"]));
    let told = shop.events();
    assert_eq!(told[0], "customer.subscription.updated");
    assert!(!told.contains(&"customer.subscription.deleted".to_owned()), "{told:?}");
}

#[tokio::test]
async fn a_trial_warns_three_days_before_it_ends_and_then_charges() {
    let shop = Shop::open().await;
    let id = shop.subscribe("works", &[("subscription_data[trial_period_days]", "14")]).await;
    assert_eq!(shop.status(&id), "trialing");
    shop.events();
    shop.sandbox.advance(11 * DAY - 1);
    assert_eq!(shop.events(), Vec::<String>::new());
    shop.sandbox.advance(1);
    assert_eq!(shop.events(), ["customer.subscription.trial_will_end"]);
    shop.sandbox.advance(3 * DAY + 3600);
    assert_eq!(shop.status(&id), "active");
    assert_eq!(number(&shop.sandbox.object(&text(&shop.sandbox.object(&id), "/latest_invoice")), "/amount_paid"), 8700);
}

/// Three seats of Pro whose trial has ended without a card.
async fn paused(shop: &Shop) -> String {
    let trial = [
        ("subscription_data[trial_period_days]", "14"),
        ("payment_method_collection", "if_required"),
        ("subscription_data[trial_settings][end_behavior][missing_payment_method]", "pause"),
    ];
    let id = shop.subscribe("", &trial).await;
    shop.sandbox.advance(15 * DAY);
    assert_eq!(shop.status(&id), "paused");
    assert!(shop.events().contains(&"customer.subscription.paused".to_owned()));
    id
}

#[tokio::test]
async fn a_trial_without_a_card_pauses_and_goes_on_when_it_is_resumed_and_paid() {
    let shop = Shop::open().await;
    let id = paused(&shop).await;
    let (resume, paid) = (format!("subscriptions/{id}/resume"), [("payment_behavior", "resume_on_payment_success")]);
    let refused = shop.post(&resume, &paid).await;
    assert_eq!((refused.status, text(&refused.body, "/error/code")), (400, "resource_missing".into()), "there is no card");
    shop.sandbox.act(Action::NewCard { customer: shop.customer.clone(), card: "declined_later".into() }).unwrap();
    assert_eq!(text(&shop.post(&resume, &paid).await.body, "/status"), "paused");
    let first = text(&shop.sandbox.object(&id), "/latest_invoice");
    shop.sandbox.act(Action::NewCard { customer: shop.customer.clone(), card: "works".into() }).unwrap();
    shop.events();
    let resumed = shop.post(&resume, &paid).await.body;
    assert_eq!(text(&resumed, "/status"), "active");
    assert_eq!(number(&resumed, "/items/data/0/current_period_start"), shop.sandbox.now());
    assert_eq!(text(&shop.sandbox.object(&first), "/status"), "void", "the second try replaces the first");
    assert_eq!(shop.events().last().unwrap(), "customer.subscription.resumed");
    assert_eq!(shop.post(&resume, &paid).await.status, 400, "once");
}

/// What the bank was asked for can still come: nothing that replaces it calls it back.
#[tokio::test]
async fn resumed_again_it_leaves_alone_what_is_being_paid() {
    let shop = Shop::open().await;
    let id = paused(&shop).await;
    let (resume, paid) = (format!("subscriptions/{id}/resume"), [("payment_behavior", "resume_on_payment_success")]);
    shop.sandbox.act(Action::NewCard { customer: shop.customer.clone(), card: "delayed".into() }).unwrap();
    let first = text(&shop.post(&resume, &paid).await.body, "/latest_invoice");
    assert_ne!(text(&shop.post(&resume, &paid).await.body, "/latest_invoice"), first);
    assert_eq!(text(&shop.sandbox.object(&first), "/status"), "open");
    let processing = shop.sandbox.world(|world| world.all("payment_intent").filter(|intent| intent["status"] == "processing").count());
    assert_eq!(processing, 2, "both are paid");
}

/// Stripe's default: the invoice waits for somebody who pays it.
#[tokio::test]
async fn resumed_without_being_charged_it_waits_and_is_past_due_when_the_payment_fails() {
    for (card, status) in [("works", "active"), ("declined_later", "past_due")] {
        let shop = Shop::open().await;
        let id = paused(&shop).await;
        shop.sandbox.act(Action::NewCard { customer: shop.customer.clone(), card: card.into() }).unwrap();
        let resumed = shop.post(&format!("subscriptions/{id}/resume"), &[("billing_cycle_anchor", "now")]).await.body;
        assert_eq!(text(&resumed, "/status"), "paused");
        let invoice = text(&resumed, "/latest_invoice");
        assert_eq!(text(&shop.sandbox.object(&invoice), "/status"), "open");
        shop.post(&format!("invoices/{invoice}/pay"), &[]).await;
        assert_eq!(shop.status(&id), status);
    }
}

#[tokio::test]
async fn one_that_has_not_begun_cannot_be_changed_and_expires_when_it_is_cancelled() {
    let shop = Shop::open().await;
    let id = shop.subscribe("delayed", &[]).await;
    let item = text(&shop.sandbox.object(&id), "/items/data/0/id");
    let more = shop.post(&format!("subscriptions/{id}"), &[("items[0][id]", &item), ("items[0][quantity]", "4")]).await;
    assert_eq!(more.status, 400);
    let invoice = text(&shop.sandbox.object(&id), "/latest_invoice");
    assert!(shop.sandbox.act(Action::PayInvoice { invoice: invoice.clone(), card: "works".into() }).is_err(), "a payment is on its way");
    assert_eq!(shop.post(&format!("invoices/{invoice}/void"), &[]).await.status, 400, "nor can what it pays be voided");
    assert_eq!(text(&shop.delete(&format!("subscriptions/{id}")).await.body, "/status"), "incomplete_expired");
    // The bank was asked, and takes the money all the same.
    let answers = |invoice: &str, success: bool| {
        let payment_intent = shop.sandbox.world(|world| text(world.object(invoice), "/_payment_intent"));
        shop.sandbox.act(Action::Settle { payment_intent, success }).unwrap();
    };
    answers(&invoice, true);
    assert_eq!((text(&shop.sandbox.object(&invoice), "/status"), shop.status(&id)), ("paid".into(), "incomplete_expired".into()));

    let other = shop.subscribe("delayed", &[]).await;
    let invoice = text(&shop.sandbox.object(&other), "/latest_invoice");
    answers(&invoice, false);
    shop.delete(&format!("subscriptions/{other}")).await;
    assert_eq!(text(&shop.sandbox.object(&invoice), "/status"), "void");
}

#[tokio::test]
async fn what_is_archived_begins_nothing_new() {
    let shop = Shop::open().await;
    let price = shop.sandbox.object(&shop.pro);
    let form = [("mode", "subscription"), ("line_items[0][price]", shop.pro.as_str()), ("success_url", "http://localhost:3000/done")];
    for path in [format!("products/{}", text(&price, "/product")), format!("prices/{}", shop.pro)] {
        shop.post(&path, &[("active", "false")]).await;
        let refused = shop.post("checkout/sessions", &form).await;
        assert_eq!((refused.status, &refused.body["error"]["param"]), (400, &json!("line_items[0][price]")), "{path}");
        shop.post(&path, &[("active", "true")]).await;
        assert_eq!(shop.post("checkout/sessions", &form).await.status, 200);
    }
}

#[tokio::test]
async fn it_ends_with_its_period_or_at_once_and_stays_dead() {
    let shop = Shop::open().await;
    let id = shop.subscribe("works", &[]).await;
    let scheduled = shop.post(&format!("subscriptions/{id}"), &[("cancel_at_period_end", "true")]).await.body;
    assert_eq!(scheduled["cancel_at"], scheduled["items"]["data"][0]["current_period_end"]);
    let undone = shop.post(&format!("subscriptions/{id}"), &[("cancel_at_period_end", "false")]).await.body;
    assert_eq!((&undone["cancel_at"], &undone["canceled_at"]), (&json!(null), &json!(null)));
    shop.post(&format!("subscriptions/{id}"), &[("cancel_at_period_end", "true")]).await;
    shop.events();
    shop.sandbox.advance(31 * DAY);
    assert_eq!(shop.events(), ["customer.subscription.deleted"]);
    assert_eq!(shop.status(&id), "canceled");

    let other = shop.subscribe("works", &[]).await;
    assert_eq!(text(&shop.delete(&format!("subscriptions/{other}")).await.body, "/status"), "canceled");
    assert_eq!(shop.delete(&format!("subscriptions/{other}")).await.status, 404);
    assert_eq!(shop.post(&format!("subscriptions/{other}"), &[("cancel_at_period_end", "true")]).await.status, 400);
}

#[tokio::test]
async fn a_declined_card_leaves_the_page_open_and_confirmation_completes_it() {
    let shop = Shop::open().await;
    let session = shop.checkout(&shop.pro, &[]).await;
    assert_eq!(shop.pay(&session, "declined")["outcome"], "declined");
    assert_eq!(shop.pay(&session, "confirm_once")["outcome"], "needs_confirmation");
    let id = text(&session, "/id");
    let no = shop.sandbox.act(Action::ConfirmSession { session: id.clone(), success: false }).unwrap();
    assert_eq!(no["outcome"], "declined");
    shop.pay(&session, "confirm_once");
    let yes = shop.sandbox.act(Action::ConfirmSession { session: id, success: true }).unwrap();
    assert_eq!(yes["outcome"], "paid");
    assert_eq!(shop.status(&text(&yes, "/session/subscription")), "active");
}

#[tokio::test]
async fn a_delayed_payment_completes_unpaid_and_arrives_later() {
    for (success, event, status) in
        [(true, "checkout.session.async_payment_succeeded", "active"), (false, "checkout.session.async_payment_failed", "incomplete")]
    {
        let shop = Shop::open().await;
        let session = shop.checkout(&shop.pro, &[]).await;
        let told = shop.pay(&session, "delayed");
        assert_eq!(text(&told, "/session/payment_status"), "unpaid");
        let id = text(&told, "/session/subscription");
        assert_eq!(shop.status(&id), "incomplete");
        shop.sandbox.advance(2 * DAY);
        assert_eq!(shop.status(&id), "incomplete", "the bank may take its time");
        let intents = shop.get(&format!("payment_intents?customer={}", shop.customer)).await.body;
        shop.sandbox.act(Action::Settle { payment_intent: text(&intents, "/data/0/id"), success }).unwrap();
        assert_eq!(shop.events().last().unwrap(), event);
        assert_eq!(shop.status(&id), status);
    }
}

#[tokio::test]
async fn deleting_a_customer_leaves_a_tombstone_and_ends_everything() {
    let shop = Shop::open().await;
    let id = shop.subscribe("works", &[]).await;
    shop.events();
    shop.delete(&format!("customers/{}", shop.customer)).await;
    assert_eq!(shop.events(), ["customer.subscription.deleted", "customer.deleted"]);
    assert_eq!(shop.status(&id), "canceled");
    let gone = shop.get(&format!("customers/{}", shop.customer)).await;
    assert_eq!(gone.body, json!({ "id": shop.customer, "object": "customer", "deleted": true }));
}

#[tokio::test]
async fn paused_collection_is_not_a_status() {
    let shop = Shop::open().await;
    let id = shop.subscribe("works", &[]).await;
    let paused = shop.post(&format!("subscriptions/{id}"), &[("pause_collection[behavior]", "void")]).await.body;
    assert_eq!((text(&paused, "/status"), text(&paused, "/pause_collection/behavior")), ("active".into(), "void".into()));
    shop.sandbox.act(Action::NextPeriod { subscription: id.clone() }).unwrap();
    let now = shop.sandbox.object(&id);
    assert_eq!(text(&shop.sandbox.object(&text(&now, "/latest_invoice")), "/status"), "void");
    let going_on = shop.post(&format!("subscriptions/{id}"), &[("pause_collection", "")]).await.body;
    assert_eq!(going_on["pause_collection"], json!(null));
}
