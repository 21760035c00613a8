//! What a line is, looked at alone.

/// Where its text begins, from 1; a tab counts as four.
pub fn column(line: &str) -> usize {
    let indent = line.chars().map_while(|letter| match letter {
        ' ' => Some(1),
        '\t' => Some(4),
        _ => None,
    });
    1 + indent.sum::<usize>()
}

/// The title of a heading.
pub fn heading(line: &str) -> Option<&str> {
    let title = line.trim_start_matches('#');
    let level = line.len() - title.len();
    ((1..=6).contains(&level) && (title.is_empty() || title.starts_with([' ', '\t']))).then(|| title.trim())
}

/// The text behind `- `, `* `, `+ ` or `1. `.
pub fn list_item(text: &str) -> Option<&str> {
    let digits = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let behind = match digits.len() < text.len() {
        true => digits.strip_prefix(['.', ')'])?,
        false => text.strip_prefix(['-', '*', '+'])?,
    };
    (behind.is_empty() || behind.starts_with([' ', '\t'])).then(|| behind.trim())
}

/// `---`, `***` or `___`
pub fn is_rule(text: &str) -> bool {
    let letters = text.chars().filter(|letter| !letter.is_whitespace()).count();
    letters >= 3 && ["-", "*", "_"].iter().any(|mark| text.replace([' ', '\t'], "").trim_matches(|c: char| mark.starts_with(c)).is_empty())
}
