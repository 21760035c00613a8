use serde_json::Value;

use super::{Expression, Operand, Operator};
use crate::tree::document::{AskKind, Variable};
use crate::tree::value::{accepts, kind_name, same_type};

/// What is wrong with an expression that can be read.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    UnknownVariable(String),
    /// A clause that says what does not fit, without a full stop.
    TypeMismatch(String),
}

impl Expression {
    /// Whether its variables are declared, and compared with what they can hold. Without faults it means what it says; with
    /// them it still has an answer.
    pub fn check(&self, variables: &[Variable]) -> Vec<Fault> {
        let mut faults = Vec::new();
        self.collect(variables, &mut faults);
        faults
    }

    fn collect(&self, variables: &[Variable], faults: &mut Vec<Fault>) {
        let kind_of = |name: &str, faults: &mut Vec<Fault>| {
            let kind = variables.iter().find(|variable| variable.name == name).map(|variable| variable.kind);
            if kind.is_none() {
                faults.push(Fault::UnknownVariable(name.into()));
            }
            kind
        };
        match self {
            Self::Any(parts) | Self::All(parts) => parts.iter().for_each(|part| part.collect(variables, faults)),
            Self::Not(part) => part.collect(variables, faults),
            Self::Exists(name) => {
                kind_of(name, faults);
            }
            Self::In { variable, list } => {
                if let Some(kind) = kind_of(variable, faults) {
                    faults.extend(list.iter().filter_map(|value| literal_fault(variable, kind, value)));
                }
            }
            Self::Comparison { left, operator, right } => match (left, right) {
                (Operand::Variable(name), Operand::Literal(value)) | (Operand::Literal(value), Operand::Variable(name)) => {
                    if let Some(kind) = kind_of(name, faults) {
                        faults.extend(literal_fault(name, kind, value).or_else(|| order_fault(name, kind, *operator)));
                    }
                }
                (Operand::Variable(a), Operand::Variable(b)) => {
                    if let (Some(kind_a), Some(kind_b)) = (kind_of(a, faults), kind_of(b, faults)) {
                        let fault =
                            if same_type(kind_a, kind_b) { order_fault(a, kind_a, *operator) } else { kinds_fault(a, kind_a, b, kind_b) };
                        faults.extend(fault);
                    }
                }
                // The parser refuses it.
                (Operand::Literal(_), Operand::Literal(_)) => {}
            },
        }
    }
}

fn literal_fault(name: &str, kind: AskKind, value: &Value) -> Option<Fault> {
    (!accepts(kind, value)).then(|| Fault::TypeMismatch(format!("`{name}` is a {} and cannot be compared with {value}", kind_name(kind))))
}

fn order_fault(name: &str, kind: AskKind, operator: Operator) -> Option<Fault> {
    let orders = !matches!(operator, Operator::Equal | Operator::NotEqual);
    (orders && !matches!(kind, AskKind::Number | AskKind::Date))
        .then(|| Fault::TypeMismatch(format!("`{}` compares numbers and dates, and `{name}` is a {}", operator.as_str(), kind_name(kind))))
}

fn kinds_fault(a: &str, kind_a: AskKind, b: &str, kind_b: AskKind) -> Option<Fault> {
    Some(Fault::TypeMismatch(format!("`{a}` is a {} and `{b}` is a {}", kind_name(kind_a), kind_name(kind_b))))
}
