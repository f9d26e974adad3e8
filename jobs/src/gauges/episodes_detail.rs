//! `EPISODES_DETAIL`: how many labels the episodes gauge has.

/// The labels of the episodes gauge; each step drops one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EpisodesDetail {
    /// By source, title and season.
    #[default]
    Title,
    /// By source and season.
    Season,
    /// By source.
    Source,
}
