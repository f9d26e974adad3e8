//! The name to show for a provider, in PromQL.
//!
//! Each query has a series of value 1 for each provider, with the text to show in the label `provider`: the name, with
//! the id where several providers have that name, or the id alone where the name is unknown. `topk` leaves one name for
//! an id: of several instances, those that refreshed before a renaming still show the old one.

use crate::metric::Recording;

/// The names by `provider_id`, for panels: their queries leave the label `job` away.
pub const PROVIDER_NAMES: &str = r#"label_replace(label_join(
  topk by (provider_id) (1, max by (provider_id, provider_name) (playarr_provider_info{provider_name!="unknown"}))
  and on (provider_name)
  count by (provider_name) (max by (provider_id, provider_name) (playarr_provider_info{provider_name!="unknown"})) > 1,
"provider", " (", "provider_name", "provider_id"), "provider", "$1)", "provider", "(.*)")
or on (provider_id) label_replace(
  topk by (provider_id) (1, max by (provider_id, provider_name) (playarr_provider_info{provider_name!="unknown"})),
"provider", "$1", "provider_name", "(.*)")
or on (provider_id) label_replace(
  max by (provider_id, provider_name) (playarr_provider_info{provider_name="unknown"}),
"provider", "$1", "provider_id", "(.*)")"#;

/// What is recorded for the texts of alerts: the names by `job` and `provider_id`.
pub const RECORDED_PROVIDER_NAMES: &str = "provider:playarr_provider_info:name";

pub(super) const RECORDING: Recording = Recording {
    name: RECORDED_PROVIDER_NAMES,
    expr: r#"label_replace(label_join(
  topk by (job, provider_id) (1,
    max by (job, provider_id, provider_name) (playarr_provider_info{provider_name!="unknown"}))
  and on (job, provider_name)
  count by (job, provider_name) (
    max by (job, provider_id, provider_name) (playarr_provider_info{provider_name!="unknown"})) > 1,
"provider", " (", "provider_name", "provider_id"), "provider", "$1)", "provider", "(.*)")
or on (job, provider_id) label_replace(
  topk by (job, provider_id) (1,
    max by (job, provider_id, provider_name) (playarr_provider_info{provider_name!="unknown"})),
"provider", "$1", "provider_name", "(.*)")
or on (job, provider_id) label_replace(
  max by (job, provider_id, provider_name) (playarr_provider_info{provider_name="unknown"}),
"provider", "$1", "provider_id", "(.*)")"#,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_and_alerts_show_the_same_names() {
        let words = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(words(&RECORDING.expr.replace("job, ", "")), words(PROVIDER_NAMES));
    }
}
