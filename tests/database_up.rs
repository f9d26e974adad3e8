//! The metric that says whether MongoDB answers.

use std::time::Duration;

use playarr_sandbox::Mongod;

use crate::support::exposition::{self, value};
use crate::support::library::fixtures;
use crate::support::service::Service;
use crate::support::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_shows_in_the_next_scrape_and_so_does_its_end() {
    let mut mongod = Mongod::start().await.unwrap();
    let service = Service::with(fixtures()).server(mongod.uri()).ready().await;
    let token = service.token().await;
    let up = || async {
        let scrape = service.scrape_with(&token).send().await.unwrap().text().await.unwrap();
        value(&exposition::parse(&scrape), "playarr_metrics_database_up", &[])
    };
    assert_eq!(up().await, Some(1.0));

    mongod.kill().await.unwrap();
    until("the outage shows", Duration::from_secs(30), || async { up().await == Some(0.0) }).await;

    mongod.restart().await.unwrap();
    until("its end shows", Duration::from_secs(30), || async { up().await == Some(1.0) }).await;
    service.stop().await;
}
