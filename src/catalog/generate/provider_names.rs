//! What holds for all panels and alerts about single providers: they show names, and alerts leave out providers that
//! are disabled or deleted. Definitions speak of `provider_id`; the rest is added here, so that none can forget it.

use playarr_jobs::gauges::{ENABLED_PROVIDERS, RECORDED_PROVIDER_NAMES};

/// How the text of an alert mentions the provider.
const ID_IN_TEXT: &str = "{{ $labels.provider_id }}";

/// How the legend of a panel mentions the provider.
const ID_IN_LEGEND: &str = "{{provider_id}}";

/// The dashboard's variable with the names, a query. It is inserted as it is (`raw`), without escapes.
pub(super) const NAMES_VARIABLE: &str = "provider_names";

/// Whether the text of an alert mentions a provider.
pub(super) fn is_mentioned(text: &str) -> bool {
    text.contains(ID_IN_TEXT)
}

/// The query of an alert for providers that have been enabled for an hour.
pub(super) fn of_enabled(expr: &str) -> String {
    format!("{expr}\nand on (job, provider_id) {ENABLED_PROVIDERS} == 1")
}

/// The text of an alert with the provider's name in place of its id, which stays where no name is known.
///
/// Prometheus looks the name up for each notification. As a label it would end the alert and begin another one whenever
/// somebody renames the provider.
pub(super) fn named_in_text(text: &str) -> String {
    let series = format!("`{RECORDED_PROVIDER_NAMES}{{job=%q,provider_id=%q}}`");
    let lookup = format!(
        "{{{{ $provider := $labels.provider_id }}}}\
         {{{{ range printf {series} $labels.job $labels.provider_id | query }}}}\
         {{{{ $provider = .Labels.provider }}}}{{{{ end }}}}"
    );
    lookup + &text.replace(ID_IN_TEXT, "{{ $provider }}")
}

/// Whether a query of a panel has a series for each provider, by its legend or, in a table, by its labels.
pub(super) fn is_shown(expr: &str, legend: &str, is_table: bool) -> bool {
    legend.contains(ID_IN_LEGEND) || (is_table && expr.contains("by (provider_id"))
}

/// A query of a panel with the provider's name in the label `provider`, and its legend with that label. Providers
/// without a name, which are the deleted ones, are left out.
pub(super) fn named_in_panel(expr: &str, legend: &str) -> (String, String) {
    let names = format!("${{{NAMES_VARIABLE}:raw}}");
    let expr = format!("({expr})\n* on (provider_id) group_left (provider) ({names})");
    (expr, legend.replace(ID_IN_LEGEND, "{{provider}}"))
}
