//! The lease by itself, as the instances on one database see it.

use std::time::Duration;

use mongodb::Database;
use mongodb::bson::{Document, doc};
use playarr_jobs::lease::{InstanceRole, Lease, Reservation};
use playarr_metrics::config::Config;
use playarr_metrics::database;
use playarr_sandbox::Mongod;

use crate::support::proxy::Proxy;
use crate::support::until;

/// The lease as another process on this server sees it.
async fn lease(uri: &str) -> (Lease, Database) {
    let config = Config::read(|name| (name == "MONGODB_URI").then(|| uri.to_owned())).unwrap();
    let connection = database::connect(&config).await.unwrap();
    (Lease::new(&connection.database, connection.health), connection.database)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_was_removed_is_taken_under_a_later_fence_than_any_before() {
    let mongod = Mongod::start().await.unwrap();
    let ((first, database), (second, _)) = (lease(mongod.uri()).await, lease(mongod.uri()).await);
    let held = first.look(0).await.unwrap();
    assert_eq!((first.role(), held.holder.as_str()), (InstanceRole::Holder, first.own()));
    assert_eq!(second.look(0).await.unwrap(), held, "the second one follows");

    let documents = database.collection::<Document>("playarr_metrics");
    documents.delete_one(doc! { "_id": "refresh_lease" }).await.unwrap();
    let taken = second.look(0).await.unwrap();
    assert_eq!(taken.holder, second.own());
    assert!(taken.fence > held.fence, "{taken:?} after {held:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_noted_under_an_earlier_fence() {
    let mongod = Mongod::start().await.unwrap();
    let (lease, _) = lease(mongod.uri()).await;
    let fence = lease.look(0).await.unwrap().fence;
    let note = doc! { "done": 7_i64 };
    assert!(!lease.note(fence - 1, &note).await.unwrap(), "as somebody who has lost the lease and got it back");
    assert_eq!(lease.read().await.unwrap().unwrap().requests.done, 0);
    assert!(lease.note(fence, &note).await.unwrap());
    assert_eq!(lease.read().await.unwrap().unwrap().requests.done, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_that_cannot_reach_the_database_holds_nothing_once_its_time_is_over() {
    let mongod = Mongod::start().await.unwrap();
    let proxy = Proxy::before(mongod.port()).await;
    let (lease, _) = lease(&proxy.uri()).await;
    lease.look(0).await.unwrap();
    assert_eq!(lease.role(), InstanceRole::Holder);
    proxy.cut();
    lease.look(0).await;
    assert_eq!(lease.role(), InstanceRole::Holder, "for as long as nobody else can have it");
    until("it holds nothing", Duration::from_secs(60), || async {
        lease.look(0).await;
        matches!(lease.role(), InstanceRole::Unreached { .. })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_renews_the_lease_before_anybody_else_can_have_it() {
    let mongod = Mongod::start().await.unwrap();
    let ((holder, database), (other, _)) = (lease(mongod.uri()).await, lease(mongod.uri()).await);
    holder.look(0).await.unwrap();
    let expires = async || {
        let documents = database.collection::<Document>("playarr_metrics");
        *documents.find_one(doc! { "_id": "refresh_lease" }).await.unwrap().unwrap().get_datetime("expires").unwrap()
    };
    let first = expires().await;
    until("it is renewed", Duration::from_secs(60), || async {
        assert_eq!(other.look(0).await.unwrap().holder, holder.own());
        holder.look(0).await.unwrap();
        expires().await > first
    })
    .await;
    assert!(mongodb::bson::DateTime::now() < first, "before it was over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_was_given_back_is_left_to_others() {
    let mongod = Mongod::start().await.unwrap();
    let ((first, _), (second, _)) = (lease(mongod.uri()).await, lease(mongod.uri()).await);
    first.look(0).await.unwrap();
    first.give_back().await.unwrap();
    assert_eq!((first.look(0).await, first.reserve(0).await), (None, Reservation::Lost));
    assert_eq!(second.look(0).await.unwrap().holder, second.own(), "without waiting for its end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_to_count_everything_stays_one_whatever_is_asked_for_after_it() {
    let mongod = Mongod::start().await.unwrap();
    let (lease, _) = lease(mongod.uri()).await;
    let fence = lease.look(0).await.unwrap().fence;
    let asked = async |is_full| {
        let number = lease.request(is_full).await.unwrap().unwrap();
        (number, lease.read().await.unwrap().unwrap().requests.is_full)
    };
    assert_eq!(asked(false).await, (1, false));
    assert_eq!(asked(true).await, (2, true));
    assert_eq!(asked(false).await, (3, true), "the second one waits as well");
    assert!(lease.note(fence, &doc! { "begun": 3_i64, "begun_by": fence }).await.unwrap());
    assert_eq!(asked(false).await, (4, false), "the refresh for the second one has begun");
}
