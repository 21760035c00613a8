//! What stands between two nodes: `-->`, `-->|label|`, `-- label -->`, `-.->`, `==>`, `---`, `<-->`, `--x`, `~~~`.

use super::Refusal;
use super::scanner::Scanner;
use super::shape::quoted;

#[derive(Clone)]
pub enum Arrow<'a> {
    Plain,
    Dotted,
    /// As written, entities and all.
    Labelled(&'a str),
    /// It only arranges the drawing.
    Invisible,
}

const LINES: [&str; 3] = ["--", "==", "-."];

/// None if no arrow comes.
pub fn arrow<'a>(scanner: &mut Scanner<'a>) -> Result<Option<Arrow<'a>>, Refusal> {
    if scanner.eat("~~~") {
        scanner.take_while(|letter| letter == '~');
        return Ok(Some(Arrow::Invisible));
    }
    let mut behind_head = *scanner;
    if (behind_head.eat("<") || eat_head(&mut behind_head)) && LINES.iter().any(|line| behind_head.starts(line)) {
        *scanner = behind_head;
    }
    let Some(line) = LINES.into_iter().find(|line| scanner.starts(line)) else { return Ok(None) };
    if !eat_whole(scanner, line) {
        return label_within(scanner, line).map(|label| Some(Arrow::Labelled(label)));
    }
    scanner.skip_spaces();
    let label = if scanner.eat("|") { label_in_bars(scanner)? } else { "" };
    Ok(Some(match line {
        _ if !label.is_empty() => Arrow::Labelled(label),
        "-." => Arrow::Dotted,
        _ => Arrow::Plain,
    }))
}

/// Reads the line and its head. False if it is only the beginning, with a label to come.
fn eat_whole(scanner: &mut Scanner, line: &str) -> bool {
    if line == "-." {
        scanner.eat("-");
        scanner.take_while(|letter| letter == '.');
        let is_whole = scanner.eat("-");
        if is_whole {
            eat_head(scanner);
        }
        return is_whole;
    }
    let drawn = scanner.take_while(|letter| line.starts_with(letter)).len();
    eat_head(scanner) || drawn > line.len()
}

fn eat_head(scanner: &mut Scanner) -> bool {
    scanner.eat(">") || scanner.eat("x") || scanner.eat("o")
}

/// `|label|` or `|"label"|`; the first bar is read.
fn label_in_bars<'a>(scanner: &mut Scanner<'a>) -> Result<&'a str, Refusal> {
    const NEVER_ENDS: &str = "A label that begins with | never ends with |.";
    scanner.skip_spaces();
    if !scanner.eat("\"") {
        return Ok(scanner.take_until(&["|"]).ok_or(NEVER_ENDS)?.trim());
    }
    let text = quoted(scanner)?;
    scanner.skip_spaces();
    if scanner.eat("|") { Ok(text) } else { Err(NEVER_ENDS.into()) }
}

/// `-- label -->`; the beginning is read.
fn label_within<'a>(scanner: &mut Scanner<'a>, line: &str) -> Result<&'a str, Refusal> {
    let end = if line == "-." { ".-" } else { line };
    scanner.skip_spaces();
    let in_quotes = if scanner.eat("\"") { Some(quoted(scanner)?) } else { None };
    let before_end = scanner.take_until(&[end]).ok_or_else(|| format!("The arrow that begins with {line} never ends."))?;
    scanner.take_while(|letter| end.contains(letter));
    eat_head(scanner);
    Ok(in_quotes.unwrap_or(before_end.trim()))
}
