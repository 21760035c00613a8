//! One line of text as Markdown, and back.

use crate::tree::formats::text::{entity, is_hidden, push_entity, resolve};

/// What may stand behind a title, in parentheses.
pub const MARKS: [&str; 7] = ["resolved", "escalated", "unresolved", "question", "action", "decision", "subtree"];

/// Escapes what Markdown or our notation would take for something else; ordinary text stays as it is.
pub fn escape(text: &str, is_label: bool) -> String {
    let mark = split_mark(text).1.map(|mark| format!("({mark})"));
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut is_number = true;
    for (at, letter) in text.char_indices() {
        let rest = text.get(at..).unwrap_or_default();
        let next = rest.chars().nth(1);
        let is_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
        let is_first = at == 0;
        let is_special = match letter {
            '\\' | '`' | '*' | '[' | ']' | '<' | '{' | '}' | '|' | '~' => true,
            '_' => !(before.is_alphanumeric() && is_word(next)),
            '&' => is_word(next) || next == Some('#'),
            '>' => is_first || before == '-',
            '#' => is_first || next.is_none(),
            '(' => mark.as_deref() == Some(rest),
            ':' => is_label && next.is_none_or(char::is_whitespace),
            '-' | '+' => is_label && is_first,
            '.' | ')' => is_label && is_number,
            _ => false,
        };
        if is_hidden(letter) || letter == '→' || (letter.is_whitespace() && (is_first || next.is_none())) {
            push_entity(&mut out, letter, '&');
        } else {
            if is_special {
                out.push('\\');
            }
            out.push(letter);
        }
        is_number &= letter.is_ascii_digit();
        before = letter;
    }
    out
}

/// The reverse: backslashes and entities mean what they mean in CommonMark.
pub fn unescape(text: &str) -> String {
    resolve(text, &['\\', '&'], |mark, after| match mark {
        '\\' => {
            let mut letters = after.chars();
            letters.next().filter(char::is_ascii_punctuation).map(|letter| (letter, letters.as_str()))
        }
        _ => entity(after, '&'),
    })
}

/// `Solved (resolved)` is `Solved` with a mark.
pub fn split_mark(text: &str) -> (&str, Option<&'static str>) {
    let text = text.trim();
    let split = || {
        let (before, word) = text.strip_suffix(')')?.rsplit_once('(')?;
        let mark = MARKS.into_iter().find(|mark| *mark == word)?;
        (before.is_empty() || before.ends_with(char::is_whitespace)).then(|| (before.trim_end(), Some(mark)))
    };
    split().unwrap_or((text, None))
}

/// `Solved {#done}` is `Solved` with a key.
pub fn split_key(text: &str) -> (&str, Option<String>) {
    let text = text.trim();
    let split = || {
        let (before, key) = text.strip_suffix('}')?.rsplit_once("{#")?;
        (!before.ends_with('\\')).then(|| (before.trim_end(), Some(unescape(key))))
    };
    split().unwrap_or((text, None))
}
