//! A sandbox with something for sale, and a client.

use chrono::{DateTime, Utc};
use fixpath::clock::Clock;
use fixpath::stripe::sandbox::actions::Action;
use fixpath::stripe::sandbox::{Options, Sandbox};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::database::install_cryptography;

pub const DAY: i64 = 86_400;

pub struct Shop {
    pub sandbox: Sandbox,
    client: reqwest::Client,
    /// 29.00 USD a month.
    pub pro: String,
    /// 59.00 USD a month.
    pub enterprise: String,
    /// 290.00 USD a year.
    pub yearly: String,
    pub customer: String,
}

pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

pub fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_268_800, 0).unwrap()
}

impl Shop {
    pub async fn open() -> Self {
        Self::open_with(Options::default()).await
    }

    pub async fn open_with(options: Options) -> Self {
        install_cryptography();
        let sandbox = Sandbox::start(Clock::manual(start()), options).await.unwrap();
        let mut shop = Self {
            sandbox,
            client: reqwest::Client::new(),
            pro: String::new(),
            enterprise: String::new(),
            yearly: String::new(),
            customer: String::new(),
        };
        shop.pro = shop.price("Pro", "2900", "month").await;
        shop.enterprise = shop.price("Enterprise", "5900", "month").await;
        shop.yearly = shop.price("Pro by the year", "29000", "year").await;
        let customer = shop.post("customers", &[("email", "ann@example.com"), ("metadata[account]", "42")]).await;
        shop.customer = text(&customer.body, "/id");
        shop.sandbox.take_deliveries();
        shop
    }

    async fn price(&self, name: &str, amount: &str, interval: &str) -> String {
        let product = self.post("products", &[("name", name)]).await;
        let product = text(&product.body, "/id");
        let fields = [("product", product.as_str()), ("currency", "usd"), ("unit_amount", amount), ("recurring[interval]", interval)];
        text(&self.post("prices", &fields).await.body, "/id")
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}/v1/{path}", self.sandbox.base_url())).bearer_auth(self.sandbox.secret_key())
    }

    pub async fn send(&self, request: RequestBuilder) -> Reply {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Reply { status, headers, body: answer.json().await.unwrap() }
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Reply {
        self.send(self.request(Method::POST, path).form(form)).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// A checkout session for that price, with more fields.
    pub async fn checkout(&self, price: &str, more: &[(&str, &str)]) -> Value {
        let mut form = vec![
            ("mode", "subscription"),
            ("customer", self.customer.as_str()),
            ("line_items[0][price]", price),
            ("line_items[0][quantity]", "3"),
            ("client_reference_id", "account-42"),
            ("subscription_data[metadata][account]", "42"),
            ("success_url", "http://localhost:3000/done?session={CHECKOUT_SESSION_ID}"),
            ("cancel_url", "http://localhost:3000/no"),
        ];
        form.extend(more.iter().copied());
        let reply = self.post("checkout/sessions", &form).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body
    }

    pub fn pay(&self, session: &Value, card: &str) -> Value {
        let session = text(session, "/id");
        self.sandbox.act(Action::Pay { session, card: card.into(), email: String::new(), code: String::new() }).unwrap()
    }

    /// The id of a subscription for three seats of Pro, paid with that card.
    pub async fn subscribe(&self, card: &str, more: &[(&str, &str)]) -> String {
        let session = self.checkout(&self.pro, more).await;
        let told = self.pay(&session, card);
        text(&told, "/session/subscription")
    }

    /// Types of what has happened since the last call.
    pub fn events(&self) -> Vec<String> {
        self.sandbox.take_deliveries().into_iter().map(|signed| signed.kind).collect()
    }

    pub fn status(&self, id: &str) -> String {
        text(&self.sandbox.object(id), "/status")
    }
}

pub fn text(value: &Value, path: &str) -> String {
    value.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {path} of {value}")).to_owned()
}

pub fn number(value: &Value, path: &str) -> i64 {
    value.pointer(path).and_then(Value::as_i64).unwrap_or_else(|| panic!("no number at {path} of {value}"))
}

pub fn error(reply: &Reply) -> Value {
    let error = &reply.body["error"];
    json!({ "status": reply.status, "type": error["type"], "code": error["code"], "param": error["param"] })
}
