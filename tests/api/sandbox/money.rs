//! What changes cost, and what is given back.

use fixpath::stripe::sandbox::actions::Action;
use reqwest::Method;
use serde_json::{Value, json};

use super::shop::{DAY, Shop, error, number, text};

fn item(subscription: &Value) -> String {
    text(subscription, "/items/data/0/id")
}

#[tokio::test]
async fn an_upgrade_in_the_middle_of_a_period_charges_the_difference_for_the_rest() {
    let shop = Shop::open().await;
    let id = shop.subscribe("works", &[]).await;
    let before = shop.sandbox.object(&id);
    let (start, end) = (number(&before, "/items/data/0/current_period_start"), number(&before, "/items/data/0/current_period_end"));
    shop.sandbox.advance((end - start) / 2);
    let form = [
        ("items[0][id]", item(&before)),
        ("items[0][price]", shop.enterprise.clone()),
        ("proration_behavior", "always_invoice".into()),
        ("payment_behavior", "pending_if_incomplete".into()),
    ];
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let preview: Vec<(String, &str)> = vec![
        ("subscription".into(), id.as_str()),
        ("subscription_details[items][0][id]".into(), form[0].1),
        ("subscription_details[items][0][price]".into(), form[1].1),
        ("subscription_details[proration_behavior]".into(), "always_invoice"),
    ];
    let preview: Vec<(&str, &str)> = preview.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let preview = shop.post("invoices/create_preview", &preview).await.body;
    assert_eq!(number(&preview, "/total"), (17_700 - 8_700) / 2, "{preview}");

    let after = shop.post(&format!("subscriptions/{id}?expand[]=latest_invoice"), &form).await.body;
    assert_eq!(text(&after, "/items/data/0/price/id"), shop.enterprise);
    assert_eq!(number(&after, "/latest_invoice/amount_paid"), 4_500);
    assert_eq!(text(&after, "/latest_invoice/billing_reason"), "subscription_update");
    assert_eq!(number(&after, "/items/data/0/current_period_end"), end, "the period stays");
}

#[tokio::test]
async fn an_upgrade_that_is_not_paid_waits_and_is_applied_or_expires() {
    for pays in [true, false] {
        let shop = Shop::open().await;
        let id = shop.subscribe("works", &[]).await;
        shop.sandbox.act(Action::CardsBehave { customer: shop.customer.clone(), card: "declined".into() }).unwrap();
        shop.sandbox.advance(DAY);
        let item = item(&shop.sandbox.object(&id));
        let form = [
            ("items[0][id]", item.as_str()),
            ("items[0][price]", &shop.enterprise),
            ("proration_behavior", "always_invoice"),
            ("payment_behavior", "pending_if_incomplete"),
        ];
        shop.events();
        let waiting = shop.post(&format!("subscriptions/{id}"), &form).await.body;
        assert_eq!(text(&waiting, "/items/data/0/price/id"), shop.pro);
        assert_eq!(text(&waiting, "/pending_update/subscription_items/0/price/id"), shop.enterprise);
        assert_eq!(text(&waiting, "/status"), "active");
        if pays {
            let invoice = text(&waiting, "/latest_invoice");
            shop.sandbox.act(Action::PayInvoice { invoice, card: "works".into() }).unwrap();
            assert!(shop.events().contains(&"customer.subscription.pending_update_applied".to_owned()));
        } else {
            shop.sandbox.advance(DAY);
            assert!(shop.events().contains(&"customer.subscription.pending_update_expired".to_owned()));
        }
        let end = shop.sandbox.object(&id);
        assert_eq!(end["pending_update"], json!(null));
        assert_eq!(text(&end, "/items/data/0/price/id"), if pays { &shop.enterprise } else { &shop.pro }.as_str());
    }
}

#[tokio::test]
async fn more_seats_go_on_the_next_invoice() {
    let shop = Shop::open().await;
    let id = shop.subscribe("works", &[]).await;
    let before = shop.sandbox.object(&id);
    shop.sandbox.advance(31 * DAY / 2);
    shop.post(&format!("subscription_items/{}", item(&before)), &[("quantity", "5")]).await;
    assert_eq!(number(&shop.sandbox.object(&id), "/quantity"), 5);
    shop.sandbox.act(Action::NextPeriod { subscription: id.clone() }).unwrap();
    let invoice = shop.sandbox.object(&text(&shop.sandbox.object(&id), "/latest_invoice"));
    assert_eq!(number(&invoice, "/total"), 5 * 2_900 + 2 * 2_900 / 2);
}

#[tokio::test]
async fn a_schedule_downgrades_at_the_end_of_the_period() {
    for named in [true, false] {
        let shop = Shop::open().await;
        let session = shop.checkout(&shop.enterprise, &[]).await;
        let id = text(&shop.pay(&session, "works"), "/session/subscription");
        let schedule = shop.post("subscription_schedules", &[("from_subscription", &id)]).await.body;
        let (start, end) = (number(&schedule, "/phases/0/start_date").to_string(), number(&schedule, "/phases/0/end_date").to_string());
        let method = text(&schedule, "/phases/0/default_payment_method");
        assert_eq!(method, text(&shop.sandbox.object(&id), "/default_payment_method"));
        let mut form = vec![
            ("phases[0][items][0][price]", shop.enterprise.as_str()),
            ("phases[0][items][0][quantity]", "3"),
            ("phases[0][start_date]", &start),
            ("phases[0][end_date]", &end),
            ("phases[0][default_payment_method]", &method),
            ("phases[1][items][0][price]", &shop.pro),
            ("phases[1][items][0][quantity]", "2"),
            ("phases[1][proration_behavior]", "none"),
            ("end_behavior", "release"),
        ];
        if named {
            form.push(("phases[1][default_payment_method]", &method));
        }
        let updated = shop.post(&format!("subscription_schedules/{}", text(&schedule, "/id")), &form).await;
        assert_eq!(updated.status, 200, "{}", updated.body);
        assert_eq!(text(&shop.sandbox.object(&id), "/schedule"), text(&schedule, "/id"));
        for form in [("cancel_at_period_end", "true"), ("cancel_at", "")] {
            let refused = shop.post(&format!("subscriptions/{id}"), &[form]).await;
            let message = text(&refused.body, "/error/message");
            assert!(refused.status == 400 && message.contains("managed by the subscription schedule `sub_sched_"), "{message}");
        }
        shop.sandbox.act(Action::NextPeriod { subscription: id.clone() }).unwrap();
        let after = shop.sandbox.object(&id);
        assert_eq!((text(&after, "/items/data/0/price/id"), number(&after, "/quantity")), (shop.pro.clone(), 2));
        // The customer has no payment method of its own.
        assert_eq!(after["default_payment_method"].is_null(), !named);
        let paid = if named { 5_800 } else { 0 };
        assert_eq!(number(&shop.sandbox.object(&text(&after, "/latest_invoice")), "/amount_paid"), paid);
        let released = shop.post(&format!("subscription_schedules/{}/release", text(&schedule, "/id")), &[]).await.body;
        assert_eq!(text(&released, "/status"), "released");
        assert_eq!(shop.sandbox.object(&id)["schedule"], json!(null));
    }
}

#[tokio::test]
async fn nothing_waits_for_a_bank_debit() {
    let shop = Shop::open().await;
    let told = shop.pay(&shop.checkout(&shop.pro, &[]).await, "delayed");
    let payment_intent = shop.sandbox.world(|world| text(world.all("payment_intent").next().unwrap(), "/id"));
    shop.sandbox.act(Action::Settle { payment_intent, success: true }).unwrap();
    let id = text(&told, "/session/subscription");
    let before = shop.sandbox.object(&id);
    let path = format!("subscriptions/{id}");
    let more = |behaviour| [("items[0][id]", item(&before)), ("items[0][quantity]", "4".to_owned()), ("payment_behavior", behaviour)];
    let refused = shop.send(shop.request(Method::POST, &path).form(&more("pending_if_incomplete".to_owned()))).await;
    let expected = json!({ "status": 400, "type": "invalid_request_error", "code": null, "param": "payment_behavior" });
    assert_eq!(error(&refused), expected, "{}", refused.body);
    let at_once = shop.send(shop.request(Method::POST, &path).form(&more("allow_incomplete".to_owned()))).await;
    assert_eq!(at_once.body["items"]["data"][0]["quantity"], 4, "{}", at_once.body);
}

#[tokio::test]
async fn refunds_add_up_and_may_fail_and_disputes_close() {
    let shop = Shop::open().await;
    shop.subscribe("works", &[]).await;
    let charge = text(&shop.get("charges").await.body, "/data/0/id");
    assert!(!text(&shop.get("charges").await.body, "/data/0/payment_method_details/card/fingerprint").is_empty());
    shop.events();
    let first = shop.post("refunds", &[("charge", &charge), ("amount", "3000")]).await.body;
    assert_eq!(shop.events(), ["refund.created", "charge.refunded"]);
    assert_eq!(shop.post("refunds", &[("charge", &charge), ("amount", "9000")]).await.status, 400);
    shop.post("refunds", &[("charge", &charge)]).await;
    assert_eq!(shop.sandbox.object(&charge)["refunded"], json!(true));
    assert_eq!(shop.post("refunds", &[("charge", &charge)]).await.body["error"]["code"], "charge_already_refunded");
    shop.sandbox.act(Action::FailRefund { refund: text(&first, "/id") }).unwrap();
    assert_eq!(number(&shop.sandbox.object(&charge), "/amount_refunded"), 5_700);

    shop.subscribe("works", &[]).await;
    let charge = text(&shop.get("charges").await.body, "/data/0/id");
    shop.events();
    let dispute = shop.sandbox.act(Action::Dispute { charge, amount: None }).unwrap();
    shop.sandbox.act(Action::CloseDispute { dispute: text(&dispute, "/id"), won: true }).unwrap();
    let told = [
        "charge.updated",
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
    ];
    assert_eq!(shop.events(), told);
}

#[tokio::test]
async fn a_sale_without_a_subscription_is_one_payment() {
    let shop = Shop::open().await;
    let form = [
        ("mode", "payment"),
        ("customer", shop.customer.as_str()),
        ("line_items[0][price_data][currency]", "usd"),
        ("line_items[0][price_data][unit_amount]", "1000"),
        ("line_items[0][price_data][product_data][name]", "100 credits"),
        ("payment_intent_data[metadata][pack]", "100"),
        ("success_url", "http://localhost:3000/done"),
    ];
    let session = shop.post("checkout/sessions", &form).await.body;
    let told = shop.pay(&session, "works");
    let intent = shop.sandbox.object(&text(&told, "/session/payment_intent"));
    assert_eq!((number(&intent, "/amount_received"), text(&intent, "/metadata/pack")), (1_000, "100".into()));
    assert!(shop.events().contains(&"checkout.session.completed".to_owned()));
}

#[tokio::test]
async fn a_sale_gets_an_invoice_after_its_payment_if_it_is_wanted() {
    let shop = Shop::open().await;
    let form = [
        ("mode", "payment"),
        ("customer", shop.customer.as_str()),
        ("line_items[0][price_data][currency]", "usd"),
        ("line_items[0][price_data][unit_amount]", "1000"),
        ("line_items[0][price_data][product_data][name]", "100 credits"),
        ("line_items[0][quantity]", "2"),
        ("invoice_creation[enabled]", "true"),
        ("invoice_creation[invoice_data][metadata][pack]", "100"),
        ("success_url", "http://localhost:3000/done"),
    ];
    let session = shop.post("checkout/sessions", &form).await.body;
    assert_eq!((&session["invoice_creation"]["enabled"], &session["invoice"]), (&json!(true), &json!(null)));
    let told = shop.pay(&session, "works");
    let (invoice, intent) = (text(&told, "/session/invoice"), text(&told, "/session/payment_intent"));
    let paid = shop.get(&format!("invoices/{invoice}")).await.body;
    assert_eq!((text(&paid, "/status"), text(&paid, "/billing_reason")), ("paid".into(), "manual".into()));
    assert_eq!((number(&paid, "/amount_paid"), number(&paid, "/amount_remaining"), number(&paid, "/total")), (2_000, 0, 2_000));
    assert_eq!((text(&paid, "/metadata/pack"), text(&paid, "/customer")), ("100".into(), shop.customer.clone()));
    assert!(text(&paid, "/hosted_invoice_url").ends_with(&invoice));
    let links = shop.get(&format!("invoice_payments?invoice={invoice}")).await.body;
    assert_eq!(text(&links, "/data/0/payment/payment_intent"), intent);
    let order: Vec<String> = shop.events().into_iter().filter(|kind| !kind.starts_with("p")).collect();
    let after = [
        "charge.succeeded",
        "invoice.created",
        "invoice.finalized",
        "invoice_payment.paid",
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
        "checkout.session.completed",
    ];
    assert!(order.ends_with(&after.map(str::to_owned)), "{order:?}");
}

#[tokio::test]
async fn a_promotion_code_takes_its_share_off() {
    let shop = Shop::open().await;
    let coupon = shop.post("coupons", &[("percent_off", "25"), ("duration", "forever")]).await.body;
    let form = [("promotion[type]", "coupon"), ("promotion[coupon]", &text(&coupon, "/id")), ("code", "SPRING")];
    let form = form.map(|(name, value)| (name, value.to_owned()));
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    shop.post("promotion_codes", &form).await;
    let session = shop.checkout(&shop.pro, &[("allow_promotion_codes", "true")]).await;
    let pay = Action::Pay { session: text(&session, "/id"), card: "works".into(), email: String::new(), code: "spring".into() };
    let told = shop.sandbox.act(pay).unwrap();
    assert_eq!(number(&told, "/session/amount_total"), 6_525);
    assert_eq!(number(&shop.sandbox.object(&text(&told, "/session/invoice")), "/amount_paid"), 6_525);
}

#[tokio::test]
async fn a_word_is_one_code_for_everybody_and_one_for_each_customer() {
    let shop = Shop::open().await;
    let coupon = text(&shop.post("coupons", &[("percent_off", "25"), ("duration", "forever")]).await.body, "/id");
    let other = text(&shop.post("customers", &[]).await.body, "/id");
    let code = async |more: &[(&str, &str)]| {
        let form = [("promotion[type]", "coupon"), ("promotion[coupon]", &coupon), ("code", "SPRING")];
        shop.post("promotion_codes", &[&form[..], more].concat()).await
    };
    let others = text(&code(&[("customer", &other)]).await.body, "/id");
    assert_eq!(code(&[]).await.status, 200);
    assert_eq!((code(&[]).await.status, code(&[("customer", &other)]).await.status), (400, 400), "once each");
    let line = [("line_items[0][price]", shop.pro.as_str()), ("line_items[0][quantity]", "1"), ("mode", "subscription")];
    let rest = [("success_url", "https://example.com/"), ("discounts[0][promotion_code]", &others)];
    for (customer, status) in [(&shop.customer, 400), (&other, 200)] {
        let opened = shop.post("checkout/sessions", &[&line[..], &rest, &[("customer", customer)]].concat()).await;
        assert_eq!(opened.status, status);
    }
}

#[tokio::test]
async fn a_currency_that_does_not_exist_is_refused() {
    let shop = Shop::open().await;
    for (currency, status) in [("zzz", 400), ("euro", 400), ("eur", 200), ("EUR", 200), ("kwd", 200)] {
        let form = [("currency", currency), ("unit_amount", "100"), ("product_data[name]", "Something")];
        let answer = shop.post("prices", &form).await;
        assert_eq!(answer.status, status, "{currency}");
        if status == 400 {
            let (kind, param) = (text(&answer.body, "/error/type"), text(&answer.body, "/error/param"));
            assert_eq!((&*kind, &*param), ("invalid_request_error", "currency"));
            assert!(text(&answer.body, "/error/message").starts_with(&format!("Invalid currency: {currency}. ")));
        }
    }
}
