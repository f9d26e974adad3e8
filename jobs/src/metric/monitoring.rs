//! Panels, recording rules and alerts of a metric, as data in no particular format.
//!
//! They stand beside the metric they are about, so that a new metric with its panel and its alert is one edit. Queries
//! are PromQL. Those of panels may use the dashboard's variables `$provider`, `$user` and `$media_type`, and Grafana's
//! own (`$__rate_interval`, `$__range`); those of rules may use what recording rules record.
//!
//! Several instances may watch one database. Gauges computed from it are the same in all of them, so a query first
//! takes their `max` and then sums; what happens live happens to one of them, so it is summed at once.
//!
//! Queries and texts name a provider by its `provider_id`: a legend with `{{provider_id}}`, a text of an alert with
//! `{{ $labels.provider_id }}`. The generators replace the id by the name, and such an alert holds for enabled
//! providers only.

/// The monitoring of a family.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Monitoring {
    /// Panels of the dashboard.
    pub panels: &'static [Panel],
    /// Recording rules, for queries that several alerts share or that are hard to read.
    pub recordings: &'static [Recording],
    /// Alerting rules.
    pub alerts: &'static [Alert],
}

impl Monitoring {
    /// No monitoring at all.
    pub const NONE: Self = Self { panels: &[], recordings: &[], alerts: &[] };
}

/// A row of the dashboard. The layout of the dashboard says in which order rows come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What to see first.
    Overview,
    /// The providers: accounts, catalogues, APIs.
    Providers,
    /// The merged library.
    Library,
    /// Users and what they do.
    Users,
    /// Streams and the sources they come from.
    Streams,
    /// Jobs.
    Jobs,
    /// What admins defined themselves.
    Custom,
    /// The metrics service itself and what it runs on.
    Service,
}

impl Section {
    /// The heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Providers => "Providers",
            Self::Library => "Library",
            Self::Users => "Users",
            Self::Streams => "Streams",
            Self::Jobs => "Jobs",
            Self::Custom => "Custom",
            Self::Service => "The metrics service",
        }
    }
}

/// How a panel shows its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PanelKind {
    /// One number, as of now.
    Stat,
    /// Lines over time.
    Lines,
    /// Lines over time, one on top of the other.
    Stacked,
    /// A bar for each series, as of now.
    Bars,
    /// A row for each label set and a column for each query, as of now, in these units.
    Table(&'static [Unit]),
}

/// The unit of a panel's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things that are counted.
    Count,
    /// Things that happen, per minute.
    PerMinute,
    /// Seconds of a duration.
    Seconds,
    /// Bytes.
    Bytes,
    /// A fraction: 1 is the whole, shown as 100 %.
    Ratio,
    /// Milliseconds since the Unix epoch, shown as how far away that is.
    FromNow,
    /// 0 is no, anything else is yes.
    YesNo,
}

/// How good or bad a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// All is well.
    Good,
    /// Somebody should look at it.
    Warn,
    /// Somebody should act.
    Bad,
}

/// A panel of the dashboard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Panel {
    /// The row it stands in.
    pub section: Section,
    /// Its heading.
    pub title: &'static str,
    /// What it shows and how to read it.
    pub description: &'static str,
    /// How it shows it.
    pub kind: PanelKind,
    /// The unit of its numbers; each column of a table has a unit of its own.
    pub unit: Unit,
    /// Queries, each with its legend (`{{label}}` stands for the value of a label; a table's is the column's heading).
    pub queries: &'static [(&'static str, &'static str)],
    /// The lowest number of each level, in ascending order. The first level has no lower end: its number is ignored.
    pub levels: &'static [(f64, Level)],
}

impl Panel {
    /// A panel without levels.
    #[must_use]
    pub const fn new(
        section: Section,
        kind: PanelKind,
        unit: Unit,
        title: &'static str,
        description: &'static str,
        queries: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self { section, title, description, kind, unit, queries, levels: &[] }
    }

    /// Sets thresholds: each level applies from its number up.
    #[must_use]
    pub const fn levels(mut self, levels: &'static [(f64, Level)]) -> Self {
        self.levels = levels;
        self
    }
}

/// A recording rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recording {
    /// The name of what is recorded, `<labels>:<what>:<how>`.
    pub name: &'static str,
    /// The query.
    pub expr: &'static str,
}

/// How urgent an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Somebody should act now.
    Critical,
    /// Somebody should look today.
    Warning,
    /// Good to know.
    Info,
}

impl Severity {
    /// The value of the label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// An alerting rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alert {
    /// Its name, which is also its heading in the runbook.
    pub name: &'static str,
    /// How urgent it is.
    pub severity: Severity,
    /// How long the query must have results before the alert fires (`for`), as Prometheus writes durations.
    pub hold: &'static str,
    /// The query; each of its results is one alert.
    pub expr: &'static str,
    /// What is wrong, in a line.
    pub summary: &'static str,
    /// What is wrong, with the values of labels (`{{ $labels.name }}`) and the number (`{{ $value }}`).
    pub description: &'static str,
}
