//! Moments in answers.

use std::time::{Duration, SystemTime};

use playarr_jobs::database::Outage;

/// The year 10000, which RFC 3339 cannot write.
const END_OF_TIME: Duration = Duration::from_secs(253_402_300_800);

/// A moment as RFC 3339 writes it, to the millisecond; `None` before 1970 and after 9999.
pub(in crate::http) fn rfc3339(time: SystemTime) -> Option<String> {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    (since_epoch < END_OF_TIME).then(|| humantime::format_rfc3339_millis(time).to_string())
}

/// When an outage began and how long it lasts, as the end of a sentence: "since 14:03 UTC (5 min)".
pub(in crate::http) fn since(outage: &Outage) -> String {
    const DAY: u64 = 24 * 60 * 60;
    let seconds = outage.began.elapsed().as_secs();
    let lasts = match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..DAY => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        DAY.. => format!("{} d {} h", seconds / DAY, seconds / 3_600 % 24),
    };
    let Some(began) = rfc3339(outage.since) else { return format!("for {lasts}") };
    // 2026-11-25T14:03:59.000Z
    let (date, time) = (&began[..10], &began[11..16]);
    if seconds < DAY { format!("since {time} UTC ({lasts})") } else { format!("since {date} {time} UTC ({lasts})") }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn an_outage_is_told_with_its_beginning_and_its_length() {
        let told = |seconds| {
            let since = SystemTime::UNIX_EPOCH + Duration::from_secs(14 * 3_600 + 3 * 60 + 59);
            // A machine that started only just now has no such moment.
            let began = Instant::now().checked_sub(Duration::from_secs(seconds))?;
            Some(super::since(&Outage { since, began, reason: String::new() }))
        };
        for (seconds, expected) in [
            (4, "since 14:03 UTC (4 s)"),
            (300, "since 14:03 UTC (5 min)"),
            (7_260, "since 14:03 UTC (2 h 1 min)"),
            (180_000, "since 1970-01-01 14:03 UTC (2 d 2 h)"),
        ] {
            assert!(told(seconds).is_none_or(|told| told == expected), "{seconds}: {:?}", told(seconds));
        }
    }
}
