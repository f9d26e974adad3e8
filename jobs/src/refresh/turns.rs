//! The turns of custom metrics: one is counted after the other. One that takes long steps aside, so that it does not
//! delay those behind it, and none is counted twice at once.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use tokio::sync::{Mutex, Semaphore, watch};

use super::group::{Collected, Group, Run};
use crate::collect::Definition;

/// How long a turn lasts. Whatever takes longer goes on beside the following ones.
const TURN: Duration = Duration::from_secs(2);

/// How many go on beside the one whose turn it is. With more that take long, the others wait for one of them to end.
const ASIDE: usize = 3;

/// Whose turn it is, and who waits for one.
pub(super) struct Turns {
    turn: Semaphore,
    aside: Semaphore,
    under_way: watch::Sender<UnderWay>,
}

#[derive(Default)]
struct UnderWay {
    runs: usize,
    counted: Vec<Arc<Definition>>,
}

/// Some custom metrics that are to be counted. It is under way until it is dropped.
pub(super) struct CustomRun {
    planned: Vec<Planned>,
    turns: Arc<Turns>,
}

struct Planned {
    definition: Arc<Definition>,
    /// `None` if another run may be counting it still.
    claim: Option<Claim>,
}

/// The right to count a custom metric; no other run counts it until this is dropped.
pub(super) struct Claim {
    definition: Arc<Definition>,
    turns: Arc<Turns>,
}

impl Turns {
    pub(super) fn new() -> Arc<Self> {
        let under_way = watch::Sender::new(UnderWay::default());
        Arc::new(Self { turn: Semaphore::new(1), aside: Semaphore::new(ASIDE), under_way })
    }

    /// A run of those that no other run is counting.
    pub(super) fn run_free(self: &Arc<Self>, definitions: Vec<Arc<Definition>>) -> CustomRun {
        let claimed = definitions.into_iter().filter_map(|definition| {
            let claim = self.try_claim(&definition)?;
            Some(Planned { definition, claim: Some(claim) })
        });
        self.run(claimed.collect())
    }

    /// A run of all of these. Those that another run is counting are counted again when that has ended.
    pub(super) fn run_all(self: &Arc<Self>, definitions: Vec<Arc<Definition>>) -> CustomRun {
        self.run(definitions.into_iter().map(|definition| Planned { definition, claim: None }).collect())
    }

    fn run(self: &Arc<Self>, planned: Vec<Planned>) -> CustomRun {
        self.under_way.send_modify(|under_way| under_way.runs += 1);
        CustomRun { planned, turns: self.clone() }
    }

    /// Waits until no run is under way.
    pub(super) async fn idle(&self) {
        // An error says that the sender is gone, and with it all runs.
        let _ = self.under_way.subscribe().wait_for(|under_way| under_way.runs == 0).await;
    }

    fn try_claim(self: &Arc<Self>, definition: &Arc<Definition>) -> Option<Claim> {
        let is_free = self.under_way.send_if_modified(|under_way| {
            let is_free = !under_way.counted.iter().any(|counted| Arc::ptr_eq(counted, definition));
            if is_free {
                under_way.counted.push(definition.clone());
            }
            is_free
        });
        is_free.then(|| Claim { definition: definition.clone(), turns: self.clone() })
    }

    async fn claim(self: &Arc<Self>, definition: &Arc<Definition>) -> Claim {
        let mut under_way = self.under_way.subscribe();
        loop {
            if let Some(claim) = self.try_claim(definition) {
                return claim;
            }
            let is_free = |under_way: &UnderWay| !under_way.counted.iter().any(|one| Arc::ptr_eq(one, definition));
            // Without a sender there is no run to wait for.
            let _ = under_way.wait_for(is_free).await;
        }
    }

    /// Runs something in a turn of its own, which does not begin while `first` is held.
    async fn in_turn<T>(&self, first: &Mutex<()>, run: impl Future<Output = T>) -> T {
        let turn = self.turn.acquire().await;
        drop(first.lock().await);
        let mut run = pin!(run);
        tokio::select! {
            biased;
            outcome = &mut run => return outcome,
            () = tokio::time::sleep(TURN) => {}
        }
        let aside = tokio::select! {
            biased;
            outcome = &mut run => return outcome,
            aside = self.aside.acquire() => aside,
        };
        drop(turn);
        let outcome = run.await;
        drop(aside);
        outcome
    }
}

impl CustomRun {
    pub(super) fn is_empty(&self) -> bool {
        self.planned.is_empty()
    }

    /// Counts them, each in its turn, and hands each on when it is done. Those that took long the last time come last.
    /// None begins while the built-in gauges are `refreshing`, so that MongoDB has time for those.
    pub(super) fn count<'a>(
        &mut self,
        group: &'a Group,
        run: &'a Run<'a>,
        refreshing: &'a Mutex<()>,
    ) -> impl Stream<Item = (Collected, Claim)> + use<'a> {
        let mut planned = std::mem::take(&mut self.planned);
        let took_long = |planned: &Planned| {
            run.last.collector(&planned.definition.name).is_some_and(|collector| collector.duration > TURN)
        };
        planned.sort_by_key(took_long);
        let most = planned.len().max(1);
        let turns = self.turns.clone();
        let counted = planned.into_iter().map(move |Planned { definition, claim }| {
            let turns = turns.clone();
            async move {
                let claim = match claim {
                    Some(claim) => claim,
                    None => turns.claim(&definition).await,
                };
                (turns.in_turn(refreshing, group.collect_one(definition, run)).await, claim)
            }
        });
        futures_util::stream::iter(counted).buffer_unordered(most)
    }
}

impl Drop for CustomRun {
    fn drop(&mut self) {
        self.turns.under_way.send_modify(|under_way| under_way.runs -= 1);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let definition = &self.definition;
        self.turns.under_way.send_modify(|under_way| under_way.counted.retain(|one| !Arc::ptr_eq(one, definition)));
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    fn definition(name: &'static str) -> Arc<Definition> {
        Arc::new(Definition::new(name, "things", "Things."))
    }

    /// Counts for some seconds, and says when that has ended.
    async fn ended_at(turns: &Turns, start: Instant, seconds: u64) -> u64 {
        turns.in_turn(&Mutex::new(()), async { sleep(Duration::from_secs(seconds)).await }).await;
        start.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn one_is_counted_after_the_other_and_one_that_takes_long_steps_aside() {
        let turns = Turns::new();
        let start = Instant::now();
        let run = |seconds| ended_at(&turns, start, seconds);
        let ended = tokio::join!(run(1), run(60), run(1), run(60), run(60), run(1));
        assert_eq!(ended, (1, 61, 4, 64, 66, 9));
    }

    #[tokio::test(start_paused = true)]
    async fn with_too_many_that_take_long_the_others_wait_for_one_of_them() {
        let turns = Turns::new();
        let start = Instant::now();
        let run = |seconds| ended_at(&turns, start, seconds);
        let ended = tokio::join!(run(60), run(60), run(60), run(60), run(1));
        assert_eq!(ended, (60, 62, 64, 66, 61));
    }

    #[tokio::test(start_paused = true)]
    async fn none_begins_while_the_built_in_gauges_are_counted() {
        let (turns, refreshing, start) = (Turns::new(), Mutex::new(()), Instant::now());
        let refresh = refreshing.lock().await;
        let counted = turns.in_turn(&refreshing, async { start.elapsed().as_secs() });
        let refreshed = async {
            sleep(Duration::from_secs(5)).await;
            drop(refresh);
        };
        assert_eq!(tokio::join!(counted, refreshed).0, 5);
    }

    #[tokio::test(start_paused = true)]
    async fn none_is_counted_by_two_runs_at_once() {
        let (turns, one, other) = (Turns::new(), definition("one"), definition("other"));
        let first = turns.run_free(vec![one.clone()]);
        let second = turns.run_free(vec![one.clone(), other]);
        assert_eq!(second.planned.len(), 1);
        assert!(turns.run_free(vec![one.clone()]).is_empty());
        // Another definition of the same name is another one.
        assert!(!turns.run_free(vec![definition("one")]).is_empty());
        let waiting = tokio::spawn({
            let (turns, one) = (turns.clone(), one.clone());
            async move { drop(turns.claim(&one).await) }
        });
        sleep(Duration::from_secs(1)).await;
        assert!(!waiting.is_finished());
        drop(first);
        waiting.await.unwrap();
        drop(second);
        turns.idle().await;
    }
}
