//! Changes to an input.

use rand::RngExt;
use rand::rngs::StdRng;

/// The most changes to an input at once.
const MAX_CHANGES: usize = 6;

/// Bytes at which parsers branch.
const BYTES: &[u8] = b"\0\x01\x7f\x80\xff {}[]()<>\"'`\\,:;=&?%#+-.0123456789eE\n\r\t$_/*";

/// Numbers at the limits of their types.
const NUMBERS: &[&str] = &[
    "0",
    "-0.0",
    "1e308",
    "-1e-400",
    "1",
    "-1",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "NaN",
    "Infinity",
];

/// Changes an input a few times. `other` is another input, to take parts of.
pub(crate) fn mutate(input: &mut Vec<u8>, other: &[u8], words: &[&str], random: &mut StdRng) {
    // Most inputs change in one or two places, so that the rest of them stays valid.
    let changes = random.random_range(1..=MAX_CHANGES).min(random.random_range(1..=MAX_CHANGES));
    for _ in 0..changes {
        let at = random.random_range(0..=input.len());
        let end = (at + random.random_range(0..=16)).min(input.len());
        match random.random_range(0..30) {
            0 if at < input.len() => input[at] ^= 1 << random.random_range(0..8),
            1 if at < input.len() => input[at] = pick(BYTES, random),
            2 => input.insert(at, pick(BYTES, random)),
            3 => drop(input.drain(at..end)),
            4 => {
                let part = input[at..end].to_vec();
                drop(input.splice(at..at, part));
            }
            5 => input.truncate(at),
            6..=8 => insert(input, at, pick(NUMBERS, random).as_bytes()),
            9..=11 => drop(input.splice(at..end, pick(NUMBERS, random).bytes())),
            12..=15 if !other.is_empty() => {
                let from = random.random_range(0..other.len());
                let to = random.random_range(from..=other.len());
                insert(input, at, &other[from..to]);
            }
            16..=20 if !words.is_empty() => drop(input.splice(at..end, pick(words, random).bytes())),
            _ if !words.is_empty() => insert(input, at, pick(words, random).as_bytes()),
            _ => insert(input, at, &[random.random()]),
        }
    }
}

fn insert(input: &mut Vec<u8>, at: usize, part: &[u8]) {
    input.splice(at..at, part.iter().copied());
}

fn pick<T: Copy>(from: &[T], random: &mut StdRng) -> T {
    from[random.random_range(0..from.len())]
}
