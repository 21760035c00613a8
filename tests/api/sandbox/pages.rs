//! The pages, as a browser without scripts uses them.

use fixpath::stripe::sandbox::actions::Action;
use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use serde_json::{Value, json};

use super::shop::{Shop, text};

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
