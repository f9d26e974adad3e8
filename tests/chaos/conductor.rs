//! Lets the faults of instances, of MongoDB and of what admins and Playarr write happen, and changes the library
//! meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};
use rand::RngExt;
use reqwest::StatusCode;
use serde_json::Value;

use super::custom;
use super::installation::{Servers, Shared};
use super::instance::Instance;
use super::plan::{Fault, Step, Track};
use crate::support::program::signal_process;

/// Far longer than any answer takes, so that what is frozen holds nobody up for ever.
const LIMIT: Duration = Duration::from_secs(10);

/// Faults of an instance, one after the other.
pub(super) async fn of_instance(mut instance: Instance, track: Track, shared: Arc<Shared>) -> Instance {
    for step in track {
        tokio::time::sleep(step.pause).await;
        if shared.findings.is_wrong() {
            break;
        }
        instance.suffer(&step).await;
    }
    instance
}

/// Faults of MongoDB, one after the other.
pub(super) async fn of_mongodb(mut servers: Servers, track: Track, shared: Arc<Shared>) -> Servers {
    for step in track {
        tokio::time::sleep(step.pause).await;
        if shared.findings.is_wrong() {
            break;
        }
        shared.mongodb.change();
        match &mut servers {
            Servers::Standalone(mongod) => {
                shared.findings.fault(step.fault, &format!("for {:.1} s", step.lasts.as_secs_f64()));
                match step.fault {
                    Fault::KillServer => {
                        mongod.kill().await.unwrap();
                        tokio::time::sleep(step.lasts).await;
                        mongod.restart().await.unwrap();
                    }
                    Fault::FreezeServer => freeze(&[mongod.pid().expect("it runs")], step.lasts).await,
                    other => unreachable!("{other:?} befalls no standalone server"),
                }
            }
            Servers::ReplicaSet(..) => of_set(&mut servers, &step, &shared).await,
        }
        shared.mongodb.change();
    }
    servers
}

/// A fault of a member of a replica set, mostly of the primary. It is over when there is a primary again.
async fn of_set(servers: &mut Servers, step: &Step, shared: &Shared) {
    let Servers::ReplicaSet(set, proxies) = servers else { unreachable!("a standalone server") };
    let primary = primary(set).await;
    let count = set.members.len();
    let member = if step.choice.is_multiple_of(4) { (step.choice >> 8) as usize % count } else { primary };
    let is_primary = if member == primary { ", the primary," } else { "" };
    let what = format!("of server {member}{is_primary} for {:.1} s", step.lasts.as_secs_f64());
    shared.findings.fault(step.fault, &what);
    match step.fault {
        Fault::KillServer => {
            set.members[member].kill().await.unwrap();
            tokio::time::sleep(step.lasts).await;
            set.members[member].restart().await.unwrap();
        }
        Fault::FreezeServer => freeze(&[set.members[member].pid().expect("it runs")], step.lasts).await,
        Fault::FreezeMajority => {
            let pids = [member, (member + 1) % count].map(|member| set.members[member].pid().expect("it runs"));
            freeze(&pids, step.lasts).await;
        }
        Fault::CutServer => {
            proxies[member].cut();
            tokio::time::sleep(step.lasts).await;
            proxies[member].mend();
        }
        Fault::StepDown => {
            // The answer may be that the connection is closed, or that there is nobody to take over.
            let _ = set.run(primary, doc! { "replSetStepDown": 5, "force": true }).await;
        }
        other => unreachable!("{other:?} befalls no replica set"),
    }
    self::primary(set).await;
}

async fn freeze(pids: &[u32], lasts: Duration) {
    for pid in pids {
        signal_process(*pid, "STOP").await;
    }
    tokio::time::sleep(lasts).await;
    for pid in pids {
        signal_process(*pid, "CONT").await;
    }
}

/// Waits until there is a primary that a majority agrees on, and returns it.
async fn primary(set: &playarr_sandbox::ReplicaSet) -> usize {
    let began = Instant::now();
    loop {
        let mut names = Vec::new();
        for member in 0..set.members.len() {
            let hello = tokio::time::timeout(LIMIT, set.run(member, doc! { "hello": 1 })).await;
            let Ok(Ok(hello)) = hello else { continue };
            let is_primary = hello.get_bool("isWritablePrimary").unwrap_or_default();
            names.push((hello.get_str("primary").unwrap_or_default().to_owned(), is_primary.then_some(member)));
        }
        for (name, primary) in &names {
            let agree = names.iter().filter(|(other, _)| other == name).count();
            if let Some(primary) = primary.filter(|_| agree > set.members.len() / 2) {
                return primary;
            }
        }
        assert!(began.elapsed() < Duration::from_secs(120), "no primary: {names:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Rotations of the token, definitions of a custom metric, and settings that are written back from a stale copy.
pub(super) async fn of_settings(track: Track, shared: Arc<Shared>) {
    let mut copies: Vec<Vec<Document>> = Vec::new();
    for step in track {
        if let Ok(copy) = tokio::time::timeout(LIMIT, settings(&shared)).await.unwrap_or(Ok(Vec::new()))
            && !copy.is_empty()
        {
            copies.push(copy);
        }
        tokio::time::sleep(step.pause).await;
        if shared.findings.is_wrong() {
            return;
        }
        match step.fault {
            Fault::Rotate => rotate(&shared, &step).await,
            Fault::Define => custom::define(&shared, &step).await,
            Fault::WriteStale if !copies.is_empty() => {
                let copy = &copies[step.choice as usize % copies.len()];
                let _ = tokio::time::timeout(LIMIT, write_back(&shared, copy)).await;
            }
            _ => {}
        }
    }
}

async fn settings(shared: &Shared) -> mongodb::error::Result<Vec<Document>> {
    shared.database.collection("settings").find(doc! {}).await?.try_collect().await
}

async fn write_back(shared: &Shared, copy: &[Document]) -> mongodb::error::Result<()> {
    shared.findings.fault(Fault::WriteStale, "");
    shared.tokens.lock().unwrap().touched = Some(Instant::now());
    for setting in copy {
        let id = setting.get("_id").expect("each document has one").clone();
        let settings = shared.database.collection::<Document>("settings");
        settings.replace_one(doc! { "_id": id }, setting).upsert(true).await?;
    }
    shared.tokens.lock().unwrap().touched = Some(Instant::now());
    Ok(())
}

/// An admin replaces the token for scrapes.
async fn rotate(shared: &Shared, step: &Step) {
    let instance = step.choice as usize % shared.addresses.len();
    shared.findings.fault(Fault::Rotate, &format!("at instance {instance}"));
    shared.tokens.lock().unwrap().touched = Some(Instant::now());
    let url = format!("http://{}/api/settings/metrics/regenerate", shared.addresses[instance]);
    let Ok(answer) = shared.client.post(url).header("x-api-key", "admin001").send().await else { return };
    let status = answer.status();
    let Ok(text) = answer.text().await else { return };
    let mut tokens = shared.tokens.lock().unwrap();
    tokens.touched = Some(Instant::now());
    match (status, serde_json::from_str::<Value>(&text).unwrap_or_default()["value"].as_str()) {
        (StatusCode::OK, Some(token)) => tokens.replaced(token.to_owned()),
        (StatusCode::SERVICE_UNAVAILABLE, _) => {}
        _ => shared.findings.wrong(format!("instance {instance} answers a rotation with {status}: {text}")),
    }
}

/// Changes the library until the installation settles. What a fault loses is lost: the library is read at the end.
pub(super) async fn change_library(shared: Arc<Shared>) {
    while !shared.is_settled.load(Ordering::SeqCst) {
        let _ = tokio::time::timeout(LIMIT, change(&shared)).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn change(shared: &Shared) -> mongodb::error::Result<()> {
    let number = rand::rng().random_range(0..200_i32);
    let provider = format!("chaos-{}", number % 7);
    let collection = |name| shared.database.collection::<Document>(name);
    let kind = rand::rng().random_range(0..7);
    match kind {
        0 => {
            let channel = doc! { "provider_id": &provider, "channel_id": number, "group_title": number % 5 };
            collection("channels").insert_one(channel).await?;
        }
        1 => {
            collection("channels").delete_many(doc! { "channel_id": number }).await?;
        }
        2 => {
            let title = doc! { "provider_id": &provider, "title_key": format!("movies-{number}") };
            let fields = doc! { "$set": { "type": "movies", "ignored": number % 3 == 0 } };
            collection("provider_titles").update_one(title, fields).upsert(true).await?;
        }
        3 => {
            let media = doc! { "season": number % 4, "sources": [{ "provider_id": &provider }] };
            let title = doc! { "title_key": format!("tvshows-{number}") };
            let fields = doc! {
                "$set": { "type": "tvshows", "title": format!("Show {}", number % 20) },
                "$push": { "media": media },
            };
            collection("titles").update_one(title, fields).upsert(true).await?;
        }
        4 => {
            let list = if number % 2 == 0 { "watchlist.movies" } else { "watchlist.live" };
            let user = doc! { "username": format!("chaos-{}", number % 9) };
            collection("users").update_one(user, doc! { "$push": { list: number } }).upsert(true).await?;
        }
        5 => {
            let details = doc! { "active_connections": number % 5, "max_connections": 5, "active": number % 2 };
            let fields = doc! { "$set": { "name": "Chaos", "provider_details": details, "deleted": number % 6 == 0 } };
            collection("iptv_providers").update_one(doc! { "id": provider }, fields).upsert(true).await?;
        }
        _ => {
            collection("provider_titles").delete_many(doc! { "provider_id": provider }).await?;
        }
    }
    Ok(())
}
