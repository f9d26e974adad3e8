//! The gauges, by domain. A new gauge is one function in its domain's file and its line in the list here.

mod channels;
mod library;
mod providers;
mod users;

use std::str::FromStr;

use mongodb::bson::{Bson, doc};

use crate::definition::Definition;

/// All gauges, in the order in which they are exposed.
#[must_use]
pub fn all(detail: EpisodesDetail) -> Vec<Definition> {
    vec![
        library::provider_titles(),
        library::ignored_provider_titles(),
        library::main_titles(),
        library::episodes(detail),
        channels::channels(),
        users::watchlist_titles(),
        users::watchlist_channels(),
        users::active_users(),
        providers::active_connections(),
        providers::max_connections(),
        providers::active(),
        providers::expiration(),
    ]
}

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

/// The two kinds of titles, which always show.
const MEDIA_TYPES: [&str; 2] = ["movies", "tvshows"];

/// An expression: the field's value if it can be a label, else null.
///
/// To a `$group`, a decimal 1 and an integer 1 are one key, known by the type of whichever came first. Only the
/// integer is a label value, so what can be none is made null before it is grouped.
pub(crate) fn labelable(field: &str) -> Bson {
    let path = format!("${field}");
    doc! { "$cond": [
        { "$in": [{ "$type": &path }, ["string", "int", "long", "double"]] },
        &path,
        null,
    ] }
    .into()
}

/// An expression: whether the field is exactly this text. To MongoDB a symbol equals the string of its letters.
fn is_text(field: &str, text: &str) -> Bson {
    let path = format!("${field}");
    doc! { "$and": [{ "$eq": [{ "$type": &path }, "string"] }, { "$eq": [&path, text] }] }.into()
}

/// An expression: whether the field is an object (`{$type: "object"}` in a `$match` also takes arrays of them).
fn is_object(field: &str) -> Bson {
    doc! { "$eq": [{ "$type": format!("${field}") }, "object"] }.into()
}

/// An expression: the length of an array that is a field of an object, 0 for whatever is none.
fn length(object: &str, array: &str) -> Bson {
    // A path through an array of objects would collect their fields into an array that nobody stored.
    let path = format!("${object}.{array}");
    doc! { "$cond": [{ "$and": [is_object(object), { "$isArray": &path }] }, { "$size": &path }, 0] }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_can_be_rendered_in_both_formats() {
        for definition in all(EpisodesDetail::Title) {
            assert!(definition.name.starts_with("playarr_"), "{}", definition.name);
            assert!(definition.help.ends_with('.'), "{}: HELP is a sentence", definition.name);
            assert!(
                !definition.help.contains(['"', '\\', '\n']),
                "{}: HELP needs no escapes",
                definition.name
            );
            assert!(!definition.queries.is_empty(), "{}", definition.name);
            let kept_exists = definition.keep.is_none() || definition.kept_label().is_some();
            assert!(kept_exists, "{} keeps a label it has", definition.name);
        }
    }

    #[test]
    fn each_step_of_the_episodes_detail_leaves_a_label_away() {
        let labels = |detail| library::episodes(detail).labels;
        assert_eq!(labels(EpisodesDetail::Title), ["source", "title_name", "season"]);
        assert_eq!(labels(EpisodesDetail::Season), ["source", "season"]);
        assert_eq!(labels(EpisodesDetail::Source), ["source"]);
    }
}
