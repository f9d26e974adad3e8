//! Links to other programs.

/// Where queries can be opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct QueryLinks {
    /// The address of Prometheus.
    pub(crate) prometheus: Option<String>,
    /// The address of Grafana.
    pub(crate) grafana: Option<String>,
}
