//! `EPISODES_DETAIL`: how many labels the episodes gauge has.

use std::str::FromStr;

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

impl FromStr for EpisodesDetail {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "title" => Ok(Self::Title),
            "season" => Ok(Self::Season),
            "source" => Ok(Self::Source),
            _ => Err(()),
        }
    }
}
