//! `EPISODES_DETAIL`: how many labels the episodes gauge has.

/// How finely episodes are told apart: each step leaves a label away.
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
