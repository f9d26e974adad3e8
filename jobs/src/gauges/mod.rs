//! The gauges, by domain. A new gauge is one more entry in the list of its domain's file.

mod channels;
mod episodes_detail;
mod library;
mod providers;
mod users;

pub use episodes_detail::EpisodesDetail;
pub use providers::{ENABLED_PROVIDERS, PROVIDER_NAMES, RECORDED_PROVIDER_NAMES};

pub use crate::collect::Definition;

/// All gauges, in the order in which they are exposed.
#[must_use]
pub fn all(detail: EpisodesDetail) -> Vec<Definition> {
    [library::definitions(detail), channels::definitions(), users::definitions(), providers::definitions()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_can_be_rendered_in_both_formats() {
        for definition in all(EpisodesDetail::Title) {
            assert!(definition.name.starts_with("playarr_"), "{}", definition.name);
            assert!(definition.help.ends_with('.'), "{}: HELP is a sentence", definition.name);
            assert!(!definition.help.contains(['"', '\\', '\n']), "{}: HELP needs no escapes", definition.name);
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
