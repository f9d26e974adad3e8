//! The grammar of selectors, checked character by character, so that an error can say where it is.
//!
//! ```text
//! selector = name [ braces ] | braces
//! braces   = "{" [ matcher { "," matcher } [ "," ] ] "}"
//! matcher  = ( name | text ) operator text | text          (a text alone is the metric name)
//! ```

/// A value in a selector.
pub(super) struct Value {
    /// Whether it is a regular expression.
    pub(super) is_regex: bool,
    /// The value, without quotes and escapes.
    pub(super) text: String,
    /// Where it begins, in characters from 1.
    pub(super) position: usize,
}

/// What cannot be read.
pub(super) struct SyntaxError {
    /// Where it is, in characters from 1.
    pub(super) position: usize,
    /// What may be there.
    pub(super) expected: &'static str,
    /// What is there, as it may stand in a message.
    pub(super) found: String,
}

/// The most characters of a selector that an error repeats.
const SHOWN: usize = 20;

/// Reads a selector. Returns the values that labels are compared with.
pub(super) fn check(text: &str) -> Result<Vec<Value>, SyntaxError> {
    let characters: Vec<char> = text.chars().collect();
    let mut reader = SelectorReader { characters: &characters, position: 0, values: Vec::new() };
    reader.selector()?;
    Ok(reader.values)
}

struct SelectorReader<'a> {
    characters: &'a [char],
    position: usize,
    values: Vec<Value>,
}

impl SelectorReader<'_> {
    fn selector(&mut self) -> Result<(), SyntaxError> {
        self.space();
        let has_name = self.name(true);
        self.space();
        if self.takes('{') {
            self.matchers()?;
            self.space();
            return self.end("the end");
        }
        if has_name { self.end("\"{\" or the end") } else { Err(self.error("a metric name or \"{\"")) }
    }

    fn matchers(&mut self) -> Result<(), SyntaxError> {
        loop {
            self.space();
            if self.takes('}') {
                return Ok(());
            }
            self.matcher()?;
            self.space();
            if self.takes('}') {
                return Ok(());
            }
            if !self.takes(',') {
                return Err(self.error("\",\" or \"}\""));
            }
        }
    }

    fn matcher(&mut self) -> Result<(), SyntaxError> {
        let is_quoted = self.text()?.is_some();
        if !is_quoted && !self.name(false) {
            return Err(self.error("a label name or \"}\""));
        }
        self.space();
        if is_quoted && matches!(self.peek(), Some(',' | '}')) {
            return Ok(());
        }
        let operator = [("=~", true), ("!~", true), ("!=", false), ("=", false)];
        let operator = operator.into_iter().find(|(operator, _)| self.takes_all(operator));
        let Some((_, is_regex)) = operator else { return Err(self.error("\"=\", \"!=\", \"=~\" or \"!~\"")) };
        self.space();
        let position = self.position + 1;
        let text = self.text()?.ok_or_else(|| self.error("a text in quotes"))?;
        self.values.push(Value { is_regex, text, position });
        Ok(())
    }

    /// Reads a name; only metrics have colons.
    fn name(&mut self, colons: bool) -> bool {
        let is_letter = |letter: char| letter.is_ascii_alphabetic() || letter == '_' || (colons && letter == ':');
        if !self.peek().is_some_and(is_letter) {
            return false;
        }
        while self.peek().is_some_and(|letter| is_letter(letter) || letter.is_ascii_digit()) {
            self.position += 1;
        }
        true
    }

    /// Reads a text in quotes of any of the three kinds. Backslashes escape, except between backquotes.
    fn text(&mut self) -> Result<Option<String>, SyntaxError> {
        let Some(quote @ ('"' | '\'' | '`')) = self.peek() else { return Ok(None) };
        let start = self.position;
        self.position += 1;
        let mut text = String::new();
        while let Some(letter) = self.peek() {
            self.position += 1;
            match letter {
                letter if letter == quote => return Ok(Some(text)),
                '\\' if quote != '`' => match self.peek() {
                    Some(escaped) => {
                        self.position += 1;
                        // Only regular expressions are read from here, where these are what matters.
                        text.extend(if matches!(escaped, '\\' | '"' | '\'') { None } else { Some('\\') });
                        text.push(escaped);
                    }
                    None => break,
                },
                letter => text.push(letter),
            }
        }
        self.position = start;
        Err(self.error("a closed text"))
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.position += 1;
        }
    }

    fn end(&self, expected: &'static str) -> Result<(), SyntaxError> {
        if self.peek().is_none() { Ok(()) } else { Err(self.error(expected)) }
    }

    fn peek(&self) -> Option<char> {
        self.characters.get(self.position).copied()
    }

    fn takes(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        self.position += usize::from(found);
        found
    }

    fn takes_all(&mut self, expected: &str) -> bool {
        let start = self.position;
        let found = expected.chars().all(|letter| self.takes(letter));
        if !found {
            self.position = start;
        }
        found
    }

    fn error(&self, expected: &'static str) -> SyntaxError {
        let rest = &self.characters[self.position..];
        let found = match rest {
            [] => "the end".to_owned(),
            rest => format!("{:?}", rest.iter().take(SHOWN).collect::<String>()),
        };
        SyntaxError { position: self.position + 1, expected, found }
    }
}
