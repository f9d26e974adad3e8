//! A guard that times a piece of work and records how it ended.

use std::marker::PhantomData;
use std::time::{Duration, Instant};

use super::Live;
use super::event::{Event, Status};

/// Times a piece of work from [`Live::timer`] on. Records a failure when it is dropped, be it by `?`, by a panic or
/// because the caller gave up; a success only when it is told of one.
#[must_use = "what is timed ends when this is dropped"]
pub struct Timer<'a, E, F>
where
    E: Into<Event<'a>>,
    F: Fn(Status, Duration) -> E,
{
    live: Live,
    started: Instant,
    status: Status,
    event: F,
    borrowed: PhantomData<fn() -> Event<'a>>,
}

impl<'a, E, F> Timer<'a, E, F>
where
    E: Into<Event<'a>>,
    F: Fn(Status, Duration) -> E,
{
    pub(super) fn new(live: Live, event: F) -> Self {
        Self { live, started: Instant::now(), status: Status::Failure, event, borrowed: PhantomData }
    }

    /// Records a success.
    pub fn success(mut self) {
        self.status = Status::Success;
    }
}

impl<'a, E, F> Drop for Timer<'a, E, F>
where
    E: Into<Event<'a>>,
    F: Fn(Status, Duration) -> E,
{
    fn drop(&mut self) {
        self.live.record(&(self.event)(self.status, self.started.elapsed()).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::{JobExecution, Label};

    #[test]
    fn a_timer_records_how_the_work_ended_once() {
        let live = Live::new();
        let name = "Sync".to_owned();
        let timer = || {
            live.timer(|status, duration| JobExecution {
                job_type: Label::repaired(&name),
                status,
                duration_seconds: duration.into(),
            })
        };
        timer().success();
        timer().success();
        drop(timer());
        let families = live.gather();
        let runs = families.iter().find(|family| family.name == "playarr_job_executions_total").unwrap();
        let playarr_jobs::metric::Points::Numbers(counts) = &runs.points else { panic!() };
        assert_eq!(*counts, [2.0, 1.0], "successes, failures");
    }
}
