//! Rule 11: amounts are whole minor units, and shown as their currency writes them.

use fixpath::billing::money::shown;

use crate::support::TestApp;
use crate::support::stripe;
use serde_json::json;

#[test]
fn currencies_without_decimals_and_with_three_are_shown_right() {
    for (amount, currency, expected) in [
        (123_450, "USD", "1,234.50 USD"),
        (5, "EUR", "0.05 EUR"),
        (0, "USD", "0.00 USD"),
        (-1_999, "USD", "-19.99 USD"),
        (1_200, "JPY", "1,200 JPY"),
        (1_000_000, "KRW", "1,000,000 KRW"),
        (12_345, "KWD", "12.345 KWD"),
        (7, "BHD", "0.007 BHD"),
        (1_234_567_890, "TND", "1,234,567.890 TND"),
    ] {
        assert_eq!(shown(amount, currency), expected);
    }
}

async fn paid_in(app: &TestApp, story: &stripe::Story, period: i64, amount: i64, currency: &str) {
    let money = [("/amount_paid", json!(amount)), ("/amount_due", json!(amount)), ("/currency", json!(currency))];
    app.expect(&story.event("invoice.paid", period * 60, story.invoice("paid", period, &money)), "completed").await;
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_is_stored_and_told_in_its_own_currency() {
    let (app, _owner, story) = stripe::app().await;
    paid_in(&app, &story, 0, 4_500, "jpy").await;
    paid_in(&app, &story, 1, 12_345, "kwd").await;
    let stored = app.db_rows("SELECT amount, currency FROM payments ORDER BY amount").await;
    assert_eq!(stored, json!([{ "amount": 4500, "currency": "JPY" }, { "amount": 12345, "currency": "KWD" }]));
    let texts: Vec<String> = app.mails().into_iter().filter(|mail| mail.mail == "billing").map(|mail| mail.text).collect();
    assert!(texts[0].contains("4,500 JPY") && texts[1].contains("12.345 KWD"), "{texts:?}");
}
