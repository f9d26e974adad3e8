//! How live metrics are kept: a journal in MongoDB that every instance writes to and follows.
//!
//! **State.** What scrapes show is a state: sums by series, and a [`position::Position`] that says which documents
//! are in it. A document is applied to a state once and in the order of its writer, so the position alone says
//! which of two states of one epoch has more.
//!
//! **Writer** (`writer`, `group`). One document is under way at a time, and the same one is sent until it is known
//! to be kept; its id makes that harmless. If a unique index refuses it, either an earlier attempt succeeded, or a
//! batch was counted before, by whichever instance, and the document goes out again without it. Both are confirmed
//! by a durable write before anybody is answered, because a document that is seen may not be durable yet.
//!
//! **Follower** (`follower`). It asks for the last document of each writer (one index key for each), reads what the
//! state lacks, and stops at a gap: a scan can see a document and miss the one before it. The next poll finds that
//! one. A gap that stays is closed by the base, or passed over after a while and said.
//!
//! **Base** (`base`). Any instance writes its own state as the base, with one compare-and-set on a random stamp,
//! and only if its state holds the base's. Documents are deleted only when they are in the base and older than the
//! memory for batches, by the monotonic clock of the instance that deletes. Removing series (expiry, forgetting)
//! writes a base of the next epoch, which every instance reads anew.
//!
//! **Loss.** A writer of which neither base nor journal has what the state has ([`position::Position::is_lost`])
//! shows that something was dropped or restored. So does a document of this instance that is neither in the base nor
//! in the journal. Then the state is written as the base and indexes are made again. What an instance wrote last it
//! remembers itself, because no other may have read it. From a drop of the journal until the next poll there is no
//! index over batches: one that is sent to two instances in that time is counted twice.
//!
//! **No writes.** A user who may not write counts in memory, until the service is started again. Servers that take no
//! writes (a secondary by `directConnection`) are asked less and less often, and at once when there is a primary.

mod base;
mod batches;
mod complaint;
mod document;
mod follower;
#[cfg(test)]
mod fuzz;
mod group;
mod handle;
mod keeper;
mod migration;
#[cfg(test)]
mod old_forms;
mod position;
mod state;
mod store;
mod task;
mod upkeep;
mod writer;

pub(crate) use handle::{Journal, RecordError, SeriesFilter};
pub(crate) use keeper::Keeper;
pub(crate) use store::{JOURNAL, batch_index};
pub(crate) use task::KeeperOptions;
