use serde_json::{Number, Value};

use super::{ExpressionError, Operator};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Name(String),
    Literal(Value),
    Operator(Operator),
    And,
    Or,
    Not,
    In,
    Exists,
    Open,
    Close,
    OpenList,
    CloseList,
    Comma,
}

/// Tokens with the character at which each begins.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, ExpressionError> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        if character.is_whitespace() {
            at += 1;
            continue;
        }
        let (token, length) = token(characters.get(at..).unwrap_or_default()).map_err(|message| ExpressionError { message, at })?;
        tokens.push((token, at));
        at += length;
    }
    Ok(tokens)
}

/// The first token of what is left, and its length.
fn token(rest: &[char]) -> Result<(Token, usize), String> {
    let one = |token| Ok((token, 1));
    match rest {
        ['(', ..] => one(Token::Open),
        [')', ..] => one(Token::Close),
        ['[', ..] => one(Token::OpenList),
        [']', ..] => one(Token::CloseList),
        [',', ..] => one(Token::Comma),
        ['=', '=', ..] => Ok((Token::Operator(Operator::Equal), 2)),
        ['!', '=', ..] => Ok((Token::Operator(Operator::NotEqual), 2)),
        ['<', '=', ..] => Ok((Token::Operator(Operator::LessOrEqual), 2)),
        ['>', '=', ..] => Ok((Token::Operator(Operator::GreaterOrEqual), 2)),
        ['<', ..] => one(Token::Operator(Operator::Less)),
        ['>', ..] => one(Token::Operator(Operator::Greater)),
        ['=', ..] => Err("`=` is written `==`".into()),
        [quote @ ('\'' | '"'), inside @ ..] => text(*quote, inside),
        ['-' | '0'..='9', ..] => number(rest),
        ['a'..='z' | 'A'..='Z' | '_', ..] => Ok(word(rest)),
        [other, ..] => Err(format!("`{}` means nothing here", other.escape_debug())),
        [] => Err("the expression ends too early".into()),
    }
}

fn text(quote: char, inside: &[char]) -> Result<(Token, usize), String> {
    match inside.iter().position(|&character| character == quote) {
        Some(length) => Ok((Token::Literal(Value::String(inside.iter().take(length).collect())), length + 2)),
        None => Err(format!("the text that begins here has no closing {quote}")),
    }
}

fn number(rest: &[char]) -> Result<(Token, usize), String> {
    let digits: String = rest
        .iter()
        .enumerate()
        .take_while(|(i, c)| c.is_ascii_alphanumeric() || **c == '.' || (*i == 0 && **c == '-'))
        .map(|(_, c)| c)
        .collect();
    let unsigned = digits.strip_prefix('-').unwrap_or(&digits);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let number = match digits.parse::<i64>() {
        Ok(integer) => Some(Number::from(integer)),
        Err(_) => digits.parse().ok().and_then(Number::from_f64),
    };
    match number {
        Some(number) if all_digits(whole) && all_digits(fraction) => Ok((Token::Literal(Value::Number(number)), digits.len())),
        _ => Err(format!("`{digits}` is no number; write 12 or -1.5")),
    }
}

fn word(rest: &[char]) -> (Token, usize) {
    let word: String = rest.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '_').collect();
    let length = word.len();
    let token = match word.as_str() {
        "and" => Token::And,
        "or" => Token::Or,
        "not" => Token::Not,
        "in" => Token::In,
        "exists" => Token::Exists,
        "true" | "yes" => Token::Literal(Value::Bool(true)),
        "false" | "no" => Token::Literal(Value::Bool(false)),
        _ => Token::Name(word),
    };
    (token, length)
}
