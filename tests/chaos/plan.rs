//! What happens when, drawn from a seed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// What befalls an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// The process of an instance is killed (SIGKILL) and started again.
    Kill,
    /// The process is asked to end (SIGTERM) and started again.
    Terminate,
    /// The process is stopped (SIGSTOP) and continued.
    Stop,
    /// What an instance sends to MongoDB arrives nowhere, nor does what MongoDB sends.
    Cut,
    /// The wall clock of an instance is set.
    Clock,
    /// Whoever reads the log of an instance closes the pipe.
    ClosePipe,
    /// Whoever reads the log of an instance stops reading.
    StallPipe,
    /// The service gets another certificate.
    RenewCertificate,
    /// A server of MongoDB is killed and started again.
    KillServer,
    /// A server of MongoDB is stopped (SIGSTOP) and continued.
    FreezeServer,
    /// Nothing that is sent to a server of MongoDB arrives.
    CutServer,
    /// The primary steps down.
    StepDown,
    /// Two of three servers are stopped, so that there is no majority.
    FreezeMajority,
    /// An admin replaces the token for scrapes.
    Rotate,
    /// All settings are written back from a copy that is old, as Playarr does.
    WriteStale,
    /// An admin defines a custom metric anew.
    Define,
}

/// Where the data is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deployment {
    Standalone,
    ReplicaSet,
}

/// A fault to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) fault: Fault,
    /// From the end of the one before, or from the start.
    pub(super) pause: Duration,
    pub(super) lasts: Duration,
    /// Chooses whatever is left to be chosen.
    pub(super) choice: u64,
}

/// Faults of one part of the installation, one after the other. Those of different parts overlap.
pub(super) type Track = Vec<Step>;

/// One installation, from its start to the comparison at its end.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) deployment: Deployment,
    /// Whether the instances speak TLS.
    pub(super) has_tls: bool,
    /// The faults of each instance.
    pub(super) instances: Vec<Track>,
    pub(super) mongodb: Track,
    pub(super) settings: Track,
}

/// The rounds of a run, which go on for ever.
pub(super) struct Plan {
    rng: StdRng,
    rounds: usize,
    has_faketime: bool,
}

impl Plan {
    pub(super) fn new(seed: u64, has_faketime: bool) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), rounds: 0, has_faketime }
    }

    /// The next round, with faults for so long. The deployments take turns, and so do those with and without TLS.
    pub(super) fn next(&mut self, length: Duration) -> Round {
        let deployment = if self.rounds.is_multiple_of(2) { Deployment::Standalone } else { Deployment::ReplicaSet };
        // The first round of each deployment has what is most often in use.
        let instances = if self.rounds < 2 { 2 } else { self.rng.random_range(1..=3) };
        let has_tls = matches!(self.rounds % 4, 1 | 2);
        self.rounds += 1;
        let is_standalone = deployment == Deployment::Standalone;
        let mut of_instances = vec![Fault::Kill, Fault::Terminate, Fault::Stop, Fault::ClosePipe, Fault::StallPipe];
        of_instances.extend(is_standalone.then_some(Fault::Cut));
        of_instances.extend(has_tls.then_some(Fault::RenewCertificate));
        of_instances.extend(self.has_faketime.then_some(Fault::Clock));
        let of_mongodb: &[Fault] = match deployment {
            Deployment::Standalone => &[Fault::KillServer, Fault::FreezeServer],
            Deployment::ReplicaSet => {
                &[Fault::KillServer, Fault::FreezeServer, Fault::CutServer, Fault::StepDown, Fault::FreezeMajority]
            }
        };
        // A replica set needs time to elect a primary, and to show that it serves again.
        let quiet = if is_standalone { 3_000..8_000 } else { 6_000..14_000 };
        Round {
            deployment,
            has_tls,
            instances: (0..instances).map(|_| self.track(&of_instances, length, &(500..5_000))).collect(),
            mongodb: self.track(of_mongodb, length, &quiet),
            settings: self.track(&[Fault::Rotate, Fault::WriteStale, Fault::Define], length, &(1_000..6_000)),
        }
    }

    /// Faults of these kinds until the time is over; the pauses between them are in milliseconds.
    fn track(&mut self, kinds: &[Fault], length: Duration, pauses: &std::ops::Range<u64>) -> Track {
        let mut track = Track::new();
        let mut until = Duration::ZERO;
        loop {
            let step = Step {
                fault: kinds[self.rng.random_range(0..kinds.len())],
                pause: Duration::from_millis(self.rng.random_range(pauses.clone())),
                lasts: Duration::from_millis(self.rng.random_range(0..6_000)),
                choice: self.rng.random(),
            };
            until += step.pause + step.lasts;
            if until > length {
                return track;
            }
            track.push(step);
        }
    }
}

#[test]
fn a_seed_gives_the_same_faults_again() {
    let rounds = || {
        let mut plan = Plan::new(7, true);
        let round = |_| format!("{:?}", plan.next(Duration::from_secs(600)));
        (0..4).map(round).collect::<Vec<_>>()
    };
    assert_eq!(rounds(), rounds());
    assert!(rounds().concat().contains("FreezeMajority"), "a kind of fault that only a replica set knows");
}
