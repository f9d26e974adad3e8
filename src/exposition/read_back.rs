//! A reader of what `render` writes, by the grammar of the formats and none of our code: what is read back is what was
//! rendered.

use playarr_jobs::metric::{Family, Kind};
use proptest::prelude::*;

use super::{Format, render};

type Sample = (String, Vec<(String, String)>, f64);

/// A sample of a line: `name{label="value",...} number`.
fn sample(line: &str) -> Sample {
    let name_end = line.find(['{', ' ']).expect("a name ends");
    let (name, mut rest) = line.split_at(name_end);
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"").expect("a label has a value");
            let (value, after) = quoted(after);
            labels.push((label.to_owned(), value));
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    let number = match rest.trim_start() {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        number => number.parse().expect("a number"),
    };
    (name.to_owned(), labels, number)
}

/// A text up to the quote that ends it, and what follows.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match letters.next().map(|(_, letter)| letter) {
                Some('n') => '\n',
                Some(letter @ ('"' | '\\')) => letter,
                letter => panic!("no such escape: {letter:?}"),
            }),
            letter => value.push(letter),
        }
    }
    panic!("the text does not end: {text:?}")
}

proptest! {
    #[test]
    fn what_is_rendered_is_read_back(
        rows in prop::collection::vec((any::<String>(), "[\"\\\\\n{},= é]{0,6}", any::<f64>()), 0..20),
        help in "[a-z\"\\\\\n ]{0,20}",
        is_counter: bool,
    ) {
        let kind = if is_counter { Kind::Counter } else { Kind::Gauge };
        let name = if is_counter { "playarr_x_total" } else { "playarr_x" };
        let samples = rows.iter().map(|(one, other, value)| (vec![&**one, &**other], *value));
        let family = Family::numbers(name, help, kind, &["a", "b"], samples);
        for format in Format::ALL {
            let mut text = Vec::new();
            render(&family, format, &mut text);
            let text = String::from_utf8(text).expect("UTF-8");
            // Only a line feed ends a line; `lines` also takes the carriage return before it.
            let lines = text.split_terminator('\n');
            let (comments, samples): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with('#'));
            prop_assert_eq!(comments.len(), 2);
            prop_assert_eq!(samples.len(), rows.len());
            for (line, (one, other, value)) in samples.into_iter().zip(&rows) {
                let (found, labels, number) = sample(line);
                prop_assert_eq!(found, name);
                let expected = [("a".to_owned(), one.clone()), ("b".to_owned(), other.clone())];
                prop_assert_eq!(labels, expected);
                #[expect(clippy::float_cmp, reason = "all digits are written")]
                let is_same = number == *value || (number.is_nan() && value.is_nan());
                prop_assert!(is_same, "{line}");
            }
        }
    }
}
