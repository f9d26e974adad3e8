//! Streams and cache operations over time, in a few kilobytes however long the process runs.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use serde::Deserialize;

use crate::live::Traffic;

/// The time between two samples of the totals.
pub(crate) const SAMPLE_INTERVAL: Duration = Duration::from_secs(10);

/// The largest number of complete points of a window.
pub(crate) const MAX_POINTS: usize = 120;

/// The period shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Window {
    /// The last hour, in points of half a minute.
    #[default]
    Hour,
    /// Since the process started; the longer it runs, the longer the points.
    Life,
}

/// What happened since the process started.
#[derive(Debug)]
pub(crate) struct Timeline {
    /// The last sample and its time.
    last: Option<(Instant, Traffic)>,
    hour: Track,
    life: Track,
}

/// A timeline up to now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TimelineView {
    /// The start of the first point.
    pub(crate) begins: SystemTime,
    /// The length of a point.
    pub(crate) step: Duration,
    /// What was counted in each; the last one is not complete.
    pub(crate) points: Vec<Traffic>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            last: None,
            hour: Track::new(3, |points, _| {
                points.pop_front();
            }),
            life: Track::new(1, |points, step| {
                // Half as many points of twice the length.
                *points = points.make_contiguous().chunks(2).map(sum).collect();
                *step *= 2;
            }),
        }
    }
}

impl Timeline {
    /// Adds a sample, every [`SAMPLE_INTERVAL`]. What is in the first one was counted before this process started.
    pub(crate) fn sample(&mut self, now: Instant, total: Traffic) {
        if let Some((_, last)) = &self.last {
            let new = total.since(last);
            self.hour.push(&new);
            self.life.push(&new);
        }
        self.last = Some((now, total));
    }

    /// The timeline up to now; `None` before the first sample.
    #[must_use]
    pub(crate) fn view(&self, window: Window, now: (Instant, SystemTime), total: &Traffic) -> Option<TimelineView> {
        let (sampled, last) = self.last.as_ref()?;
        let track = match window {
            Window::Hour => &self.hour,
            Window::Life => &self.life,
        };
        let open = track.open.and(&total.since(last));
        let points: Vec<_> = track.points.iter().copied().chain([open]).collect();
        let samples = u32::try_from(track.points.len()).unwrap_or(u32::MAX).saturating_mul(track.step);
        let before = SAMPLE_INTERVAL.saturating_mul(samples.saturating_add(track.filled));
        let age = now.0.saturating_duration_since(*sampled) + before;
        let begins = now.1.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        Some(TimelineView { begins, step: SAMPLE_INTERVAL.saturating_mul(track.step), points })
    }
}

/// Points of equal length.
#[derive(Debug)]
struct Track {
    points: VecDeque<Traffic>,
    /// The point that is not complete, and the number of its samples.
    open: Traffic,
    filled: u32,
    /// The number of samples in a complete point.
    step: u32,
    /// Makes room for another point.
    make_room: fn(&mut VecDeque<Traffic>, &mut u32),
}

impl Track {
    fn new(step: u32, make_room: fn(&mut VecDeque<Traffic>, &mut u32)) -> Self {
        Self { points: VecDeque::new(), open: Traffic::default(), filled: 0, step, make_room }
    }

    fn push(&mut self, new: &Traffic) {
        self.open = self.open.and(new);
        self.filled += 1;
        if self.filled == self.step {
            if self.points.len() == MAX_POINTS {
                (self.make_room)(&mut self.points, &mut self.step);
            }
            // If points are longer now, this one is only half complete.
            if self.filled == self.step {
                self.points.push_back(std::mem::take(&mut self.open));
                self.filled = 0;
            }
        }
    }
}

fn sum(points: &[Traffic]) -> Traffic {
    points.iter().fold(Traffic::default(), |sum, point| sum.and(point))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn hits(total: u64) -> Traffic {
        Traffic { cache: [total, 0], ..Traffic::default() }
    }

    /// The view of a timeline of this many samples with one hit each, a little later and with one hit more.
    fn after(samples: u32, window: Window) -> TimelineView {
        let (start, mut timeline) = (Instant::now(), Timeline::default());
        for n in 0..=samples {
            timeline.sample(start + SAMPLE_INTERVAL * n, hits(1_000 + u64::from(n)));
        }
        let age = SAMPLE_INTERVAL * samples + Duration::from_secs(3);
        let total = hits(1_001 + u64::from(samples));
        timeline.view(window, (start + age, START + age), &total).unwrap()
    }

    fn all(past: &TimelineView) -> u64 {
        past.points.iter().map(|point| point.cache[0]).sum()
    }

    #[test]
    fn there_is_no_view_before_the_first_sample_and_restored_totals_are_not_in_it() {
        let now = (Instant::now(), START);
        let mut timeline = Timeline::default();
        assert_eq!(timeline.view(Window::Hour, now, &hits(5)), None);
        timeline.sample(now.0, hits(5));
        let view = timeline.view(Window::Life, now, &hits(7)).unwrap();
        assert_eq!(view, TimelineView { begins: START, step: SAMPLE_INTERVAL, points: vec![hits(2)] });
    }

    #[test]
    fn the_last_point_grows_until_it_is_complete() {
        let past = after(7, Window::Hour);
        assert_eq!((past.begins, past.step), (START, Duration::from_secs(30)));
        assert_eq!(past.points, [hits(3), hits(3), hits(2)]);
    }

    #[test]
    fn the_hour_is_an_hour_however_long_the_process_runs() {
        let past = after(3_000, Window::Hour);
        assert_eq!((past.points.len(), past.step), (MAX_POINTS + 1, Duration::from_secs(30)));
        assert_eq!(all(&past), 361);
        assert_eq!(past.begins, START + SAMPLE_INTERVAL * (3_000 - 360));
    }

    #[test]
    fn the_whole_run_loses_nothing_and_only_its_points_get_longer() {
        for samples in [119, 120, 121, 122, 239, 240, 241, 8_640, 60_480] {
            let past = after(samples, Window::Life);
            assert_eq!(all(&past), u64::from(samples) + 1, "{samples}");
            assert_eq!(past.begins, START, "{samples}");
            assert!(past.points.len() <= MAX_POINTS + 1, "{samples}");
            let step = past.step.as_secs() / 10;
            let complete = past.points.split_last().unwrap().1;
            assert!(complete.iter().all(|point| point.cache[0] == step), "{samples}: {past:?}");
        }
    }
}
