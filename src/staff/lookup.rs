//! Whom somebody means: an e-mail address, a user's id or number, an account's id, `cus_…` or `sub_…`. One statement on an index each; what
//! stands where a value was forgotten (`<email>`, `null`) means nobody.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::app::App;
use crate::billing::delivery::{Delivery, Filter};
use crate::billing::entitlement;
use crate::billing::subscription::Subscription;
use crate::db::Conn;
use crate::error::Error;
use crate::graphql::page::Page;
use crate::id::{self, AccountId, UserId};

/// How many deliveries a report shows.
const DELIVERIES: usize = 20;

/// What a text refers to, by its form.
#[derive(Clone, Debug, PartialEq)]
pub enum Reference {
    Email(String),
    Number(i64),
    User(UserId),
    Account(AccountId),
    /// A bare UUID: an account's or a user's.
    Either(Uuid),
    Customer(String),
    Subscription(String),
}

/// An account that a reference leads to.
#[derive(Clone, Debug, PartialEq, QueryableByName)]
pub struct Found {
    #[diesel(sql_type = SqlUuid)]
    pub account: AccountId,
    /// The person who was named, or the account's owner.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub user: Option<UserId>,
    /// Of that person there.
    #[diesel(sql_type = Nullable<Text>)]
    pub role: Option<String>,
    #[diesel(sql_type = Bool)]
    pub verified: bool,
}

/// Left where a template was not filled in, or a variable was not set.
const PLACEHOLDERS: [&str; 12] =
    ["null", "none", "nil", "undefined", "nan", "n/a", "-", "email", "user", "customer", "user_id", "customer_id"];

impl Reference {
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if is_placeholder(text) {
            return None;
        }
        match id::decode(text) {
            Some(("account", uuid)) => return Some(Self::Account(uuid.into())),
            Some(("user", uuid)) => return Some(Self::User(uuid.into())),
            _ => {}
        }
        if text.contains('@') {
            return Some(Self::Email(text.to_owned()));
        }
        if text.starts_with("cus_") {
            return Some(Self::Customer(text.to_owned()));
        }
        if text.starts_with("sub_") {
            return Some(Self::Subscription(text.to_owned()));
        }
        match text.parse() {
            Ok(uuid) => Some(Self::Either(uuid)),
            Err(_) => text.strip_prefix('#').unwrap_or(text).parse().ok().map(Self::Number),
        }
    }

    /// For people who read what was found.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Email(_) => "e-mail address",
            Self::Number(_) => "user number",
            Self::User(_) => "user id",
            Self::Account(_) => "account id",
            Self::Either(_) => "id",
            Self::Customer(_) => "customer id",
            Self::Subscription(_) => "subscription id",
        }
    }
}

/// What is known of an account that somebody means.
#[derive(Clone, Debug)]
pub struct Report {
    pub found: Found,
    /// What the reference was read as.
    pub matched_by: &'static str,
    /// The one that gives access, or that was named.
    pub subscription: Option<Subscription>,
    /// What Stripe has sent about it, the latest first.
    pub deliveries: Vec<Delivery>,
    /// Why it has the access it has.
    pub explanation: String,
}

/// None: nobody is meant.
pub async fn report(app: &App, text: &str) -> Result<Option<Report>, Error> {
    let Some(reference) = Reference::read(text) else { return Ok(None) };
    let (mut conn, now) = (app.db.conn().await?, app.clock.now());
    let Some(found) = find(&mut conn, &reference).await?.into_iter().next() else { return Ok(None) };
    let about = Filter { account: Some(found.account), ..Filter::default() };
    let page = Page { size: DELIVERIES, after: None, before: None, backward: false };
    let mut deliveries = Delivery::page(&mut conn, &about, &page).await?;
    // A page reads one more, to know whether there are more.
    deliveries.truncate(DELIVERIES);
    let entitled = entitlement::load(&mut conn, found.account, now).await?;
    // What is asked for by its own id is shown, whether it counts or not.
    let subscription = match &reference {
        Reference::Subscription(id) => Subscription::find_by_provider_id(&mut conn, id).await?,
        _ => entitlement::shown(&mut conn, found.account, &entitled, now).await?,
    };
    Ok(Some(Report { matched_by: reference.kind(), subscription, deliveries, explanation: entitled.reason, found }))
}

pub fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || text.contains(['<', '>', '{', '}', '[', ']', '%', '$']) || PLACEHOLDERS.contains(&text.to_lowercase().as_str())
}

/// The named person's accounts, those that they own first; or the named account with its owner.
pub async fn find(conn: &mut Conn, reference: &Reference) -> QueryResult<Vec<Found>> {
    let person = |condition: &str| {
        format!(
            "SELECT m.account_id AS account, u.id AS \"user\", m.role, u.email_verified_at IS NOT NULL AS verified \
             FROM users u JOIN memberships m ON m.user_id = u.id WHERE {condition} \
             ORDER BY m.role = 'owner' DESC, m.created_at LIMIT 10"
        )
    };
    let account = |source: &str| {
        format!(
            "SELECT a.id AS account, u.id AS \"user\", m.role, coalesce(u.email_verified_at IS NOT NULL, false) AS verified \
             FROM {source} LEFT JOIN memberships m ON m.account_id = a.id AND m.role = 'owner' LEFT JOIN users u ON u.id = m.user_id \
             ORDER BY m.created_at LIMIT 1"
        )
    };
    match reference {
        Reference::Email(email) => diesel::sql_query(person("lower(u.email) = lower($1)")).bind::<Text, _>(email).load(conn).await,
        Reference::Number(number) => diesel::sql_query(person("u.number = $1")).bind::<BigInt, _>(number).load(conn).await,
        Reference::User(user) => diesel::sql_query(person("u.id = $1")).bind::<SqlUuid, _>(user).load(conn).await,
        Reference::Account(id) => {
            diesel::sql_query(account("(SELECT id FROM accounts WHERE id = $1) a")).bind::<SqlUuid, _>(id).load(conn).await
        }
        Reference::Either(uuid) => {
            let accounts = account("(SELECT id FROM accounts WHERE id = $1) a");
            let query = format!("({accounts}) UNION ALL ({}) LIMIT 10", person("u.id = $1"));
            diesel::sql_query(query).bind::<SqlUuid, _>(uuid).load(conn).await
        }
        Reference::Customer(customer) => {
            let source = "(SELECT account_id AS id FROM customers WHERE provider_customer_id = $1 AND account_id IS NOT NULL) a";
            diesel::sql_query(account(source)).bind::<Text, _>(customer).load(conn).await
        }
        Reference::Subscription(subscription) => {
            let source = "(SELECT account_id AS id FROM subscriptions WHERE provider_subscription_id = $1) a";
            diesel::sql_query(account(source)).bind::<Text, _>(subscription).load(conn).await
        }
    }
}
