//! A guard that times a piece of work and records how it ended.

use std::marker::PhantomData;
use std::time::{Duration, Instant};

use super::Live;
use super::event::Event;
use super::event::label::Status;

/// Times a piece of work from [`Live::timer`] on. Records a failure when it is dropped, be it by `?`, by a panic or
/// because the caller gave up; a success only when it is told of one.
#[must_use = "what is timed ends when this is dropped"]
pub struct Timer<'a, F>
where
    F: Fn(Status, Duration) -> Event<'a>,
{
    live: Live,
    started: Instant,
    status: Status,
    event: F,
    borrowed: PhantomData<fn() -> Event<'a>>,
}

impl<'a, F> Timer<'a, F>
where
    F: Fn(Status, Duration) -> Event<'a>,
{
    pub(super) fn new(live: Live, event: F) -> Self {
        Self { live, started: Instant::now(), status: Status::Failure, event, borrowed: PhantomData }
    }

    /// Records a success.
    pub fn success(mut self) {
        self.status = Status::Success;
    }
}

impl<'a, F> Drop for Timer<'a, F>
where
    F: Fn(Status, Duration) -> Event<'a>,
{
    fn drop(&mut self) {
        self.live.record(&(self.event)(self.status, self.started.elapsed()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::Label;

    #[test]
    fn a_timer_records_how_the_work_ended_once() {
        let live = Live::new();
        let name = "Sync".to_owned();
        let timer = || {
            live.timer(|status, duration| Event::JobExecution {
                job_type: Label::repaired(&name),
                status,
                duration,
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
