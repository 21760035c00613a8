//! `previewPlanChange`, where `changePlan` would refuse, and where a discount counts.

use fixpath::stripe::sandbox::actions::Action;
use serde_json::{Value, json};

use crate::support::Answer;
use crate::support::shop::Shop;

async fn preview(shop: &Shop, input: &Value) -> Answer {
    let query = "mutation($input: PreviewPlanChangeInput!) { previewPlanChange(input: $input) {
        preview { dueNow { amount } nextInvoice { amount } } userErrors { code message path } } }";
    shop.owner.ok(query, json!({ "input": input })).await
}

/// Whatever is asked for.
async fn is_refused_alike(shop: &Shop, code: &str) {
    for plan in ["starter", "pro", "enterprise"] {
        for interval in ["MONTH", "YEAR"] {
            let input = json!({ "planKey": plan, "interval": interval });
            let told = preview(shop, &input).await;
            assert_eq!(told.refusals("previewPlanChange"), [code], "{input}: {}", told.text());
            let refused = shop.change("changePlan", input).await;
            assert_eq!(told.data("previewPlanChange.userErrors"), refused.data("changePlan.userErrors"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_change_plan_refuses_has_no_price() {
    let mut shop = Shop::open().await;
    let id = shop.subscribe(json!({})).await;
    shop.changed("cancelSubscription", json!({})).await;
    shop.settle().await;
    is_refused_alike(&shop, "WRONG_STATE").await;
    shop.changed("resumeSubscription", json!({})).await;
    shop.settle().await;
    let customer = shop.sandbox.object(&id)["customer"].as_str().unwrap().to_owned();
    shop.sandbox.act(Action::CardsBehave { customer, card: "declined".into() }).unwrap();
    shop.pass(chrono::TimeDelta::days(32)).await;
    shop.settle().await;
    assert_eq!(shop.subscription().await["status"], "PAST_DUE");
    is_refused_alike(&shop, "PAYMENT_REQUIRED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_not_begun_has_no_other_price_yet() {
    let shop = Shop::open().await;
    let session = shop.start(json!({})).await;
    assert_eq!(shop.pay(&session, "delayed"), "processing");
    shop.settle().await;
    assert_eq!(shop.subscription().await["status"], "INCOMPLETE");
    is_refused_alike(&shop, "PAYMENT_REQUIRED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_code_counts_when_a_trial_changes_to_the_year() {
    let shop = Shop::open().await;
    shop.app.db_execute("DELETE FROM trial_grants").await;
    shop.post("coupons", &[("id", "half"), ("percent_off", "50"), ("duration", "forever")]).await;
    shop.post("promotion_codes", &[("promotion[type]", "coupon"), ("promotion[coupon]", "half"), ("code", "HALF")]).await;
    shop.subscribe(json!({ "promotionCode": "HALF", "seats": 2 })).await;
    assert_eq!(shop.subscription().await["status"], "TRIALING");
    let told = preview(&shop, &json!({ "planKey": "pro", "interval": "YEAR" })).await.data("previewPlanChange.preview");
    assert_eq!(told, json!({ "dueNow": { "amount": 0 }, "nextInvoice": { "amount": 29000 } }));
}
