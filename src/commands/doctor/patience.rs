//! How long MongoDB may take.

use std::time::Duration;

/// How long one answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
