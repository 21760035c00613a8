//! The pages, as a browser without scripts uses them.

use fixpath::stripe::sandbox::actions::Action;
use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use serde_json::{Value, json};

use super::shop::{Shop, number, text};

/// A browser that does not follow redirects by itself.
fn browser() -> reqwest::Client {
    reqwest::Client::builder().redirect(Policy::none()).build().unwrap()
}

async fn submit(url: &str, form: &[(&str, &str)]) -> String {
    let answer = browser().post(url).form(form).send().await.unwrap();
    assert_eq!(answer.status(), 303, "{}", url);
    answer.headers()[LOCATION].to_str().unwrap().to_owned()
}

/// Slashes as people see them: templates write them as entities.
async fn read(url: &str) -> String {
    let answer = browser().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{url}");
    answer.text().await.unwrap().replace("&#x2f;", "/")
}

#[tokio::test]
async fn paying_on_the_page_leads_back_to_the_shop() {
    let shop = Shop::open().await;
    let session = shop.checkout(&shop.pro, &[]).await;
    let url = text(&session, "/url");
    let page = read(&url).await;
    assert!(page.contains("87.00 USD") && page.contains("http://localhost:3000/no"), "{page}");
    submit(&url, &[("card", "declined")]).await;
    assert!(read(&url).await.contains("Your card was declined."));
    let question = submit(&url, &[("card", "confirm_once")]).await;
    let back = submit(&format!("{}{question}", shop.sandbox.base_url()), &[("success", "true")]).await;
    assert_eq!(back, format!("http://localhost:3000/done?session={}", text(&session, "/id")));
}

#[tokio::test]
async fn what_people_type_is_escaped() {
    let shop = Shop::open().await;
    shop.post("customers", &[("email", "<script>alert(1)</script>")]).await;
    let page = read(&shop.sandbox.dashboard_url()).await;
    assert!(!page.contains("<script>") && page.contains("&lt;script&gt;"));
}

#[tokio::test]
async fn the_portal_changes_the_plan_cancels_and_keeps() {
    let shop = Shop::open().await;
    let id = shop.subscribe("works", &[]).await;
    let session =
        shop.post("billing_portal/sessions", &[("customer", &shop.customer), ("return_url", "http://localhost:3000/account")]).await;
    let url = text(&session.body, "/url");
    assert!(read(&url).await.contains("http://localhost:3000/account"));
    submit(&url, &[("what", "change"), ("subscription", &id), ("price", &shop.enterprise), ("quantity", "4")]).await;
    assert_eq!(text(&shop.sandbox.object(&id), "/items/data/0/price/id"), shop.enterprise);
    submit(&url, &[("what", "cancel"), ("subscription", &id), ("price", ""), ("quantity", "4")]).await;
    let canceled = shop.sandbox.object(&id);
    assert!(canceled["cancel_at"].is_i64());
    assert_eq!(canceled["cancel_at_period_end"], json!(false), "with flexible billing only the time is set");
    submit(&url, &[("what", "keep"), ("subscription", &id), ("price", ""), ("quantity", "4")]).await;
    assert_eq!(shop.sandbox.object(&id)["cancel_at"], json!(null));
}

#[tokio::test]
async fn an_open_invoice_is_paid_on_its_page() {
    let shop = Shop::open().await;
    let id = shop.subscribe("works", &[]).await;
    shop.sandbox.act(Action::CardsBehave { customer: shop.customer.clone(), card: "declined".into() }).unwrap();
    shop.sandbox.act(Action::NextPeriod { subscription: id.clone() }).unwrap();
    let invoice = shop.sandbox.object(&text(&shop.sandbox.object(&id), "/latest_invoice"));
    let url = text(&invoice, "/hosted_invoice_url");
    assert!(read(&url).await.contains("87.00 USD"));
    submit(&url, &[("card", "works")]).await;
    assert_eq!(shop.status(&id), "active");
}

#[tokio::test]
async fn programs_drive_the_world_with_json() {
    let shop = Shop::open().await;
    let id = shop.subscribe("works", &[]).await;
    let post = async |path: &str, body: Value| {
        let answer = browser().post(format!("{}/sandbox/{path}", shop.sandbox.base_url())).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let before = shop.sandbox.now();
    assert_eq!(post("actions", json!({ "do": "advance", "seconds": 60 })).await.1, json!({ "now": before + 60 }));
    assert_eq!(post("actions", json!({ "do": "cancel", "subscription": id })).await.1["status"], "canceled");
    assert_eq!(post("actions", json!({ "do": "cancel", "subscription": id })).await.0, 404);
    assert_eq!(post("actions", json!({ "do": "nonsense" })).await.0, 400);
    assert_eq!(post("deliveries", json!({ "lose": 1 })).await.0, 200);
    assert_eq!(post("version", json!({ "version": "2020-08-27" })).await.0, 200);
    let state: Value = serde_json::from_str(&read(&format!("{}/sandbox/state", shop.sandbox.base_url())).await).unwrap();
    assert_eq!((&state["version"], &state["deliver"]["lose"]), (&json!("2020-08-27"), &json!(1)));
    assert!(state["objects"].as_array().unwrap().iter().any(|object| object["id"] == json!(id)));
}

/// Presses the dashboard's button with that label, of the form that mentions `about`.
async fn press(shop: &Shop, label: &str, about: &str) {
    let dashboard = shop.sandbox.dashboard_url();
    let page = read(&dashboard).await;
    let forms = page.split("<form").skip(1).map(|rest| rest.split("</form>").next().unwrap());
    let wanted = |form: &&str| form.contains(&format!("<button>{label}</button>")) && form.contains(about);
    let form = forms.into_iter().find(wanted).unwrap_or_else(|| panic!("no button “{label}” about {about}"));
    let attribute = |tag: &str, name: &str| tag.split(&format!(" {name}=\"")).nth(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    let fields: Vec<(String, String)> = form
        .split("<input")
        .skip(1)
        .filter(|input| !input.contains("checkbox"))
        .filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value").unwrap_or_default())))
        .collect();
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let action = attribute(form, "action").unwrap();
    assert_eq!(submit(&format!("{}{action}", shop.sandbox.base_url()), &fields).await, "/sandbox", "{label}");
}

#[tokio::test]
async fn buttons_pay_decline_confirm_and_expire_a_page() {
    let shop = Shop::open().await;
    let session = text(&shop.checkout(&shop.pro, &[]).await, "/id");
    press(&shop, "Decline", &session).await;
    assert_eq!(shop.status(&session), "open");
    press(&shop, "Pay", &session).await;
    assert_eq!(shop.status(&session), "complete");
    let left = text(&shop.checkout(&shop.pro, &[]).await, "/id");
    press(&shop, "Expire", &left).await;
    assert_eq!(shop.status(&left), "expired");
}

#[tokio::test]
async fn buttons_let_time_pass_and_renewals_fail_and_be_paid() {
    let shop = Shop::open().await;
    let id = shop.subscribe("works", &[]).await;
    let period = || number(&shop.sandbox.object(&id), "/items/data/0/current_period_end");
    let before = (shop.sandbox.now(), period());
    press(&shop, "An hour passes", "advance").await;
    assert_eq!(shop.sandbox.now(), before.0 + 3600);
    press(&shop, "Let the period pass", &id).await;
    assert!(period() > before.1 && shop.status(&id) == "active");
    press(&shop, "Fail the renewal", &id).await;
    assert_eq!(shop.status(&id), "past_due");
    let invoice = text(&shop.sandbox.object(&id), "/latest_invoice");
    press(&shop, "Pay with a card that works", &invoice).await;
    assert_eq!(shop.status(&id), "active");
    for (label, status) in [("Do not confirm", "past_due"), ("Confirm", "active")] {
        press(&shop, "Cards: confirm_always", &shop.customer).await;
        press(&shop, "Let the period pass", &id).await;
        let intent = shop.sandbox.world(|world| world.all("payment_intent").last().unwrap()["id"].as_str().unwrap().to_owned());
        press(&shop, label, &intent).await;
        assert_eq!(shop.status(&id), status, "{label}");
        let invoice = text(&shop.sandbox.object(&id), "/latest_invoice");
        if shop.status(&invoice) == "open" {
            press(&shop, "Pay with a card that works", &invoice).await;
        }
    }
    press(&shop, "Cancel now", &id).await;
    assert_eq!(shop.status(&id), "canceled");
    press(&shop, "Delete", &shop.customer).await;
    assert_eq!(shop.sandbox.object(&shop.customer)["deleted"], true);
}

#[tokio::test]
async fn buttons_give_money_back_and_dispute_it() {
    let shop = Shop::open().await;
    let paid = async || {
        let id = shop.subscribe("works", &[]).await;
        let invoice = text(&shop.sandbox.object(&id), "/latest_invoice");
        let charge = shop.sandbox.world(|world| world.all("charge").last().unwrap()["id"].as_str().unwrap().to_owned());
        (invoice, charge)
    };
    let last = |kind: &str| shop.sandbox.world(|world| world.all(kind).last().unwrap().clone());
    let (_, charge) = paid().await;
    press(&shop, "Refund", &charge).await;
    assert_eq!(shop.sandbox.object(&charge)["refunded"], true);
    press(&shop, "It fails after all", &text(&last("refund"), "/id")).await;
    assert_eq!(last("refund")["status"], "failed");
    for (label, status) in [("Won", "won"), ("Lost", "lost")] {
        let (_, charge) = paid().await;
        press(&shop, "Dispute", &charge).await;
        press(&shop, label, &text(&last("dispute"), "/id")).await;
        assert_eq!(last("dispute")["status"], status);
    }
    for (label, status) in [("The money comes", "active"), ("It does not", "incomplete")] {
        let id = shop.subscribe("delayed", &[]).await;
        press(&shop, label, &text(&last("payment_intent"), "/id")).await;
        assert_eq!(shop.status(&id), status);
    }
}

#[tokio::test]
async fn forms_misbehave_as_they_say() {
    let shop = Shop::open().await;
    let base = shop.sandbox.base_url();
    let url = |path: &str| format!("{base}/sandbox/{path}");
    submit(&url("deliveries"), &[("lose", "1"), ("extra_copies", "2"), ("reorder", "true"), ("at_once", "true"), ("hold", "true")]).await;
    let state: Value = serde_json::from_str(&read(&url("state")).await).unwrap();
    assert_eq!(state["deliver"], json!({ "lose": 1, "extra_copies": 2, "reorder": true, "at_once": true, "hold": true }));
    press(&shop, "Deliver like this", "lose").await;
    let state: Value = serde_json::from_str(&read(&url("state")).await).unwrap();
    assert_eq!(state["deliver"]["hold"], false, "a box that is not ticked is not sent");
    submit(&url("faults"), &[("times", "2"), ("path", "/v1/customers"), ("fault", "rate_limited")]).await;
    for status in [429, 429, 200] {
        assert_eq!(shop.post("customers", &[]).await.status, status);
    }
    submit(&url("version"), &[("version", "2020-08-27")]).await;
    assert_eq!(shop.get("subscriptions").await.status, 200);
    let state: Value = serde_json::from_str(&read(&url("state")).await).unwrap();
    assert_eq!(state["version"], "2020-08-27");
    let event = text(&state["events"].as_array().unwrap()[0], "/id");
    shop.sandbox.take_deliveries();
    press(&shop, "Again", &event).await;
    assert_eq!(shop.sandbox.take_deliveries().len(), 1);
}
