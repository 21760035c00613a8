//! Everything that the API answers: the complete list.

use serde_json::Value;

use super::error::{Answer, ApiError};
use super::events;
use super::json::Json;
use super::list;
use super::params::{Kind, Param, check, param};
use super::resources::{
    account, checkout, customers, discounts, disputes, invoices, payments, portal, preview, prices, products, refunds, schedules,
    subscription_items, subscriptions, webhook_endpoints,
};
use super::state::World;
use super::versions::Version;

pub enum Reply {
    /// In the newest shape, to be rendered.
    Object(Value),
    /// As it is to be shown.
    Shown(Value),
}

const NONE: &[Param] = &[];
const EVENT_FILTERS: &[Param] = &[param("type", Kind::Text), param("types", super::params::TEXTS), param("delivery_success", Kind::Bool)];

pub fn route(world: &mut World, method: &str, path: &[&str], given: &Value, version: &Version) -> Result<Reply, ApiError> {
    let object = match (method, path) {
        ("GET", ["account"]) => Ok(account::account()),
        ("GET", ["balance"]) => Ok(account::balance(world)),

        ("POST", ["products"]) => products::create(world, &check(given, products::CREATE)?),
        ("POST", ["products", id]) => products::update(world, id, &check(given, products::UPDATE)?),
        ("DELETE", ["products", id]) => products::delete(world, id),
        ("GET", ["products"]) => {
            let params = list::check(given, products::FILTERS)?;
            let ids = super::resources::texts(params.list("ids"));
            of_kind(world, "product", &params, &["active"], "/v1/products", |object| {
                ids.is_empty() || ids.iter().any(|id| id == object.text("id"))
            })
        }

        ("POST", ["prices"]) => prices::create(world, &check(given, prices::CREATE)?),
        ("POST", ["prices", id]) => prices::update(world, id, &check(given, prices::UPDATE)?),
        ("GET", ["prices"]) => {
            let params = list::check(given, prices::FILTERS)?;
            let keys = super::resources::texts(params.list("lookup_keys"));
            of_kind(world, "price", &params, &["active", "currency", "product", "type"], "/v1/prices", |object| {
                keys.is_empty() || keys.iter().any(|key| key == object.text("lookup_key"))
            })
        }

        ("POST", ["customers"]) => customers::create(world, &check(given, customers::CREATE)?),
        ("POST", ["customers", id]) => customers::update(world, id, &check(given, customers::UPDATE)?),
        ("DELETE", ["customers", id]) => customers::delete(world, id),
        ("GET", ["customers"]) => every(world, "customer", given, customers::FILTERS, "/v1/customers"),
        ("GET", ["customers", id, "payment_methods"]) => {
            world.find("customer", id)?;
            let mut params = list::check(given, &[param("type", Kind::Text)])?;
            params.set("customer", *id);
            of_kind(world, "payment_method", &params, &["customer", "type"], &format!("/v1/customers/{id}/payment_methods"), |_| true)
        }
        ("GET", ["payment_methods"]) => every(world, "payment_method", given, payments::METHOD_FILTERS, "/v1/payment_methods"),

        ("POST", ["coupons"]) => discounts::create_coupon(world, &check(given, discounts::CREATE_COUPON)?),
        ("DELETE", ["coupons", id]) => world.find("coupon", id).map(|_| ()).map(|()| world.bury(id, "coupon.deleted")),
        ("GET", ["coupons"]) => every(world, "coupon", given, NONE, "/v1/coupons"),
        ("POST", ["promotion_codes"]) => discounts::create_code(world, &check(given, discounts::CREATE_CODE)?),
        ("POST", ["promotion_codes", id]) => discounts::update_code(world, id, &check(given, discounts::UPDATE_CODE)?),
        ("GET", ["promotion_codes"]) => every(world, "promotion_code", given, discounts::CODE_FILTERS, "/v1/promotion_codes"),

        ("POST", ["checkout", "sessions"]) => checkout::create(world, &check(given, checkout::CREATE)?),
        ("POST", ["checkout", "sessions", id, "expire"]) => checkout::expire(world, id),
        ("GET", ["checkout", "sessions", id, "line_items"]) => {
            let items = world.find("checkout.session", id)?.list("_line_items").to_vec();
            list::page(items, &list::check(given, NONE)?, &format!("/v1/checkout/sessions/{id}/line_items"))
        }
        ("GET", ["checkout", "sessions", id]) => world.find("checkout.session", id).cloned(),
        ("GET", ["checkout", "sessions"]) => every(world, "checkout.session", given, checkout::FILTERS, "/v1/checkout/sessions"),

        ("POST", ["subscriptions"]) => subscriptions::create(world, &check(given, subscriptions::CREATE)?),
        ("POST", ["subscriptions", id]) => subscriptions::update(world, id, &check(given, subscriptions::UPDATE)?),
        ("POST", ["subscriptions", id, "resume"]) => subscriptions::resume(world, id, &check(given, subscriptions::RESUME)?),
        ("DELETE", ["subscriptions", id]) => subscriptions::cancel(world, id, &check(given, subscriptions::CANCEL)?),
        ("GET", ["subscriptions"]) => {
            let params = list::check(given, subscriptions::FILTERS)?;
            of_kind(world, "subscription", &params, &["customer", "collection_method"], "/v1/subscriptions", |object| {
                subscriptions::listed(object, &params)
            })
        }

        ("POST", ["subscription_items"]) => subscription_items::create(world, &check(given, subscription_items::CREATE)?),
        ("POST", ["subscription_items", id]) => subscription_items::update(world, id, &check(given, subscription_items::UPDATE)?),
        ("DELETE", ["subscription_items", id]) => subscription_items::delete(world, id, &check(given, subscription_items::DELETE)?),
        ("GET", ["subscription_items", id]) => subscription_items::retrieve(world, id),
        ("GET", ["subscription_items"]) => {
            let params = list::check(given, subscription_items::FILTERS)?;
            list::page(subscription_items::listed(world, &params)?, &params, "/v1/subscription_items")
        }

        ("POST", ["subscription_schedules"]) => schedules::create(world, &check(given, schedules::CREATE)?),
        ("POST", ["subscription_schedules", id]) => schedules::update(world, id, &check(given, schedules::UPDATE)?),
        ("POST", ["subscription_schedules", id, "release"]) => {
            check(given, schedules::RELEASE)?;
            schedules::release(world, id)
        }
        ("POST", ["subscription_schedules", id, "cancel"]) => {
            check(given, schedules::CANCEL)?;
            schedules::cancel(world, id)
        }
        ("GET", ["subscription_schedules"]) => {
            every(world, "subscription_schedule", given, schedules::FILTERS, "/v1/subscription_schedules")
        }

        ("POST", ["invoices", "create_preview"]) => preview::create(world, &check(given, preview::CREATE)?),
        ("POST", ["invoices", id, "pay"]) => invoices::pay(world, id, &check(given, invoices::PAY)?),
        ("POST", ["invoices", id, "void"]) => invoices::give_up(world, id, true),
        ("POST", ["invoices", id, "mark_uncollectible"]) => invoices::give_up(world, id, false),
        ("GET", ["invoices", id, "lines"]) => {
            let lines = world.find("invoice", id)?.list("lines/data").to_vec();
            list::page(lines, &list::check(given, NONE)?, &format!("/v1/invoices/{id}/lines"))
        }
        ("GET", ["invoices"]) => {
            let params = list::check(given, invoices::FILTERS)?;
            let subscription = params.maybe_text("subscription");
            of_kind(world, "invoice", &params, &["customer", "status", "collection_method"], "/v1/invoices", |object| {
                subscription.is_none_or(|id| invoices::subscription_of(object) == id)
            })
        }
        ("GET", ["invoice_payments"]) => {
            let params = list::check(given, invoices::PAYMENT_FILTERS)?;
            let intent = params.maybe_text("payment/payment_intent");
            of_kind(world, "invoice_payment", &params, &["invoice", "status"], "/v1/invoice_payments", |object| {
                intent.is_none_or(|id| object.text("payment/payment_intent") == id)
            })
        }
        ("GET", ["payment_intents"]) => every(world, "payment_intent", given, payments::OF_CUSTOMER, "/v1/payment_intents"),
        ("GET", ["charges"]) => every(world, "charge", given, payments::CHARGE_FILTERS, "/v1/charges"),

        ("POST", ["refunds"]) => refunds::create(world, &check(given, refunds::CREATE)?),
        ("POST", ["refunds", id]) => refunds::update(world, id, &check(given, refunds::UPDATE)?),
        ("GET", ["refunds"]) => every(world, "refund", given, refunds::FILTERS, "/v1/refunds"),
        ("POST", ["disputes", id]) => disputes::update(world, id, &check(given, disputes::UPDATE)?),
        ("POST", ["disputes", id, "close"]) => disputes::close(world, id, false),
        ("GET", ["disputes"]) => every(world, "dispute", given, disputes::FILTERS, "/v1/disputes"),

        ("POST", ["billing_portal", "sessions"]) => portal::create(world, &check(given, portal::CREATE)?),
        ("POST", ["billing_portal", "configurations"]) => portal::create_configuration(world, &check(given, portal::CREATE_CONFIGURATION)?),
        ("POST", ["billing_portal", "configurations", id]) => {
            portal::update_configuration(world, id, &check(given, portal::UPDATE_CONFIGURATION)?)
        }
        ("GET", ["billing_portal", "configurations", id]) => world.find("billing_portal.configuration", id).cloned(),
        ("GET", ["billing_portal", "configurations"]) => {
            let url = "/v1/billing_portal/configurations";
            every(world, "billing_portal.configuration", given, portal::CONFIGURATION_FILTERS, url)
        }

        ("POST", ["webhook_endpoints"]) => webhook_endpoints::create(world, &check(given, webhook_endpoints::CREATE)?),
        ("GET", ["webhook_endpoints"]) => every(world, "webhook_endpoint", given, NONE, "/v1/webhook_endpoints"),

        ("GET", ["events", id]) => return events::retrieve(world, id, version).map(Reply::Shown),
        ("GET", ["events"]) => {
            let params = list::check(given, EVENT_FILTERS)?;
            return events::listed(world, &params, version).map(Reply::Shown);
        }

        ("GET", [collection, id]) => match RETRIEVED.iter().find(|(name, _)| name == collection) {
            Some((_, kind)) => world.find(kind, id).cloned(),
            None => Err(unknown(method, path)),
        },
        _ => Err(unknown(method, path)),
    };
    object.map(Reply::Object)
}

/// Collections whose objects are simply read by id.
const RETRIEVED: [(&str, &str); 14] = [
    ("products", "product"),
    ("prices", "price"),
    ("customers", "customer"),
    ("coupons", "coupon"),
    ("promotion_codes", "promotion_code"),
    ("subscriptions", "subscription"),
    ("subscription_schedules", "subscription_schedule"),
    ("invoices", "invoice"),
    ("invoice_payments", "invoice_payment"),
    ("payment_intents", "payment_intent"),
    ("payment_methods", "payment_method"),
    ("charges", "charge"),
    ("refunds", "refund"),
    ("disputes", "dispute"),
];

fn unknown(method: &str, path: &[&str]) -> ApiError {
    ApiError::unknown_route(method, &format!("/v1/{}", path.join("/")))
}

/// A list whose filters are fields of the objects.
fn every(world: &World, kind: &str, given: &Value, filters: &[Param], url: &str) -> Answer {
    let params = list::check(given, filters)?;
    let names: Vec<&str> = filters.iter().map(|param| param.name).collect();
    of_kind(world, kind, &params, &names, url, |_| true)
}

fn of_kind(world: &World, kind: &str, params: &Value, filters: &[&str], url: &str, also: impl Fn(&Value) -> bool) -> Answer {
    let fits = |object: &&Value| !object.flag("deleted") && list::matches(object, params, filters) && also(object);
    let all: Vec<Value> = world.all(kind).rev().filter(fits).cloned().collect();
    list::page(all, params, url).map_err(|error| match error.code {
        // Named after what is listed.
        Some("resource_missing") => {
            let param = error.param.unwrap_or_default();
            let id = params.text(&param).to_owned();
            ApiError::no_such(&param, kind, &id)
        }
        _ => error,
    })
}
