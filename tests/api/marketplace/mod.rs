//! Trees that accounts sell to each other, from the listing to the walk.

mod buying;
mod fees;
mod for_nothing;
mod looking;
mod selling;
mod taking_back;
mod walking;

use fixpath::stripe::sandbox::actions::Action;
use serde_json::{Value, json};

use crate::support::app::ORIGIN;
use crate::support::people::colleague;
use crate::support::shop::Shop;
use crate::support::trees::{calling, looping, published};
use crate::support::{Actor, Answer};

const NONE: [&str; 0] = [];

/// Somebody who sells, and the shop's owner, who buys.
pub struct Market {
    pub shop: Shop,
    pub seller: Actor,
    pub buyer: Actor,
}

impl Market {
    /// Everybody is verified, and on a plan that allows all.
    pub async fn open() -> Self {
        let shop = Shop::open().await;
        let seller = shop.app.sign_up("seller").await;
        shop.app.db_verify("seller").await;
        shop.app.db_plan("enterprise").await;
        let buyer = shop.owner.clone();
        Self { shop, seller, buyer }
    }

    /// A published tree on sale for 20.01 USD; its id.
    pub async fn with_listing() -> (Self, String) {
        let market = Self::open().await;
        let (tree, _) = published(&market.seller, "Printer", looping()).await;
        market.list(&tree, 2001).await;
        (market, tree)
    }

    /// The same for a tree that calls another one.
    pub async fn with_calls() -> (Self, String, String) {
        let market = Self::open().await;
        let (callee, _) = published(&market.seller, "Light", looping()).await;
        let (tree, _) = published(&market.seller, "Printer", calling("light")).await;
        market.list(&tree, 2001).await;
        (market, tree, callee)
    }

    /// Which must not be refused.
    pub async fn list(&self, tree: &str, amount: i64) {
        assert_eq!(list(&self.seller, tree, amount, "USD").await.refusals("listTree"), NONE);
    }

    /// Opens a page; the session's id.
    pub async fn page(&self, tree: &str, key: Option<&str>) -> String {
        let answer = purchase(&self.buyer, tree, key).await;
        assert_eq!(answer.refusals("purchaseTree"), NONE, "{}", answer.text());
        answer.str("purchaseTree.checkout.id")
    }

    /// Bought and paid, with everything delivered; the session's id.
    pub async fn buy(&self, tree: &str) -> String {
        let session = self.page(tree, None).await;
        assert_eq!(self.shop.pay(&session, "works"), "paid");
        self.shop.settle().await;
        session
    }

    /// The charge that paid a session.
    pub fn charge(&self, session: &str) -> String {
        let intent = self.shop.sandbox.object(session)["payment_intent"].as_str().unwrap().to_owned();
        self.shop.sandbox.object(&intent)["latest_charge"].as_str().unwrap().to_owned()
    }

    pub async fn act(&self, action: Action) -> Value {
        let told = self.shop.sandbox.act(action).unwrap();
        self.shop.settle().await;
        told
    }

    pub async fn refund(&self, session: &str, amount: Option<i64>) -> Value {
        self.act(Action::Refund { charge: self.charge(session), amount }).await
    }

    pub async fn purchases(&self) -> Value {
        purchases(&self.buyer, "purchases").await
    }

    pub async fn sales(&self) -> Value {
        purchases(&self.seller, "sales").await
    }

    /// The statuses of what was bought, the newest first.
    pub async fn statuses(&self) -> Vec<String> {
        let purchases = self.purchases().await;
        purchases.as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap().to_owned()).collect()
    }

    /// Somebody of the buyer's account.
    pub async fn technician(&self) -> Actor {
        colleague(&self.shop.app, &self.buyer, "technician", "technician").await
    }
}

pub async fn list(seller: &Actor, tree: &str, amount: i64, currency: &str) -> Answer {
    let query = "mutation($input: ListTreeInput!) { listTree(input: $input) {
        tree { id listing { price { amount currency } seller purchased tree { title nodeCount } } } userErrors { code message path } } }";
    seller.ok(query, json!({ "input": { "treeId": tree, "price": { "amount": amount, "currency": currency } } })).await
}

pub async fn unlist(seller: &Actor, tree: &str) -> Answer {
    let query =
        "mutation($id: ID!) { unlistTree(input: { treeId: $id }) { tree { listing { seller } } userErrors { code message path } } }";
    seller.ok(query, json!({ "id": tree })).await
}

pub async fn purchase(buyer: &Actor, tree: &str, key: Option<&str>) -> Answer {
    let query = "mutation($input: PurchaseTreeInput!) { purchaseTree(input: $input) {
        checkout { id url expiresAt } userErrors { code message path } } }";
    let input = json!({
        "treeId": tree, "successUrl": format!("{ORIGIN}/thanks"), "cancelUrl": format!("{ORIGIN}/market"), "idempotencyKey": key,
    });
    buyer.ok(query, json!({ "input": input })).await
}

pub async fn marketplace(who: &Actor, query: Option<&str>) -> Vec<String> {
    let text = "query($query: String) { marketplace(query: $query) { nodes { tree { title } } } }";
    let nodes = who.ok(text, json!({ "query": query })).await.data("marketplace.nodes");
    nodes.as_array().unwrap().iter().map(|one| one["tree"]["title"].as_str().unwrap().to_owned()).collect()
}

async fn purchases(who: &Actor, field: &str) -> Value {
    let query = format!(
        "{{ viewer {{ account {{ {field} {{ nodes {{ id treeTitle status tree {{ id }} amount {{ amount currency }}
         platformFee {{ amount }} creatorPayout {{ amount }} }} }} }} }} }}"
    );
    who.ok(&query, json!({})).await.data(&format!("viewer.account.{field}.nodes"))
}
