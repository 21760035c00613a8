//! Where a reader is, and what comes next. Every method costs what it reads over.

#[derive(Clone, Copy)]
pub struct Scanner<'a> {
    rest: &'a str,
    pub line: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { rest: text, line: 1 }
    }

    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn starts(&self, with: &str) -> bool {
        self.rest.starts_with(with)
    }

    pub fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub fn eat(&mut self, what: &str) -> bool {
        let starts = self.rest.starts_with(what);
        if starts {
            self.skip(what.len());
        }
        starts
    }

    pub fn take_while(&mut self, good: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|letter| !good(letter)).unwrap_or(self.rest.len());
        self.skip(end)
    }

    pub fn skip_spaces(&mut self) {
        self.take_while(|letter| letter != '\n' && letter.is_whitespace());
    }

    pub fn skip_white(&mut self) {
        self.take_while(char::is_whitespace);
    }

    /// What is left of this line; its end is not skipped.
    pub fn take_line(&mut self) -> &'a str {
        self.take_while(|letter| letter != '\n')
    }

    /// The text before the first of these ends on this line, which is skipped. None if none comes; then nothing is read. All are looked for
    /// together: to look for one after the other would read over the whole line for each text that another one ends.
    pub fn take_until(&mut self, ends: &[&str]) -> Option<&'a str> {
        let mut on_line = self.rest.char_indices().take_while(|(_, letter)| *letter != '\n');
        let (at, end) = on_line.find_map(|(at, _)| {
            let rest = self.rest.get(at..)?;
            ends.iter().find(|end| rest.starts_with(**end)).map(|end| (at, end.len()))
        })?;
        let taken = self.skip(at);
        self.skip(end);
        Some(taken)
    }

    /// The same over many lines; if `end` does not come, the whole text is read over, so that nobody looks for it again.
    pub fn take_past(&mut self, end: &str) -> Option<&'a str> {
        let at = self.rest.find(end);
        let taken = self.skip(at.unwrap_or(self.rest.len()));
        self.skip(end.len());
        at.map(|_| taken)
    }

    /// Letters, digits and `_`; also `-` and `.` between them, which elsewhere begin an arrow.
    pub fn take_id(&mut self) -> Option<&'a str> {
        let mut letters = self.rest.char_indices().peekable();
        let mut end = 0;
        while let Some((at, letter)) = letters.next() {
            let joins = matches!(letter, '-' | '.') && at > 0 && letters.peek().is_some_and(|(_, next)| is_letter(*next));
            if !is_letter(letter) && !joins {
                break;
            }
            end = at + letter.len_utf8();
        }
        (end > 0).then(|| self.skip(end))
    }

    fn skip(&mut self, bytes: usize) -> &'a str {
        let (skipped, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.line += skipped.bytes().filter(|byte| *byte == b'\n').count();
        self.rest = rest;
        skipped
    }
}

fn is_letter(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}
