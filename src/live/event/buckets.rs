//! The upper bounds of the buckets of histograms, in seconds: one list for each kind of work.

/// Requests for streams and the choice of their source.
pub(super) const PLAYBACK: &[f64] = &[0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];

/// Synchronisations of a provider.
pub(super) const SYNC: &[f64] = &[1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];

/// Requests to a provider's API.
pub(super) const PROVIDER_API: &[f64] = &[0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];

/// Runs of jobs.
pub(super) const JOB: &[f64] = &[0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];

/// HTTP requests. The service sorts its own scrapes into these as well.
pub const HTTP: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
