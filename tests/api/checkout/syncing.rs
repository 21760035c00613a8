//! `syncCheckout` and the webhook tell the same, in either order.

use fixpath::stripe::sandbox::actions::Action;
use serde_json::{Value, json};

use crate::support::shop::Shop;

async fn rows(shop: &Shop) -> Value {
    let query = "SELECT s.status, s.seats, s.interval, s.provider_subscription_id IS NOT NULL AS paid, plans.key, \
         (SELECT count(*) FROM payments) AS payments, (SELECT sum(amount) FROM payments) AS amount, \
         (SELECT json_agg(status) FROM checkouts) AS checkouts FROM subscriptions s JOIN plans ON plans.id = s.plan_id";
    shop.app.db_rows(query).await
}

#[tokio::test(flavor = "multi_thread")]
async fn first_the_page_or_first_the_webhook() {
    let mut states = Vec::new();
    for order in ["sync, deliver", "deliver, sync", "sync, deliver, sync", "deliver"] {
        let shop = Shop::open().await;
        let session = shop.start(json!({ "seats": 2 })).await;
        assert_eq!(shop.pay(&session, "works"), "paid");
        for step in order.split(", ") {
            if step == "sync" {
                let answer = shop.sync(&session).await;
                assert_eq!(answer.refusals("syncCheckout"), Vec::<String>::new());
                let told = answer.data("syncCheckout.subscription");
                assert_eq!(
                    (&told["status"], &told["plan"]["key"], &told["seats"]),
                    (&json!("ACTIVE"), &json!("pro"), &json!(2)),
                    "{order}"
                );
            } else {
                shop.deliver().await;
            }
        }
        shop.settle().await;
        states.push(rows(&shop).await);
    }
    assert_eq!(states[0][0]["payments"], 1);
    assert!(states.windows(2).all(|pair| pair[0] == pair[1]), "{states:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_alone_grants_nothing() {
    let shop = Shop::open().await;
    let session = shop.start(json!({})).await;
    assert_eq!(shop.sync(&session).await.data("syncCheckout.subscription.providerId"), Value::Null, "nobody has paid");
    assert_eq!(shop.pay(&session, "declined"), "declined");
    assert_eq!(shop.sync(&session).await.data("syncCheckout.subscription.providerId"), Value::Null);
    // On the same page with another card.
    assert_eq!(shop.pay(&session, "works"), "paid");
    assert_eq!(shop.sync(&session).await.data("syncCheckout.subscription.status"), "ACTIVE");
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_needs_confirmation_pays_once_it_is_confirmed() {
    let shop = Shop::open().await;
    let session = shop.start(json!({})).await;
    assert_eq!(shop.pay(&session, "confirm_once"), "needs_confirmation");
    assert_eq!(shop.sync(&session).await.data("syncCheckout.subscription.providerId"), Value::Null);
    shop.sandbox.act(Action::ConfirmSession { session: session.clone(), success: true }).unwrap();
    assert_eq!(shop.sync(&session).await.data("syncCheckout.subscription.status"), "ACTIVE");
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_pages_are_not_there() {
    let shop = Shop::open().await;
    let session = shop.start(json!({})).await;
    let stranger = shop.app.sign_up("stranger").await;
    let query = "mutation($id: String!) { syncCheckout(input: { checkoutSessionId: $id }) { userErrors { code } } }";
    assert_eq!(stranger.ok(query, json!({ "id": session })).await.refusals("syncCheckout"), ["NOT_FOUND"]);
    assert_eq!(shop.sync("cs_nobody").await.refusals("syncCheckout"), ["NOT_FOUND"]);
    assert_eq!(shop.sync("cs_\u{0}").await.refusals("syncCheckout"), ["NOT_FOUND"]);
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_is_told() {
    let shop = Shop::open().await;
    shop.app.app.notices.heard().await;
    let session = shop.start(json!({})).await;
    let query = "subscription { billingUpdated { subscription { status } } }";
    let mut events = shop.owner.events(query).await;
    let first = events.next().await;
    assert_eq!(first["data"]["billingUpdated"]["subscription"], Value::Null, "{first}");
    shop.pay(&session, "works");
    shop.settle().await;
    loop {
        let event = events.next().await;
        if event["data"]["billingUpdated"]["subscription"]["status"] == "ACTIVE" {
            return;
        }
    }
}
