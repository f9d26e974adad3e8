//! What a library is used for, in a few numbers.

/// How many streams and cache operations there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requested streams, in the order of [`super::MediaType`].
    pub streams: [u64; 3],
    /// Cache operations, in the order of [`super::CacheOutcome`].
    pub cache: [u64; 2],
}

impl Traffic {
    /// What came after an earlier moment.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        self.with(earlier, u64::saturating_sub)
    }

    /// Both together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    fn with(&self, other: &Self, combine: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            streams: std::array::from_fn(|place| combine(self.streams[place], other.streams[place])),
            cache: std::array::from_fn(|place| combine(self.cache[place], other.cache[place])),
        }
    }
}
