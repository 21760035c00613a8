//! Words into keys, and hostile text into harmless text.

use std::collections::{HashMap, HashSet};

use crate::tree::document::{Key, OutcomeKind};

const MAX_KEY: usize = 64;
/// What `-` and a number may take of it.
const MAX_SUFFIX: usize = 8;

/// The text as a key: lower case, words joined by `-`, everything else dropped. Empty if nothing is left.
pub fn slug(text: &str) -> Key {
    let mut slug = String::new();
    for letter in text.chars().flat_map(char::to_lowercase) {
        if slug.len() == MAX_KEY {
            break;
        }
        if letter.is_ascii_alphanumeric() || (letter == '_' && !slug.is_empty()) {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

/// The keys given so far.
#[derive(Default)]
pub struct Keys {
    taken: HashSet<Key>,
    /// By what comes before the number: where to go on counting, so that a thousand like titles do not count from 2 a thousand times.
    next: HashMap<Key, usize>,
}

impl Keys {
    /// False if it is taken.
    pub fn claim(&mut self, key: &str) -> bool {
        self.taken.insert(key.to_owned())
    }

    /// A free key made of the text: `no-paper`, then `no-paper-2`.
    pub fn derive(&mut self, text: &str, fallback: &str) -> Key {
        let mut base = slug(text);
        if base.is_empty() {
            base = fallback.to_owned();
        }
        if self.claim(&base) {
            return base;
        }
        let stem: Key = base.chars().take(MAX_KEY - MAX_SUFFIX).collect();
        let mut number = self.next.get(&stem).copied().unwrap_or(2);
        loop {
            let key = format!("{stem}-{number}");
            number += 1;
            if self.claim(&key) {
                self.next.insert(stem, number);
                return key;
            }
        }
    }
}

/// Writes as an entity what would be taken for notation: control characters, space at either end, and `special`.
/// Entities are `&#10;` in HTML, Markdown and Twee (`mark` is `&`), `#10;` in Mermaid (`mark` is `#`).
pub fn encode(text: &str, mark: char, special: impl Fn(char) -> bool) -> String {
    let last = text.chars().count().saturating_sub(1);
    let mut out = String::with_capacity(text.len());
    for (at, letter) in text.chars().enumerate() {
        let at_the_end = (at == 0 || at == last) && letter.is_whitespace();
        if at_the_end || is_hidden(letter) || special(letter) {
            push_entity(&mut out, letter, mark);
        } else {
            out.push(letter);
        }
    }
    out
}

pub fn push_entity(out: &mut String, letter: char, mark: char) {
    if mark == '&' {
        out.push('&');
    }
    out.push_str(&format!("#{};", u32::from(letter)));
}

/// Control characters, and what some editors take for the end of a line.
pub fn is_hidden(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}')
}

/// The reverse of `encode`; also knows a few names.
pub fn decode(text: &str, mark: char) -> String {
    resolve(text, &[mark], |mark, after| entity(after, mark))
}

/// Puts the character that it stands for in the place of each mark with what follows it. A mark that stands for nothing stays.
pub fn resolve(text: &str, marks: &[char], read: impl for<'a> Fn(char, &'a str) -> Option<(char, &'a str)>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(marks) {
        let (before, special) = rest.split_at(at);
        out.push_str(before);
        let mut letters = special.chars();
        let Some(mark) = letters.next() else { break };
        let after = letters.as_str();
        match read(mark, after) {
            Some((letter, behind)) => {
                out.push(letter);
                rest = behind;
            }
            None => {
                out.push(mark);
                rest = after;
            }
        }
    }
    out + rest
}

/// The character that the text after an entity's mark stands for, and what follows the entity.
pub fn entity(after: &str, mark: char) -> Option<(char, &str)> {
    const LONGEST: usize = 9;
    let end = after.char_indices().take(LONGEST).find(|(_, letter)| *letter == ';')?.0;
    let name = after.get(..end)?;
    let number = if mark == '&' { name.strip_prefix('#') } else { Some(name) };
    let code = number.and_then(|digits| match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => digits.parse::<u32>().ok(),
    });
    let letter = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => char::from_u32(code?)?,
    };
    Some((letter, after.get(end + 1..)?))
}

/// Splits `Call support (escalated)`: the marks are how authors write an outcome.
pub fn split_outcome(text: &str) -> (&str, Option<OutcomeKind>) {
    let text = text.trim();
    for outcome in OutcomeKind::ALL {
        let mark = format!("({})", outcome.as_str());
        if let Some(before) = text.strip_suffix(&mark)
            && !before.ends_with('\\')
        {
            return (before.trim_end(), Some(outcome));
        }
    }
    (text, None)
}

/// At most a line's worth of it, for a message.
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.trim().chars().filter(|letter| !is_hidden(*letter)).take(LONGEST + 1).collect();
    if let Some((end, _)) = shown.char_indices().nth(LONGEST) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}
