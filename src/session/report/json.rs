use super::Report;

pub fn render(report: &Report) -> String {
    // A report is strings, numbers and values that came from JSON: serde_json cannot fail on it.
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    text.push('\n');
    text
}
