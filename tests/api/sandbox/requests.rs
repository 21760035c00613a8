//! What the API refuses, keeps and pages.

use reqwest::Method;
use serde_json::json;

use super::shop::{Shop, error, text};

type Form<'a> = &'a [(&'a str, &'a str)];

#[tokio::test]
async fn parameters_are_checked_as_by_stripe() {
    let shop = Shop::open().await;
    let cases: [(&str, Form, &str, &str); 8] = [
        ("customers", &[("emial", "a@b.co")], "parameter_unknown", "emial"),
        ("prices", &[("currency", "usd"), ("unit_amount", "abc")], "parameter_invalid_integer", "unit_amount"),
        ("prices", &[("unit_amount", "1")], "parameter_missing", "currency"),
        ("products", &[("name", "")], "parameter_invalid_empty", "name"),
        ("billing_portal/sessions", &[("customer", "cus_nobody")], "resource_missing", "customer"),
        ("checkout/sessions", &[("mode", "payment"), ("success_url", "nowhere")], "url_invalid", "success_url"),
        (
            "checkout/sessions",
            &[("mode", "payment"), ("invoice_creation[enabled]", "true"), ("invoice_creation[invoice_data][note]", "x")],
            "parameter_unknown",
            "invoice_creation[invoice_data][note]",
        ),
        ("customers", &[("address[planet]", "Mars")], "parameter_unknown", "address[planet]"),
    ];
    for (path, form, code, param) in cases {
        let reply = shop.post(path, form).await;
        let expected = json!({ "status": 400, "type": "invalid_request_error", "code": code, "param": param });
        assert_eq!(error(&reply), expected, "{path} {form:?}: {}", reply.body);
    }
    let wrong = shop.post("products", &[("name", "x"), ("active", "maybe")]).await;
    assert_eq!(wrong.body["error"]["message"], "Invalid boolean: maybe");
    let invoiced = [("mode", "subscription"), ("success_url", "http://localhost/"), ("invoice_creation[enabled]", "true")];
    let twice = shop.post("checkout/sessions", &invoiced).await;
    assert!(text(&twice.body, "/error/message").starts_with("You can only enable invoice creation when `mode` is set to `payment`."));
    let none = shop.get("customers/cus_nobody").await;
    assert_eq!((none.status, text(&none.body, "/error/message")), (404, "No such customer: 'cus_nobody'".into()));
    assert_eq!(shop.get("nonsense").await.status, 404);
}

#[tokio::test]
async fn nobody_gets_in_without_the_key() {
    let shop = Shop::open().await;
    let url = format!("{}/v1/balance", shop.sandbox.base_url());
    let client = reqwest::Client::new();
    assert_eq!(client.get(&url).send().await.unwrap().status(), 401);
    assert_eq!(client.get(&url).bearer_auth("sk_live_other").send().await.unwrap().status(), 401);
    assert_eq!(client.get(&url).basic_auth(shop.sandbox.secret_key(), Some("")).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_repeated_write_is_done_once() {
    let shop = Shop::open().await;
    let write = |email: &'static str| shop.request(Method::POST, "customers").header("idempotency-key", "k1").form(&[("email", email)]);
    let first = shop.send(write("a@b.co")).await;
    let again = shop.send(write("a@b.co")).await;
    assert_eq!(first.body, again.body);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let other = shop.send(write("c@d.co")).await;
    assert_eq!((other.status, text(&other.body, "/error/type")), (400, "idempotency_error".into()));
    assert_eq!(shop.get("customers?email=a%40b.co").await.body["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_refused_write_does_not_use_up_its_key() {
    let shop = Shop::open().await;
    let write = |name: &'static str| shop.request(Method::POST, "products").header("idempotency-key", "k2").form(&[("name", name)]);
    assert_eq!(shop.send(write("")).await.status, 400);
    assert_eq!(shop.send(write("Pro")).await.status, 200);
}

#[tokio::test]
async fn a_refusal_of_what_was_tried_is_kept_under_its_key() {
    let shop = Shop::open().await;
    let id = shop.subscribe("works", &[]).await;
    let invoice = text(&shop.sandbox.object(&id), "/latest_invoice");
    let cases: [(String, Form, u16); 3] = [
        (format!("invoices/{invoice}/void"), &[], 400),
        ("billing_portal/sessions".to_owned(), &[("customer", "cus_later")], 400),
        ("subscriptions/sub_later".to_owned(), &[("description", "Ann's")], 404),
    ];
    for (path, form, status) in cases {
        let write = || shop.request(Method::POST, &path).header("idempotency-key", &path).form(form);
        let first = shop.send(write()).await;
        assert_eq!((first.status, first.headers.contains_key("idempotent-replayed")), (status, false), "{path}: {}", first.body);
        let again = shop.send(write()).await;
        assert_eq!((again.status, &again.body), (status, &first.body));
        assert_eq!(again.headers["idempotent-replayed"], "true", "{path}");
    }
}

#[tokio::test]
async fn lists_are_paged_newest_first() {
    let shop = Shop::open().await;
    for number in 0..5 {
        shop.post("customers", &[("email", format!("{number}@example.com").as_str())]).await;
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = shop.get(&format!("customers?limit=2{after}")).await.body;
        let data = page["data"].as_array().unwrap().clone();
        seen.extend(data.iter().map(|customer| text(customer, "/email")));
        if page["has_more"] == json!(false) {
            break;
        }
        after = format!("&starting_after={}", text(data.last().unwrap(), "/id"));
    }
    let expected = ["4@example.com", "3@example.com", "2@example.com", "1@example.com", "0@example.com", "ann@example.com"];
    assert_eq!(seen, expected);
    assert_eq!(error(&shop.get("customers?limit=101").await)["param"], "limit");
    assert_eq!(error(&shop.get("customers?starting_after=cus_x").await)["code"], "resource_missing");
}

#[tokio::test]
async fn ids_expand_into_objects() {
    let shop = Shop::open().await;
    let id = shop.subscribe("works", &[]).await;
    let path = format!("subscriptions/{id}?expand[]=customer&expand[]=latest_invoice.payments.data.payment.payment_intent");
    let expanded = shop.get(&path).await;
    assert_eq!(expanded.status, 200, "{}", expanded.body);
    assert_eq!(text(&expanded.body, "/customer/email"), "ann@example.com");
    assert_eq!(text(&expanded.body, "/latest_invoice/payments/data/0/payment/payment_intent/status"), "succeeded");
    let list = shop.get("subscriptions?expand[0]=data.customer").await.body;
    assert_eq!(text(&list, "/data/0/customer/object"), "customer");
    assert_eq!(shop.get(&format!("subscriptions/{id}?expand[]=nothing")).await.status, 400);
}

#[tokio::test]
async fn the_date_is_the_sandboxs_own() {
    let shop = Shop::open().await;
    shop.sandbox.advance(3600);
    let date = shop.get("balance").await.headers["date"].to_str().unwrap().to_owned();
    assert_eq!(date, "Thu, 01 Jan 2026 13:00:00 GMT");
}
