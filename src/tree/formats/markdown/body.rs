//! A node's body, as its lines are met.

#[derive(Default)]
pub struct Body<'a> {
    pub quoted: Vec<&'a str>,
    pub plain: Vec<&'a str>,
}

impl Body<'_> {
    /// Quotes first, then other text; none if there is neither.
    pub fn text(mut self) -> Option<String> {
        let is_blank = |line: &&str| line.trim().is_empty();
        let end = self.plain.iter().rposition(|line| !is_blank(line)).map_or(0, |last| last + 1);
        self.plain.truncate(end);
        let plain = self.plain.iter().skip_while(|line| is_blank(line)).copied().collect::<Vec<_>>().join("\n");
        let quoted = self.quoted.join("\n");
        match (self.quoted.is_empty(), plain.is_empty()) {
            (true, true) => None,
            (true, false) => Some(plain),
            (false, true) => Some(quoted),
            (false, false) => Some(quoted + "\n\n" + &plain),
        }
    }
}
