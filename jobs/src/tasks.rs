//! Tasks that go on for as long as the service runs.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

use crate::database::Backoff;

/// The pause before a task that panicked is restarted. It doubles with each further panic.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Runs a task until it ends by itself. If it panics, it is restarted after a pause, so that a bug cannot end a task
/// that the service needs.
pub async fn restart_after_panics<F: Future<Output = ()>>(mut task: impl FnMut() -> F) {
    let mut pauses = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    while AssertUnwindSafe(task()).catch_unwind().await.is_err() {
        tokio::time::sleep(pauses.fail()).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_restarted_until_it_ends() {
        let (started, mut runs) = (Instant::now(), 0);
        restart_after_panics(|| {
            runs += 1;
            async move {
                tokio::task::yield_now().await;
                assert!(runs > 3, "a bug");
            }
        })
        .await;
        assert_eq!(runs, 4);
        assert_eq!(started.elapsed().as_secs(), 1 + 2 + 4);
    }
}
