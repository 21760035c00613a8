//! Each mail about billing, sent once by what really happens at Stripe, although everything is delivered three times.

use chrono::TimeDelta;
use fixpath::stripe::sandbox::actions::Action;
use serde_json::json;

use crate::support::shop::Shop;

const OWNER: &str = "owner@example.com";

/// As `Shop::settle`, with everything three times.
async fn settle(shop: &Shop) {
    loop {
        // Time catches up first.
        shop.sandbox.now();
        let waiting = shop.sandbox.take_deliveries();
        for signed in &waiting {
            for _ in 0..3 {
                shop.deliver_one(signed).await;
            }
        }
        shop.app.advance(TimeDelta::seconds(3));
        shop.app.run_jobs().await;
        if waiting.is_empty() {
            return;
        }
    }
}

/// Settles; what was sent since the last time, to whom.
async fn news(shop: &Shop, seen: &mut usize) -> Vec<(String, String)> {
    settle(shop).await;
    let mails: Vec<_> = shop.app.mails().into_iter().filter(|mail| mail.mail == "billing").collect();
    mails[std::mem::replace(seen, mails.len())..].iter().map(|mail| (mail.to.clone(), mail.subject.clone())).collect()
}

fn told(to: &str, subjects: &[&str]) -> Vec<(String, String)> {
    subjects.iter().map(|subject| (to.to_owned(), (*subject).to_owned())).collect()
}

/// Who is charged by an invoice, and which one is the latest.
fn latest(shop: &Shop, subscription: &str) -> (String, String) {
    let invoice = shop.sandbox.object(subscription)["latest_invoice"].as_str().unwrap().to_owned();
    let charge = shop.sandbox.world(|world| world.object(&invoice)["_charge"].as_str().unwrap_or_default().to_owned());
    (invoice, charge)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_life_sends_each_mail_once() {
    let mut shop = Shop::open().await;
    shop.app.sign_up("boss").await;
    shop.app.db_execute("UPDATE users SET staff = true, email_verified_at = created_at WHERE username = 'boss'").await;
    let mut seen = 0;
    let session = shop.start(json!({ "planKey": "starter" })).await;
    shop.pay(&session, "works");
    assert_eq!(news(&shop, &mut seen).await, told(OWNER, &["Your subscription has begun"]));
    let id = shop.subscription().await["providerId"].as_str().unwrap().to_owned();
    let customer = shop.sandbox.object(&id)["customer"].as_str().unwrap().to_owned();
    let behave = |shop: &Shop, card: &str| {
        shop.sandbox.act(Action::CardsBehave { customer: customer.clone(), card: card.into() }).unwrap();
    };

    shop.pass(TimeDelta::days(5)).await;
    let first = latest(&shop, &id).1;
    shop.changed("changePlan", json!({ "planKey": "pro" })).await;
    assert_eq!(news(&shop, &mut seen).await, told(OWNER, &["Your plan was changed"]));

    let charge = latest(&shop, &id).1;
    assert_ne!(charge, first);
    shop.sandbox.act(Action::Refund { charge, amount: Some(100) }).unwrap();
    assert_eq!(news(&shop, &mut seen).await, told(OWNER, &["A refund is on its way"]));
    shop.sandbox.act(Action::Dispute { charge: first, amount: None }).unwrap();
    assert_eq!(news(&shop, &mut seen).await, told("boss@example.com", &["A payment is disputed"]));

    behave(&shop, "declined");
    shop.pass(TimeDelta::days(27)).await;
    assert_eq!(news(&shop, &mut seen).await, told(OWNER, &["A payment failed"]));
    behave(&shop, "works");
    shop.sandbox.act(Action::PayInvoice { invoice: latest(&shop, &id).0, card: String::new() }).unwrap();
    assert_eq!(news(&shop, &mut seen).await, told(OWNER, &["Your subscription was renewed"]));

    behave(&shop, "confirm_always");
    shop.pass(TimeDelta::days(29)).await;
    let mut asked = news(&shop, &mut seen).await;
    asked.sort();
    assert_eq!(asked, told(OWNER, &["A payment failed", "Please confirm a payment"]));
    let text = shop.app.mails().into_iter().find(|mail| mail.subject == "Please confirm a payment").unwrap().text;
    assert!(text.contains(&format!("{}/i/{}", shop.sandbox.base_url(), latest(&shop, &id).0)), "{text}");
    let invoice = latest(&shop, &id).0;
    let payment_intent = shop.sandbox.world(|world| world.object(&invoice)["_payment_intent"].as_str().unwrap().to_owned());
    shop.sandbox.act(Action::ConfirmPayment { payment_intent, success: true }).unwrap();
    assert_eq!(news(&shop, &mut seen).await, told(OWNER, &["Your subscription was renewed"]));

    shop.changed("cancelSubscription", json!({})).await;
    assert_eq!(news(&shop, &mut seen).await, told(OWNER, &["Your subscription will end"]));
    shop.pass(TimeDelta::days(32)).await;
    assert_eq!(news(&shop, &mut seen).await, told(OWNER, &["Your subscription has ended"]));
    assert_eq!(news(&shop, &mut seen).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_at_stripe_tells_of_its_end_once() {
    let mut shop = Shop::open().await;
    shop.app.db_execute("DELETE FROM trial_grants").await;
    let mut seen = 0;
    let session = shop.start(json!({})).await;
    shop.pay(&session, "works");
    assert_eq!(news(&shop, &mut seen).await, [], "nobody is thanked for a payment of nothing");
    assert_eq!(shop.subscription().await["status"], "TRIALING");
    shop.pass(TimeDelta::days(12)).await;
    assert_eq!(news(&shop, &mut seen).await, told(OWNER, &["Your trial ends soon"]));
    shop.pass(TimeDelta::days(3)).await;
    assert_eq!(news(&shop, &mut seen).await, told(OWNER, &["Your subscription was renewed"]));
}
