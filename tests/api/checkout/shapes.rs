//! Rule 10, with objects that the sandbox shows as each API version does.

use chrono::TimeDelta;
use fixpath::stripe::sandbox::actions::Action;
use fixpath::stripe::sandbox::versions::{KNOWN, Version};
use serde_json::{Value, json};

use super::credits::buy;
use crate::support::shop::Shop;

async fn page(shop: &Shop) -> String {
    buy(shop, "credits-100", 1).await.str("buyCredits.checkout.id")
}

async fn act(shop: &Shop, action: Action) -> Value {
    let told = shop.sandbox.act(action).unwrap();
    shop.settle().await;
    told
}

/// One that is paid back in part, one that is disputed and won, one that is disputed, one whose payment takes days, one that is refused
/// after days, one that nobody pays.
async fn sales(shop: &Shop) {
    let charge = |session: &str| {
        let intent = shop.sandbox.object(session)["payment_intent"].as_str().unwrap().to_owned();
        shop.sandbox.object(&intent)["latest_charge"].as_str().unwrap().to_owned()
    };
    let mut paid = Vec::new();
    for _ in 0..3 {
        let session = page(shop).await;
        shop.pay(&session, "works");
        shop.settle().await;
        paid.push(charge(&session));
    }
    act(shop, Action::Refund { charge: paid[0].clone(), amount: Some(300) }).await;
    for (charge, won) in [(&paid[1], true), (&paid[2], false)] {
        let dispute = act(shop, Action::Dispute { charge: charge.clone(), amount: None }).await["id"].as_str().unwrap().to_owned();
        if won {
            act(shop, Action::CloseDispute { dispute, won }).await;
        }
    }
    for success in [true, false] {
        let session = page(shop).await;
        shop.pay(&session, "delayed");
        shop.settle().await;
        let payment_intent = shop.sandbox.object(&session)["payment_intent"].as_str().unwrap().to_owned();
        act(shop, Action::Settle { payment_intent, success }).await;
    }
    page(shop).await;
    shop.sandbox.advance(24 * 3600);
    shop.app.advance(TimeDelta::days(1));
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn checkouts_refunds_and_disputes_leave_the_same_rows_in_every_version() {
    let mut left = Vec::new();
    for version in KNOWN {
        // The same seed each time: the same ids.
        let shop = Shop::open().await;
        shop.sandbox.set_version(Version::parse(version).unwrap());
        sales(&shop).await;
        let app = &shop.app;
        let mut state = app.billing_state().await;
        for payment in state["payments"].as_array_mut().unwrap() {
            (payment["account_id"], payment["checkout_id"]) = (Value::Null, Value::Null);
        }
        let rows = json!([
            state,
            app.db_rows("SELECT provider_refund_id, amount, currency, status, reason, created_at FROM refunds ORDER BY 1").await,
            app.db_rows("SELECT provider_dispute_id, amount, currency, status, reason, created_at FROM disputes ORDER BY 1").await,
            app.db_rows("SELECT delta, balance_after, kind FROM credit_entries ORDER BY created_at, delta").await,
            app.db_rows("SELECT status, provider_session_id FROM checkouts ORDER BY created_at").await,
            app.db_rows("SELECT about FROM billing_mails ORDER BY 1").await,
        ]);
        left.push(rows.to_string().replace(shop.sandbox.base_url(), "STRIPE"));
    }
    for (rows, version) in left.iter().zip(KNOWN) {
        assert_eq!(rows, &left[0], "{version}");
    }
    let rows: Value = serde_json::from_str(&left[0]).unwrap();
    let statuses: Vec<_> = rows[4].as_array().unwrap().iter().map(|row| row["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["completed", "completed", "completed", "completed", "failed", "expired"]);
    let shown = rows[0]["payments"].as_array().unwrap().iter().filter(|payment| payment["hosted_invoice_url"].is_string()).count();
    assert_eq!((rows[0]["payments"].as_array().unwrap().len(), shown), (5, 4), "all but the one that was refused");
}
