//! The language of `when`: a question about a session's variables that always has an answer.
//!
//! ```text
//! any     = all { "or" all }
//! all     = one { "and" one }
//! one     = "not" one | "exists" NAME | "(" any ")" | operand operator operand | NAME "in" "[" literal { "," literal } "]" | NAME
//! operand = NAME | literal
//! literal = 'text' | "text" | 12 | -1.5 | true | false | yes | no
//! ```
//!
//! - Operators: `== != < <= > >=`. The last four compare numbers and dates only. A date is written as `'2026-01-31'`.
//! - `yes` and `no` are other words for `true` and `false`. A yes_no variable may stand alone: `restarted` is `restarted == true`.
//! - A text has no escapes: one with `'` in it is written between `"`, and the other way round.
//! - A comparison that reads an unset variable is false, also with `!=`; `exists NAME` asks whether it is set.
//! - There are no calls and no loops, at most 500 characters, and parentheses and `not` nest at most 16 deep: nothing to fail
//!   or to wait for while a session runs.

mod check;
mod holds;
mod lexer;
mod parser;

pub use check::Fault;
pub use parser::parse;

use serde_json::Value;

pub const MAX_CHARACTERS: usize = 500;
pub const MAX_DEPTH: usize = 16;

/// Words that no variable can be called.
pub const RESERVED: [&str; 9] = ["and", "or", "not", "in", "exists", "true", "false", "yes", "no"];

#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    Any(Vec<Expression>),
    All(Vec<Expression>),
    Not(Box<Expression>),
    Exists(String),
    Comparison { left: Operand, operator: Operator, right: Operand },
    In { variable: String, list: Vec<Value> },
}

#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    Variable(String),
    Literal(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpressionError {
    pub message: String,
    /// The character at which reading stopped, counted from 0.
    pub at: usize,
}

impl Expression {
    /// Every variable that it names, in order, each once.
    pub fn variables(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.visit(&mut |name, _| {
            if !names.contains(&name) {
                names.push(name);
            }
        });
        names
    }

    /// The variables that it asks about with `exists`.
    pub fn asks(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.visit(&mut |name, asks| {
            if asks && !names.contains(&name) {
                names.push(name);
            }
        });
        names
    }

    fn visit<'a>(&'a self, seen: &mut impl FnMut(&'a str, bool)) {
        match self {
            Self::Any(parts) | Self::All(parts) => parts.iter().for_each(|part| part.visit(seen)),
            Self::Not(part) => part.visit(seen),
            Self::Exists(name) => seen(name, true),
            Self::In { variable, .. } => seen(variable, false),
            Self::Comparison { left, right, .. } => {
                for operand in [left, right] {
                    if let Operand::Variable(name) = operand {
                        seen(name, false);
                    }
                }
            }
        }
    }
}
