//! Mutated inputs for functions that must take anything: the fuzz targets of the tests.
//!
//! A target says what it made of an input, in a few words. An input with a new outcome joins the corpus, so that
//! mutations go deeper, without instruments in the code. It runs with the stable toolchain, inside the unit tests, and
//! so reaches what is private.
//!
//! `PLAYARR_FUZZ_RUNS` is the number of inputs of each target, and `PLAYARR_FUZZ_SEED` repeats a run.

mod mutation;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use mutation::mutate;

/// The inputs of a target in an ordinary test run.
const RUNS: u64 = 20_000;

/// The most inputs that the corpus grows to.
const MAX_CORPUS: usize = 4_096;

/// The longest input, in bytes.
const MAX_BYTES: usize = 8 << 10;

/// As [`fuzz`], with a tenth of the inputs, for targets that take long.
///
/// # Panics
/// As [`fuzz`].
pub fn fuzz_slowly<O: Hash>(name: &str, corpus: &[&[u8]], words: &[&str], target: impl FnMut(&[u8]) -> O) {
    fuzz_some(10, name, corpus, words, target);
}

/// Gives inputs to `target`: first those of the corpus, then mutations of them, which may contain the `words`.
///
/// # Panics
/// When the target does, after saying on stderr which input did it and how to repeat the run.
pub fn fuzz<O: Hash>(name: &str, corpus: &[&[u8]], words: &[&str], target: impl FnMut(&[u8]) -> O) {
    fuzz_some(1, name, corpus, words, target);
}

fn fuzz_some<O: Hash>(share: u64, name: &str, corpus: &[&[u8]], words: &[&str], mut target: impl FnMut(&[u8]) -> O) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let runs = number("PLAYARR_FUZZ_RUNS").unwrap_or(RUNS) / share;
    let seed = number("PLAYARR_FUZZ_SEED").unwrap_or_else(|| rand::rng().next_u64());
    let mut random = StdRng::seed_from_u64(seed);
    let mut corpus: Vec<Vec<u8>> = corpus.iter().map(|&input| input.to_vec()).collect();
    assert!(!corpus.is_empty(), "{name} needs an input to begin with");
    let first = corpus.len();
    let mut outcomes = HashSet::new();
    let started = Instant::now();
    for run in 0..runs {
        let input = match corpus.get(usize::try_from(run).unwrap_or(usize::MAX)) {
            Some(input) if run < first as u64 => input.clone(),
            _ => {
                let other = &corpus[random.random_range(0..corpus.len())];
                let mut input = corpus[random.random_range(0..corpus.len())].clone();
                mutate(&mut input, other, words, &mut random);
                input.truncate(MAX_BYTES);
                input
            }
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| target(&input))).unwrap_or_else(|panic| {
            eprintln!("{name} panicked at input {run} of PLAYARR_FUZZ_SEED={seed}: \"{}\"", input.escape_ascii());
            resume_unwind(panic)
        });
        let mut hasher = DefaultHasher::new();
        outcome.hash(&mut hasher);
        if outcomes.insert(hasher.finish()) && corpus.len() < MAX_CORPUS {
            corpus.push(input);
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let rate = runs as f64 / seconds;
    println!("{name}: {runs} inputs, {} outcomes, {seconds:.1} s, {rate:.0} a second, seed {seed}", outcomes.len());
}

/// Words of extended JSON, for documents of MongoDB.
pub const EXTENDED_JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    "null",
    "{\"$numberLong\":\"9223372036854775807\"}",
    "{\"$numberLong\":\"-1\"}",
    "{\"$numberDouble\":\"NaN\"}",
    "{\"$date\":{\"$numberLong\":\"-9\"}}",
];

/// Bytes between which documents of BSON branch: types of elements (<https://bsonspec.org/spec.html>), and numbers.
pub const RAW_BSON: &[&str] = &[
    "\x01",
    "\x02",
    "\x03",
    "\x04",
    "\x05",
    "\x08",
    "\x09",
    "\x0a",
    "\x0e",
    "\x10",
    "\x11",
    "\x12",
    "\x13",
    "\x7f",
    "\0",
    "\0\0\0\0",
    "\x01\0\0\0\0\0\0\0",
    "\u{10ffff}",
];

/// A document of BSON with these elements: before them it has its length, and after them a zero.
///
/// # Panics
/// Beyond 2 GiB, which no input reaches.
#[must_use]
pub fn bson_of(elements: &[u8]) -> Vec<u8> {
    let length = i32::try_from(elements.len() + 5).expect("an input is short");
    [&length.to_le_bytes(), elements, &[0]].concat()
}

/// The elements of a document of BSON, to be mutated.
///
/// # Panics
/// If it is shorter than any document.
#[must_use]
pub fn elements_of(bson: &[u8]) -> &[u8] {
    &bson[4..bson.len() - 1]
}

/// The words of a message without what it quotes and counts, so that messages of one kind are one outcome.
#[must_use]
pub fn kind_of(message: &str) -> String {
    let words = message.split(|letter: char| !letter.is_ascii_alphabetic()).filter(|word| word.len() > 2);
    words.take(12).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_behind_several_conditions_is_found() {
        let found = catch_unwind(|| {
            fuzz("the example", &[b"{}"], &["deep", ":"], |input| {
                let text = String::from_utf8_lossy(input);
                let depth = [text.contains("deep"), text.contains("deep:"), text.contains("deep:{")];
                assert!(depth != [true; 3], "found");
                depth
            });
        });
        assert!(found.is_err());
    }
}
