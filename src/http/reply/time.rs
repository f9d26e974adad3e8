//! Moments in answers.

use std::time::{Duration, SystemTime};

/// The year 10000, which RFC 3339 cannot write.
const END_OF_TIME: Duration = Duration::from_secs(253_402_300_800);

/// A moment as RFC 3339 writes it, to the millisecond; `None` before 1970 and after 9999.
pub(in crate::http) fn rfc3339(time: SystemTime) -> Option<String> {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    (since_epoch < END_OF_TIME).then(|| humantime::format_rfc3339_millis(time).to_string())
}
