use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::{Expression, Operand, Operator};
use crate::tree::value::Values;

impl Expression {
    /// The answer for these values. It cannot fail: what is unset, or of another type than expected, compares as false.
    pub fn holds(&self, values: &Values) -> bool {
        match self {
            Self::Any(parts) => parts.iter().any(|part| part.holds(values)),
            Self::All(parts) => parts.iter().all(|part| part.holds(values)),
            Self::Not(part) => !part.holds(values),
            Self::Exists(name) => set(values, name).is_some(),
            Self::In { variable, list } => {
                set(values, variable).is_some_and(|value| list.iter().any(|item| order(value, item) == Some(Ordering::Equal)))
            }
            Self::Comparison { left, operator, right } => match (resolve(left, values), resolve(right, values)) {
                (Some(left), Some(right)) => order(left, right).is_some_and(|order| operator.admits(order)),
                _ => false,
            },
        }
    }
}

impl Operator {
    fn admits(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

fn set<'a>(values: &'a Values, name: &str) -> Option<&'a Value> {
    values.get(name).filter(|value| !value.is_null())
}

fn resolve<'a>(operand: &'a Operand, values: &'a Values) -> Option<&'a Value> {
    match operand {
        Operand::Variable(name) => set(values, name),
        Operand::Literal(value) => Some(value),
    }
}

/// How two values of one type stand to each other. Dates are texts whose order is that of the days.
fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => number_order(a, b),
        _ => None,
    }
}

/// Integers exactly, anything else as floating point.
fn number_order(a: &Number, b: &Number) -> Option<Ordering> {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}
