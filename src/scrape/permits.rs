//! How many scrapes are answered at once.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::exposition::Format;

/// ScrapePermits for scrapes, each taken until its answer is sent.
#[derive(Debug)]
pub struct ScrapePermits {
    all: usize,
    taken: AtomicUsize,
    /// Answers sent by format. Beside what each answer writes to anyway, where counting costs next to nothing.
    answered: [AtomicU64; Format::ALL.len()],
}

impl ScrapePermits {
    /// This many free places.
    #[must_use]
    pub fn new(all: usize) -> Self {
        Self { all, taken: AtomicUsize::new(0), answered: Default::default() }
    }

    /// Takes a place, if one is free.
    #[must_use]
    pub fn take(&self) -> bool {
        let is_free = self.taken.fetch_add(1, Ordering::Relaxed) < self.all;
        if !is_free {
            self.taken.fetch_sub(1, Ordering::Relaxed);
        }
        is_free
    }

    /// Gives a place back whose scrape was answered in this format.
    pub fn give_back(&self, format: Format) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
        self.answered[format as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many scrapes were answered in this format.
    #[must_use]
    pub fn answered(&self, format: Format) -> u64 {
        self.answered[format as usize].load(Ordering::Relaxed)
    }
}
