//! Names from the database as a page shows them.

use std::fmt::Write;

/// The text with every character that hides or reorders others replaced by an escape such as `\u{202e}`. The scripts'
/// `visible` in `text.js` does the same.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_invisible(c) {
            // Writing to a string cannot fail.
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Control characters apart from tab and line feed, and those of Unicode's category Cf that set or override the
/// direction of text, are zero wide, or are not characters at all. The joiners U+200C and U+200D belong to words and
/// emoji and stay.
fn is_invisible(c: char) -> bool {
    match c {
        '\t' | '\n' => false,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}' => true,
        '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        _ => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::{is_invisible, visible};

    #[test]
    fn characters_that_hide_or_reorder_others_are_escaped_and_all_else_stays() {
        assert_eq!(visible("ali\u{202e}ce\u{2066}\u{200f}"), "ali\\u{202e}ce\\u{2066}\\u{200f}");
        assert_eq!(visible("\0\u{1b}[1m\u{7f}\u{9b}"), "\\u{0}\\u{1b}[1m\\u{7f}\\u{9b}");
        assert_eq!(visible("a\u{200b}b\u{feff}\u{ad}"), "a\\u{200b}b\\u{feff}\\u{ad}");
        for plain in ["", "Zoë", "שלום עולם", "مرحبا", "line\n\ttab", "👩\u{200d}👧", "نمی\u{200c}خواهم"]
        {
            assert_eq!(visible(plain), plain);
        }
    }
    /// The browser tests check `text.js` against the same numbers.
    #[test]
    fn the_scripts_escape_the_same_characters() {
        let escaped = ('\0'..=char::MAX).filter(|&c| is_invisible(c));
        let (count, sum) = escaped.fold((0, 0), |(count, sum), c| (count + 1, sum + u64::from(c)));
        assert_eq!((count, sum), (224, 117_938_589));
    }
}
