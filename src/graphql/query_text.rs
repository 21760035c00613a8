//! The first look at a query's text, before any parser sees it: how long it is, how many tokens it has, how deeply it nests. A
//! parser that recurses must never meet text that nests without limit.

use super::guard::Refusal;

pub const MAX_BYTES: usize = 32 * 1024;
pub const MAX_TOKENS: usize = 4_000;
/// Brackets of any kind within one another: selections, arguments, lists and objects together.
pub const MAX_BRACKETS: usize = 50;

/// Refuses what no parser should be given.
pub fn check(query: &str) -> Result<(), Refusal> {
    if query.len() > MAX_BYTES {
        return Err(Refusal::Text(format!("the query has {} bytes; at most {MAX_BYTES} are allowed", query.len())));
    }
    let (mut tokens, mut open) = (0, 0_usize);
    let mut rest = query.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = match first {
            b' ' | b'\t' | b'\r' | b'\n' | b',' => {
                rest = after;
                continue;
            }
            b'#' => {
                rest = skip_while(after, |byte| byte != b'\n' && byte != b'\r');
                continue;
            }
            b'"' => skip_string(rest).ok_or_else(|| Refusal::Text("a block string never ends".to_owned()))?,
            b'.' => skip_while(after, |byte| byte == b'.'),
            byte if is_word(byte) => skip_while(after, |byte| is_word(byte) || byte == b'.'),
            _ => after,
        };
        tokens += 1;
        match first {
            b'{' | b'[' | b'(' => open += 1,
            b'}' | b']' | b')' => open = open.saturating_sub(1),
            _ => {}
        }
        if tokens > MAX_TOKENS {
            return Err(Refusal::Text(format!("the query has more than {MAX_TOKENS} tokens")));
        }
        if open > MAX_BRACKETS {
            return Err(Refusal::Text(format!("the query nests more than {MAX_BRACKETS} brackets")));
        }
    }
    Ok(())
}

/// Bytes of names and numbers; whatever is not ASCII can only stand in a string, and is the parser's to refuse.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

fn skip_while(bytes: &[u8], holds: impl Fn(u8) -> bool) -> &[u8] {
    let end = bytes.iter().position(|&byte| !holds(byte)).unwrap_or(bytes.len());
    bytes.get(end..).unwrap_or_default()
}

/// What follows the string that `bytes` begins with. None: a block string that never ends. (The parser would take its quotes for an empty
/// string and the beginning of another one.) Any other string that does not end is the parser's to refuse.
fn skip_string(bytes: &[u8]) -> Option<&[u8]> {
    const BLOCK: &[u8] = b"\"\"\"";
    match bytes.strip_prefix(BLOCK) {
        Some(rest) => after_string(rest, BLOCK, b"\\\"\"\""),
        None => Some(after_string(bytes.get(1..)?, b"\"", b"\\").unwrap_or_default()),
    }
}

/// What follows the string's end. What begins with `escape` is no end, but the text of it and of the byte that it hides.
fn after_string<'a>(mut rest: &'a [u8], end: &[u8], escape: &[u8]) -> Option<&'a [u8]> {
    loop {
        if let Some(after) = rest.strip_prefix(end) {
            return Some(after);
        }
        let step = if rest.starts_with(escape) { escape.len().max(2) } else { 1 };
        rest = rest.get(step..)?;
    }
}
