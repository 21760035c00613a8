//! What is paid once has an invoice, too, and whatever tells of it first, it is one payment.

use chrono::TimeDelta;
use fixpath::jobs::Job;
use fixpath::stripe::sandbox::actions::Action;
use fixpath::stripe::sandbox::versions::{NEWEST, Version};
use serde_json::{Value, json};

use super::credits::{balance, buy};
use crate::support::app::ORIGIN;
use crate::support::shop::Shop;

/// All that tells of one payment. (`invoice.payment_succeeded` is `invoice.paid` once more.)
const TOLD: [&str; 4] = ["checkout.session.completed", "invoice.paid", "invoice_payment.paid", "charge.succeeded"];

async fn page(shop: &Shop) -> String {
    buy(shop, "credits-100", 1).await.str("buyCredits.checkout.id")
}

async fn payments(shop: &Shop) -> Value {
    let query =
        "{ viewer { account { payments { nodes { status description amount { amount } refunded { amount } hostedInvoiceUrl } } } } }";
    shop.owner.ok(query, json!({})).await.data("viewer.account.payments.nodes")
}

fn intent(shop: &Shop, session: &str) -> String {
    shop.sandbox.object(session)["payment_intent"].as_str().unwrap().to_owned()
}

fn orders(items: usize) -> Vec<Vec<usize>> {
    let Some(last) = items.checked_sub(1) else { return vec![Vec::new()] };
    let shorter = orders(last).into_iter();
    shorter.flat_map(|order| (0..items).map(move |place| [&order[..place], &[last], &order[place..]].concat())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_have_one_payment_with_its_invoice_and_no_mail_about_a_subscription() {
    let shop = Shop::open().await;
    let session = buy(&shop, "credits-500", 2).await.str("buyCredits.checkout.id");
    shop.pay(&session, "works");
    shop.settle().await;
    let invoice = shop.sandbox.object(&session)["invoice"].as_str().unwrap().to_owned();
    let url = format!("{}/i/{invoice}", shop.sandbox.base_url());
    let paid = json!([{ "status": "SUCCEEDED", "description": "1000 credits", "amount": { "amount": 9000 },
        "refunded": { "amount": 0 }, "hostedInvoiceUrl": url }]);
    assert_eq!(payments(&shop).await, paid);
    let shown = reqwest::get(&url).await.unwrap();
    assert!(shown.status().is_success() && shown.text().await.unwrap().contains("90.00"));
    assert_eq!(shop.app.db_rows("SELECT about FROM billing_mails").await, json!([]));
    assert_eq!(balance(&shop).await, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_of_what_is_told_thrice_leaves_one_payment_and_grants_once() {
    // The last time, as if the session were told before its invoice is made.
    for (version, named) in [("2020-08-27", true), (NEWEST, true), (NEWEST, false)] {
        let shop = Shop::open().await;
        shop.sandbox.set_version(Version::parse(version).unwrap());
        let orders = orders(TOLD.len());
        assert_eq!(orders.len(), 24);
        for order in &orders {
            let session = page(&shop).await;
            assert_eq!(shop.pay(&session, "works"), "paid");
            let waiting = shop.sandbox.take_deliveries();
            for _ in 0..3 {
                for number in order {
                    let signed = waiting.iter().find(|signed| signed.kind == TOLD[*number]).unwrap();
                    let mut event: Value = serde_json::from_str(&signed.body).unwrap();
                    if *number == 0 && !named {
                        event["data"]["object"]["invoice"] = Value::Null;
                    }
                    assert_eq!(shop.app.deliver(&event).await.status, 200, "{version}: {order:?}");
                }
            }
            let rows = shop
                .app
                .db_value("SELECT count(*) FROM payments JOIN checkouts c ON c.id = checkout_id WHERE c.status = 'completed'")
                .await;
            let pages = shop.app.db_value("SELECT count(*) FROM checkouts").await;
            assert_eq!(rows, pages, "{version}: {order:?}");
        }
        let alike = "SELECT purpose, status, amount, description, billing_reason, invoice_status, credits_granted, \
             provider_customer_id IS NOT NULL AND provider_invoice_id IS NOT NULL AND payment_intent_id IS NOT NULL AS named, \
             hosted_invoice_url IS NOT NULL AS shown, paid_at IS NOT NULL AS paid, count(*) AS times FROM payments \
             GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10";
        let all = json!([{ "purpose": "credits", "status": "succeeded", "amount": 1000, "description": "100 credits",
            "billing_reason": "manual", "invoice_status": "paid", "credits_granted": 100, "named": true, "shown": true, "paid": true,
            "times": 24 }]);
        assert_eq!(shop.app.db_rows(alike).await, all, "{version}, {named}");
        assert_eq!(balance(&shop).await, 2400);
        assert_eq!(shop.app.db_value("SELECT count(*) FROM credit_entries").await, 24);
        shop.settle().await;
        assert_eq!(shop.app.db_rows("SELECT about FROM billing_mails").await, json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_at_once_is_one_payment() {
    let shop = Shop::open().await;
    let session = page(&shop).await;
    shop.pay(&session, "works");
    let waiting = shop.sandbox.take_deliveries();
    let thrice = waiting.iter().cycle().take(3 * waiting.len());
    futures_util::future::join_all(thrice.map(|signed| shop.deliver_one(signed))).await;
    shop.settle().await;
    assert_eq!(payments(&shop).await.as_array().unwrap().len(), 1);
    assert_eq!(balance(&shop).await, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_and_a_dispute_find_it_although_everything_is_told_backwards() {
    for refunded in [true, false] {
        let shop = Shop::open().await;
        let session = page(&shop).await;
        shop.pay(&session, "works");
        let charge = shop.sandbox.object(&intent(&shop, &session))["latest_charge"].as_str().unwrap().to_owned();
        let action = if refunded { Action::Refund { charge, amount: None } } else { Action::Dispute { charge, amount: None } };
        shop.sandbox.act(action).unwrap();
        let mut waiting = shop.sandbox.take_deliveries();
        waiting.reverse();
        for signed in &waiting {
            shop.deliver_one(signed).await;
        }
        shop.settle().await;
        let payments = payments(&shop).await;
        assert_eq!(payments.as_array().unwrap().len(), 1, "{payments}");
        assert_eq!(payments[0]["status"], if refunded { "REFUNDED" } else { "DISPUTED" });
        assert!(payments[0]["hostedInvoiceUrl"].is_string(), "{payments}");
        assert_eq!(balance(&shop).await, 0);
        assert_eq!(shop.app.db_value("SELECT count(*) FROM webhook_deliveries WHERE status NOT IN ('completed', 'ignored')").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_payment_has_its_invoice_when_it_has_arrived() {
    for backwards in [false, true] {
        let shop = Shop::open().await;
        let session = page(&shop).await;
        assert_eq!(shop.pay(&session, "delayed"), "processing");
        assert_eq!(shop.sandbox.object(&session)["invoice"], Value::Null, "nothing was paid yet");
        if !backwards {
            shop.settle().await;
            assert_eq!(payments(&shop).await[0]["status"], "PENDING");
        }
        shop.sandbox.act(Action::Settle { payment_intent: intent(&shop, &session), success: true }).unwrap();
        let mut waiting = shop.sandbox.take_deliveries();
        if backwards {
            waiting.reverse();
        }
        for signed in &waiting {
            shop.deliver_one(signed).await;
        }
        shop.settle().await;
        let payments = payments(&shop).await;
        assert_eq!(payments.as_array().unwrap().len(), 1, "{payments}");
        assert_eq!((&payments[0]["status"], payments[0]["hostedInvoiceUrl"].is_string()), (&json!("SUCCEEDED"), true), "{payments}");
        assert_eq!(balance(&shop).await, 100);
        assert_eq!(shop.app.db_value("SELECT status FROM checkouts").await, "completed");
    }
}

/// Every fifth order of the five.
#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_in_other_orders() {
    let shop = Shop::open().await;
    let kinds = [&TOLD[..], &["checkout.session.async_payment_succeeded"]].concat();
    for (number, order) in orders(kinds.len()).iter().step_by(5).enumerate() {
        let session = page(&shop).await;
        shop.pay(&session, "delayed");
        shop.sandbox.act(Action::Settle { payment_intent: intent(&shop, &session), success: true }).unwrap();
        let waiting = shop.sandbox.take_deliveries();
        for kind in order.iter().map(|kind| kinds[*kind]) {
            shop.deliver_one(waiting.iter().find(|signed| signed.kind == kind).unwrap()).await;
        }
        let alike = "SELECT p.status, c.status AS checkout, description, credits_granted, hosted_invoice_url IS NOT NULL AS shown, \
             payment_intent_id IS NOT NULL AS named, count(*) AS times FROM payments p FULL JOIN checkouts c ON c.id = checkout_id \
             GROUP BY 1, 2, 3, 4, 5, 6";
        let all = json!([{ "status": "succeeded", "checkout": "completed", "description": "100 credits", "credits_granted": 100,
            "shown": true, "named": true, "times": number + 1 }]);
        assert_eq!(shop.app.db_rows(alike).await, all, "{:?}", order.iter().map(|kind| kinds[*kind]).collect::<Vec<_>>());
    }
    assert_eq!(balance(&shop).await, 2400);
    shop.settle().await;
    assert_eq!((balance(&shop).await, payments(&shop).await.as_array().unwrap().len()), (json!(2400), 20), "a page of them");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_after_its_account_was_erased_is_one_payment_all_the_same() {
    for backwards in [false, true] {
        let mut shop = Shop::open().await;
        let session = page(&shop).await;
        shop.pay(&session, "delayed");
        shop.settle().await;
        let confirm = json!({ "name": "owner's account" });
        let query = "mutation($name: String!) { deleteAccount(input: { confirmName: $name }) { userErrors { code } } }";
        assert_eq!(shop.owner.ok(query, confirm).await.data("deleteAccount.userErrors"), json!([]));
        shop.pass(TimeDelta::days(8)).await;
        sweep(&shop).await;
        assert_eq!(shop.app.db_value("SELECT name FROM accounts").await, "Deleted account");

        shop.sandbox.act(Action::Settle { payment_intent: intent(&shop, &session), success: true }).unwrap();
        // As if the session were told before its invoice is made: nothing but our own row says that the two are about one payment.
        let mut waiting = shop.sandbox.take_deliveries();
        waiting.retain(|signed| ["invoice.paid", "checkout.session.async_payment_succeeded"].contains(&&*signed.kind));
        if backwards {
            waiting.reverse();
        }
        assert_eq!(waiting.len(), 2);
        for signed in &waiting {
            let mut event: Value = serde_json::from_str(&signed.body).unwrap();
            event["data"]["object"]["invoice"] = Value::Null;
            assert_eq!(shop.app.deliver(&event).await.status, 200);
            sweep(&shop).await;
        }
        let payments = "SELECT status, hosted_invoice_url IS NOT NULL AS shown FROM payments";
        let one = json!([{ "status": "succeeded", "shown": true }]);
        assert_eq!(shop.app.db_rows(payments).await, one);
        let left = "SELECT (SELECT count(*) FROM credit_entries) + (SELECT count(*) FROM credit_balances) AS credited,
             (SELECT count(*) FROM checkouts) AS offered,
             (SELECT count(coalesce(user_id::text, url, success_url, cancel_url, idempotency_key, promotion_code)) FROM checkouts) AS named";
        assert_eq!(shop.app.db_rows(left).await, json!([{ "credited": 0, "offered": 1, "named": 0 }]));
        shop.app.advance(TimeDelta::days(31));
        sweep(&shop).await;
        assert_eq!(shop.app.db_rows(left).await[0]["offered"], 0);
        assert_eq!(shop.app.db_rows(payments).await, one);
    }
}

async fn sweep(shop: &Shop) {
    shop.app.run_job(&Job::EraseAccounts).await;
    shop.app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_payment_that_is_refused_has_none() {
    let shop = Shop::open().await;
    let session = page(&shop).await;
    shop.pay(&session, "delayed");
    shop.sandbox.act(Action::Settle { payment_intent: intent(&shop, &session), success: false }).unwrap();
    shop.settle().await;
    let payments = payments(&shop).await;
    assert_eq!(payments.as_array().unwrap().len(), 1, "{payments}");
    assert_eq!((&payments[0]["status"], &payments[0]["hostedInvoiceUrl"]), (&json!("FAILED"), &Value::Null));
    assert_eq!((shop.count("invoice"), balance(&shop).await), (0, Value::Null));
}

/// Whoever knows the id of another account's checkout cannot have an invoice counted for it.
#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_that_names_another_accounts_checkout_pays_nothing_of_it() {
    let shop = Shop::open().await;
    page(&shop).await;
    let other = shop.app.sign_up("other").await;
    shop.app.db_verify("other").await;
    let query = "mutation($input: BuyCreditsInput!) { buyCredits(input: $input) { checkout { id } userErrors { code } } }";
    let input =
        json!({ "packKey": "credits-100", "quantity": 1, "successUrl": format!("{ORIGIN}/ok"), "cancelUrl": format!("{ORIGIN}/no") });
    let session = other.ok(query, json!({ "input": input })).await.str("buyCredits.checkout.id");
    let foreign = shop.sandbox.world(|world| {
        let first = world.all("checkout.session").next().unwrap();
        first["metadata"]["checkout"].clone()
    });
    shop.sandbox.world(|world| world.edit(&session, json!({ "invoice_creation/invoice_data/metadata/checkout": foreign })));
    shop.pay(&session, "works");
    shop.settle().await;
    assert_eq!(payments(&shop).await, json!([]), "the first account has paid nothing");
    assert_eq!(shop.app.db_rows("SELECT purpose, status FROM payments").await, json!([{ "purpose": "credits", "status": "succeeded" }]));
}
