//! Coupons, promotion codes, and the discounts that they give.

use serde_json::{Value, json};

use crate::stripe::sandbox::calendar::DAY;
use crate::stripe::sandbox::error::{Answer, ApiError};
use crate::stripe::sandbox::json::Json;
use crate::stripe::sandbox::params::{Kind, Param, param, required};
use crate::stripe::sandbox::state::World;

use super::{first_metadata, given, metadata, without_nulls};

pub const CREATE_COUPON: &[Param] = &[
    param("id", Kind::Text),
    param("percent_off", Kind::Decimal),
    param("amount_off", Kind::Int),
    param("currency", Kind::Text),
    param("duration", Kind::OneOf(&["forever", "once", "repeating"])),
    param("duration_in_months", Kind::Int),
    param("max_redemptions", Kind::Int),
    param("redeem_by", Kind::Time(&[])),
    param("name", Kind::Text),
    param("metadata", Kind::Metadata),
];
pub const CREATE_CODE: &[Param] = &[
    param("promotion", Kind::Hash(&[required("type", Kind::OneOf(&["coupon"])), param("coupon", Kind::Text)])),
    // As before 2025-09-30.
    param("coupon", Kind::Text),
    param("code", Kind::Text),
    param("active", Kind::Bool),
    param("customer", Kind::Text),
    param("expires_at", Kind::Time(&[])),
    param("max_redemptions", Kind::Int),
    param("restrictions", Kind::Hash(&[param("first_time_transaction", Kind::Bool)])),
    param("metadata", Kind::Metadata),
];
pub const UPDATE_CODE: &[Param] = &[param("active", Kind::Bool), param("metadata", Kind::Metadata)];
pub const CODE_FILTERS: &[Param] = &[param("active", Kind::Bool), param("code", Kind::Text), param("customer", Kind::Text)];

/// How other operations take one.
pub const PARAM: Kind =
    Kind::List(&Kind::Hash(&[param("coupon", Kind::Text), param("promotion_code", Kind::Text), param("discount", Kind::Text)]));

/// A coupon that is to be given, and the code that brought it.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub coupon: String,
    pub promotion_code: Option<String>,
}

pub fn create_coupon(world: &mut World, params: &Value) -> Answer {
    match (params.at("percent_off").as_f64(), params.maybe_int("amount_off")) {
        (Some(percent), None) if percent > 0.0 && percent <= 100.0 => {}
        (None, Some(amount)) if amount > 0 && params.maybe_text("currency").is_some() => {}
        _ => return Err(ApiError::param("percent_off", None, "You must pass either percent_off, or amount_off with a currency.")),
    }
    if params.maybe_text("id").is_some_and(|id| !world.object(id).is_null()) {
        return Err(ApiError::state("resource_already_exists", "Coupon already exists."));
    }
    const FIELDS: [&str; 9] =
        ["id", "percent_off", "amount_off", "currency", "duration", "duration_in_months", "max_redemptions", "redeem_by", "name"];
    let mut fields = json!({ "duration": "once" });
    fields.patch(without_nulls(given(params, &FIELDS), &["id", "duration"]));
    fields.set("metadata", first_metadata(params));
    let id = world.create("coupon", fields);
    world.emit("coupon.created", &id);
    Ok(world.object(&id).clone())
}

pub fn create_code(world: &mut World, params: &Value) -> Answer {
    let coupon = params.maybe_text("promotion/coupon").or_else(|| params.maybe_text("coupon")).unwrap_or_default().to_owned();
    world.referred("promotion[coupon]", "coupon", &coupon)?;
    let code = params.maybe_text("code").map_or_else(|| world.letters(8).to_uppercase(), str::to_owned);
    let customer = params.text("customer");
    if !customer.is_empty() {
        world.referred("customer", "customer", customer)?;
    }
    if active(world, &code).any(|other| other.text("customer") == customer) {
        return Err(ApiError::param("code", None, format!("An active promotion code with `code: {code}` already exists.")));
    }
    let mut fields = without_nulls(given(params, &["active", "customer", "expires_at", "max_redemptions"]), &["active"]);
    fields.also(json!({
        "code": code,
        "promotion/coupon": coupon,
        "restrictions/first_time_transaction": params.flag("restrictions/first_time_transaction"),
        "metadata": first_metadata(params),
    }));
    let id = world.create("promotion_code", fields);
    world.emit("promotion_code.created", &id);
    Ok(world.object(&id).clone())
}

pub fn update_code(world: &mut World, id: &str, params: &Value) -> Answer {
    let old = world.find("promotion_code", id)?;
    let mut fields = without_nulls(given(params, &["active"]), &["active"]);
    fields.set("metadata", metadata(old.at("metadata"), params));
    world.change(id, "promotion_code.updated", fields);
    Ok(world.object(id).clone())
}

/// The codes that are this word; upper and lower case are alike. There is one for everybody at most, and one for each customer.
fn active<'a>(world: &'a World, word: &'a str) -> impl Iterator<Item = &'a Value> {
    world.all("promotion_code").filter(move |code| code.flag("active") && code.text("code").eq_ignore_ascii_case(word))
}

/// What a customer types: a code of their own goes first.
pub fn find_code(world: &World, customer: &str, word: &str) -> Option<Wanted> {
    let of = |customer: &str| active(world, word).find(|code| code.text("customer") == customer);
    redeemed(world, customer, of(customer).or_else(|| of(""))?).ok()
}

/// What a code gives to this customer.
fn redeemed(world: &World, customer: &str, code: &Value) -> Result<Wanted, ApiError> {
    let refused = |message: &str| Err(ApiError::param("discounts[0][promotion_code]", None, message));
    let usable = code.flag("active")
        && code.maybe_int("expires_at").is_none_or(|time| time > world.now)
        && code.maybe_int("max_redemptions").is_none_or(|most| code.int("times_redeemed") < most);
    if !usable {
        return refused("This promotion code is inactive.");
    }
    if code.maybe_text("customer").is_some_and(|owner| owner != customer) {
        return refused("This promotion code cannot be redeemed by this customer.");
    }
    let paid = |invoice: &Value| invoice.text("customer") == customer && invoice.text("status") == "paid";
    if code.flag("restrictions/first_time_transaction") && world.all("invoice").any(paid) {
        let message = "This promotion code cannot be redeemed because the associated customer has prior transactions.";
        return Err(ApiError::state("promotion_code_customer_not_first_time", message));
    }
    Ok(Wanted { coupon: code.text("promotion/coupon").to_owned(), promotion_code: Some(code.text("id").to_owned()) })
}

/// What the `discounts` parameter asks for; the sandbox gives one at a time.
pub fn wanted(world: &World, customer: &str, params: &Value) -> Result<Option<Wanted>, ApiError> {
    let Some(first) = params.list("discounts").first() else { return Ok(None) };
    if let Some(id) = first.maybe_text("promotion_code") {
        let code = world.referred("discounts[0][promotion_code]", "promotion_code", id)?;
        return redeemed(world, customer, code).map(Some);
    }
    let Some(id) = first.maybe_text("coupon") else { return Ok(None) };
    world.referred("discounts[0][coupon]", "coupon", id)?;
    Ok(Some(Wanted { coupon: id.to_owned(), promotion_code: None }))
}

/// Counts the redemption and puts the discount on a subscription.
pub fn give(world: &mut World, subscription: &str, wanted: &Wanted) {
    let coupon = world.object(&wanted.coupon).clone();
    let months = coupon.int("duration_in_months");
    let end = (coupon.text("duration") == "repeating").then(|| world.now + months * 30 * DAY);
    let discount = world.create(
        "discount",
        json!({
            "customer": world.object(subscription).at("customer"),
            "end": end,
            "promotion_code": wanted.promotion_code,
            "source/coupon": wanted.coupon,
            "start": world.now,
            "subscription": subscription,
        }),
    );
    redeem(world, wanted);
    let object = world.object(&discount).clone();
    world.edit(subscription, json!({ "discounts": [discount], "_discount": object }));
}

/// How a schedule's phase shows the discounts that a subscription has.
pub fn shown(subscription: &Value) -> Vec<Value> {
    let shown = |id: &Value| json!({ "coupon": null, "discount": id, "promotion_code": null });
    subscription.list("discounts").iter().map(shown).collect()
}

/// The discounts that a phase is given: a coupon or a code, which begins anew with the phase, or one that the subscription has.
pub fn of_phase(world: &World, param: &str, subscription: &Value, wish: &Value) -> Result<Vec<Value>, ApiError> {
    let wanted = wanted(world, subscription.text("customer"), wish)?;
    let kept = |one: &Value| match one.maybe_text("discount") {
        Some(id) if !subscription.list("discounts").iter().any(|had| had.as_str() == Some(id)) => {
            Err(ApiError::no_such(&format!("{param}[0][discount]"), "discount", id))
        }
        discount => Ok(json!({
            "coupon": wanted.as_ref().filter(|wanted| wanted.promotion_code.is_none()).map(|wanted| &wanted.coupon),
            "discount": discount,
            "promotion_code": wanted.as_ref().and_then(|wanted| wanted.promotion_code.as_ref()),
        })),
    };
    wish.list("discounts").iter().take(1).map(kept).collect()
}

/// What a phase takes off is all that its subscription has taken off from then on.
pub fn replace(world: &mut World, subscription: &str, phase: &Value) {
    if let Ok(Some(wanted)) = wanted(world, world.object(subscription).text("customer"), phase) {
        give(world, subscription, &wanted);
        return;
    }
    let object = world.object(phase.text("discounts/0/discount")).clone();
    let ids: Vec<&Value> = object.get("id").into_iter().collect();
    world.edit(subscription, json!({ "discounts": ids, "_discount": object }));
}

pub fn redeem(world: &mut World, wanted: &Wanted) {
    for id in [Some(&wanted.coupon), wanted.promotion_code.as_ref()].into_iter().flatten() {
        let times = world.object(id).int("times_redeemed") + 1;
        world.edit(id, json!({ "times_redeemed": times }));
    }
}

/// What a coupon takes off.
pub fn amount_off(coupon: &Value, subtotal: i64) -> i64 {
    match (coupon.at("percent_off").as_f64(), coupon.maybe_int("amount_off")) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
        (Some(percent), _) => (subtotal as f64 * percent / 100.0).round() as i64,
        (None, Some(amount)) => amount.min(subtotal.max(0)),
        (None, None) => 0,
    }
}

/// What the subscription's discount takes off, and the invoice's line about it.
pub fn of_subscription(world: &World, subscription: &str, subtotal: i64) -> (i64, Vec<Value>) {
    let object = world.object(subscription);
    let discount = world.object(object.text("discounts/0"));
    if discount.is_null() || discount.maybe_int("end").is_some_and(|end| end <= world.now) {
        return (0, Vec::new());
    }
    let amount = amount_off(world.object(discount.text("source/coupon")), subtotal);
    (amount, vec![json!({ "amount": amount, "discount": discount.at("id") })])
}

/// A coupon for once is gone after its first invoice.
pub fn used_up(world: &mut World, subscription: &str) {
    let discount = world.object(world.object(subscription).text("discounts/0"));
    if world.object(discount.text("source/coupon")).text("duration") == "once" {
        world.edit(subscription, json!({ "discounts": [], "_discount": null }));
    }
}
