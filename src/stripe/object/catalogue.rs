//! What is for sale.

use serde_json::Value;

use super::field::{currency, flag, id, number, text};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Product {
    pub id: Option<String>,
    pub name: Option<String>,
    pub active: Option<bool>,
}

impl Product {
    pub fn read(object: &Value) -> Self {
        Self { id: text(object, "id"), name: text(object, "name"), active: flag(object, "active") }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Price {
    pub id: Option<String>,
    pub product: Option<String>,
    pub unit_amount: Option<i64>,
    pub currency: Option<String>,
    pub interval: Option<String>,
    pub active: Option<bool>,
}

impl Price {
    pub fn read(object: &Value) -> Self {
        Self {
            id: text(object, "id"),
            product: id(object, "product"),
            unit_amount: number(object, "unit_amount"),
            currency: currency(object, "currency"),
            interval: text(object, "recurring.interval"),
            active: flag(object, "active"),
        }
    }
}
