//! What tests stand on: libraries, an oracle that counts them independently, and a running service.

#[cfg(feature = "system-tests")]
pub(crate) mod browser;
pub(crate) mod certificates;
#[cfg(feature = "system-tests")]
pub(crate) mod dns;
pub(crate) mod exposition;
pub(crate) mod guarded;
#[cfg(feature = "system-tests")]
pub(crate) mod home;
pub(crate) mod hostile;
pub(crate) mod library;
pub(crate) mod oracle;
pub(crate) mod program;
#[cfg(feature = "system-tests")]
pub(crate) mod prometheus;
pub(crate) mod promql;
pub(crate) mod proxy;
pub(crate) mod random_library;
pub(crate) mod running;
pub(crate) mod secure;
pub(crate) mod service;
#[cfg(feature = "system-tests")]
pub(crate) mod stage;
pub(crate) mod traffic;
pub(crate) mod two_days;

use std::time::{Duration, Instant};

/// Awaits a condition, asked every 20 ms.
///
/// # Panics
/// If it does not come true within `limit`.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, limit: Duration, mut holds: impl FnMut() -> F) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < limit, "not within {} s: {what}", limit.as_secs_f64());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Awaits an answer, asked for every 20 ms.
///
/// # Panics
/// If there is none within 20 s.
pub(crate) async fn awaited<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "not within 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
