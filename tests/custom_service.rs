//! Custom metrics in a running service: defined, changed, followed, paused.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use playarr_sandbox::Mongod;
use reqwest::header::ORIGIN;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::support::hostile::{PLANTED, secrets};
use crate::support::library::{fixtures, load};
use crate::support::running::Running;
use crate::support::service::Service;
use crate::support::{exposition, until};

const NAME: &str = "playarr_custom_users";
const API: &str = "/api/metrics/custom";

fn request(service: &Service, method: Method, path: &str) -> RequestBuilder {
    service.client.request(method, format!("{}{path}", service.url)).header("x-api-key", "admin001")
}

async fn ask(service: &Service, method: Method, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
    let mut request = request(service, method, path);
    if let Some(body) = body {
        request = request.json(body);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
}

fn users(pipeline: impl Into<Value>) -> Value {
    json!({
        "name": NAME, "help": "Users by role.", "unit": "users", "collection": "users", "labels": ["role"],
        "value": "count", "pipeline": pipeline.into(),
    })
}

fn by_role() -> Value {
    json!([{ "$group": { "_id": "$role", "count": { "$sum": 1 } } }, { "$project": { "role": "$_id", "count": 1 } }])
}

async fn put(service: &Service, body: &Value) -> (StatusCode, Value) {
    let path = format!("{API}/{}", body["name"].as_str().unwrap());
    ask(service, Method::PUT, &path, Some(body)).await
}

async fn until_shown(service: &Service, name: &str, is_shown: bool) {
    let shown = || async { service.text().await.contains(&format!("\n{name}")) == is_shown };
    until(&format!("{name} shown: {is_shown}"), Duration::from_secs(20), shown).await;
}

fn state(list: &Value, name: &str) -> String {
    let metric = list["metrics"].as_array().unwrap().iter().find(|metric| metric["name"] == name);
    metric.map_or("none".to_owned(), |metric| metric["status"]["state"].as_str().unwrap().to_owned())
}

async fn until_state(service: &Service, name: &str, expected: &str) {
    until(&format!("{name} is {expected}"), Duration::from_secs(30), || async {
        state(&ask(service, Method::GET, API, None).await.1, name) == expected
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_defines_a_gauge_and_the_next_scrape_shows_it() {
    let service = Service::with(fixtures()).ready().await;
    let (status, shown) = put(&service, &users(by_role())).await;
    assert_eq!(status, StatusCode::CREATED, "{shown}");
    assert_eq!((&shown["revision"], &shown["status"]["author"]), (&json!(1), &json!("admin")));
    assert_eq!(shown["pipeline"], by_role());
    until_shown(&service, NAME, true).await;
    let admins = service.database.collection::<Document>("users").count_documents(doc! { "role": "admin" }).await;
    service.until_value(NAME, &[("role", "admin")], admins.unwrap() as f64).await;
    until_state(&service, NAME, "ok").await;

    // An answer can be changed and sent back.
    let mut changed = shown.clone();
    changed["help"] = json!("Users, by their role.");
    let (status, changed) = put(&service, &changed).await;
    assert_eq!((status, &changed["revision"]), (StatusCode::OK, &json!(2)), "{changed}");
    let (_, found) = ask(&service, Method::GET, &format!("{API}/{NAME}"), None).await;
    assert_eq!(found["history"][0]["metric"]["help"], "Users by role.");
    until("HELP", Duration::from_secs(20), || async { service.text().await.contains("Users, by their role.") }).await;

    // Undone, deleted, and undone again.
    let undo = format!("{API}/{NAME}/undo");
    let (status, undone) = ask(&service, Method::POST, &undo, None).await;
    assert_eq!((status, &undone["help"]), (StatusCode::OK, &json!("Users by role.")));
    let (status, _) = ask(&service, Method::DELETE, &format!("{API}/{NAME}"), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    until_shown(&service, NAME, false).await;
    assert_eq!(ask(&service, Method::GET, &format!("{API}/{NAME}"), None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(ask(&service, Method::POST, &undo, None).await.0, StatusCode::OK);
    until_shown(&service, NAME, true).await;
}

/// What a server says in an election, or when it is too slow, is not the fault of whoever defines a metric.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_outage_keeps_from_being_checked_is_not_called_invalid() {
    let mongod = Mongod::builder().arguments(&["--setParameter", "enableTestCommands=1"]).start().await.unwrap();
    // After such a code the driver asks nothing before the server's next sign of life.
    let uri = format!("{}&heartbeatFrequencyMS=2000", mongod.uri());
    let service = Service::with(fixtures()).server(&uri).ready().await;
    let admin = service.database.client().database("admin");
    let fail = async |mode: &str, commands: &[&str], code: i32| {
        let data = doc! { "failCommands": commands.to_vec(), "errorCode": code };
        let point = doc! { "configureFailPoint": "failCommand", "mode": mode, "data": data };
        until("the server can be told", Duration::from_secs(20), || async {
            admin.run_command(point.clone()).await.is_ok()
        })
        .await;
    };
    let metric = users(by_role());
    let preview = || ask(&service, Method::POST, "/api/metrics/custom/preview", Some(&metric));
    // A step-down, its end, a shutdown, a lost connection between servers.
    for code in [13435, 10107, 11602, 91, 9001] {
        fail("alwaysOn", &["listCollections", "aggregate"], code).await;
        let (saved, shown) = (put(&service, &metric).await, preview().await);
        assert_eq!(
            (saved.0, shown.0),
            (StatusCode::SERVICE_UNAVAILABLE, StatusCode::SERVICE_UNAVAILABLE),
            "{code}: {saved:?} {shown:?}"
        );
        fail("off", &["listCollections", "aggregate"], code).await;
    }
    const MAX_TIME_MS_EXPIRED: i32 = 50;
    fail("alwaysOn", &["listCollections"], MAX_TIME_MS_EXPIRED).await;
    let (status, saved) = put(&service, &metric).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{saved}");
    fail("off", &["listCollections"], MAX_TIME_MS_EXPIRED).await;

    // A refusal of the pipeline is told as one.
    const BAD_VALUE: i32 = 2;
    fail("alwaysOn", &["aggregate"], BAD_VALUE).await;
    until("the pipeline is refused", Duration::from_secs(20), || async {
        preview().await.0 == StatusCode::BAD_REQUEST
    })
    .await;
    fail("off", &["aggregate"], BAD_VALUE).await;
    until("it can be saved", Duration::from_secs(20), || async { put(&service, &metric).await.0.is_success() }).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_of_fields_is_that_of_the_admin() {
    let service = Service::with(fixtures()).ready().await;
    let body =
        r#"{"name":"playarr_custom_users","help":"A.","collection":"users","pipeline":[{"$sort":{"z":1,"a":1}}]}"#;
    let path = format!("{API}/{NAME}");
    let put = request(&service, Method::PUT, &path).header("content-type", "application/json").body(body);
    assert_eq!(put.send().await.unwrap().status(), StatusCode::CREATED);
    let shown = request(&service, Method::GET, &path).send().await.unwrap().text().await.unwrap();
    assert!(shown.contains(r#""pipeline":[{"$sort":{"z":1,"a":1}}]"#), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metrics_of_the_page_are_exported_as_a_file_that_the_service_takes() {
    let service = Service::with(fixtures()).ready().await;
    let since = json!({ "$match": { "createdAt": { "$gt": { "$date": "2020-01-01T00:00:00Z" } } } });
    let mut dated = by_role().as_array().unwrap().clone();
    dated.insert(0, since);
    let mut text = users(json!("[{\"$count\": \"count\"}]"));
    (text["name"], text["labels"], text["budget"]) = (json!("playarr_custom_text"), json!([]), json!(7));
    for body in [users(dated), text] {
        assert_eq!(put(&service, &body).await.0, StatusCode::CREATED);
    }
    let exported = request(&service, Method::GET, &format!("{API}?format=yaml")).send().await.unwrap();
    assert_eq!(exported.headers()["content-disposition"], "attachment; filename=\"custom-metrics.yaml\"");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("custom.yaml");
    std::fs::write(&path, exported.text().await.unwrap()).unwrap();

    // The same as on the page, in another service.
    let other = Service::with(fixtures()).setting("CUSTOM_METRICS_FILE", path.to_str().unwrap()).ready().await;
    let listed = async |service: &Service| -> Vec<Value> {
        let list = ask(service, Method::GET, API, None).await.1;
        let mut metrics = list["metrics"].as_array().unwrap().clone();
        for metric in &mut metrics {
            let fields = metric.as_object_mut().unwrap();
            fields.remove("status");
            fields.remove("revision");
        }
        metrics
    };
    assert_eq!(listed(&other).await, listed(&service).await);
    let refused = request(&service, Method::GET, &format!("{API}?format=xml")).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_said_in_the_same_form_by_preview_and_save() {
    let service = Service::with(fixtures()).ready().await;
    for (body, stage, part) in [
        (users(json!([{ "$match": {} }, { "$out": "x" }])), json!(2), "stage 2 ($out)"),
        (users(json!("[{")), json!(null), "extended JSON"),
        (users(json!([{ "$lookup": { "from": "settings", "as": "x", "pipeline": [] } }])), json!(1), "settings"),
    ] {
        for (method, path) in [(Method::PUT, format!("{API}/{NAME}")), (Method::POST, format!("{API}/preview"))] {
            let (status, answer) = ask(&service, method, &path, Some(&body)).await;
            assert_eq!((status, &answer["valid"]), (StatusCode::BAD_REQUEST, &json!(false)), "{answer}");
            assert_eq!(answer["errors"][0]["stage"], stage, "{answer}");
            assert!(answer["errors"][0]["message"].as_str().unwrap().contains(part), "{answer}");
            assert!(answer["error"].as_str().unwrap().contains(part), "{answer}");
        }
    }
    for body in [json!({}), json!({ "nme": 1 }), json!([])] {
        let (status, answer) = ask(&service, Method::POST, &format!("{API}/preview"), Some(&body)).await;
        assert_eq!((status, &answer["valid"]), (StatusCode::BAD_REQUEST, &json!(false)), "{answer}");
    }
    let (status, answer) = ask(&service, Method::PUT, &format!("{API}/other"), Some(&users(by_role()))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["error"].as_str().unwrap().contains("not the name in the URL"), "{answer}");

    let (status, preview) = ask(&service, Method::POST, &format!("{API}/preview"), Some(&users(by_role()))).await;
    assert_eq!((status, &preview["valid"]), (StatusCode::OK, &json!(true)), "{preview}");
    assert!(preview["sample"].as_str().unwrap().contains("playarr_custom_users{role=\"admin\"}"), "{preview}");
    assert!(preview["documents_examined"].as_u64().unwrap() > 3, "{preview}");
    let list = ask(&service, Method::GET, API, None).await.1;
    assert_eq!(list["metrics"], json!([]), "a preview stores nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_admins_do_not_overwrite_each_other_and_nobody_else_may_change_anything() {
    let service = Service::with(fixtures()).ready().await;
    let (_, first) = put(&service, &users(by_role())).await;
    let mut mine = first.clone();
    mine["help"] = json!("Mine.");
    assert_eq!(put(&service, &mine).await.0, StatusCode::OK);
    let mut theirs = first;
    theirs["help"] = json!("Theirs.");
    let (status, answer) = put(&service, &theirs).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(answer["error"].as_str().unwrap().contains("somebody else"), "{answer}");
    let stale = ask(&service, Method::DELETE, &format!("{API}/{NAME}?revision=1"), None).await;
    assert_eq!(stale.0, StatusCode::CONFLICT);
    let none = ask(&service, Method::DELETE, &format!("{API}/playarr_custom_none"), None).await;
    assert_eq!(none.0, StatusCode::NOT_FOUND);
    let never = ask(&service, Method::POST, &format!("{API}/playarr_custom_none/undo"), None).await;
    assert_eq!(never.0, StatusCode::NOT_FOUND);

    let alice = service.session("alice", "alice-password").await;
    for (method, path) in [
        (Method::GET, API.to_owned()),
        (Method::GET, format!("{API}/{NAME}")),
        (Method::PUT, format!("{API}/{NAME}")),
        (Method::DELETE, format!("{API}/{NAME}")),
        (Method::POST, format!("{API}/{NAME}/undo")),
        (Method::POST, format!("{API}/{NAME}/retry")),
        (Method::POST, format!("{API}/preview")),
    ] {
        let anyone = service.client.request(method.clone(), format!("{}{path}", service.url));
        let anyone = anyone.json(&users(by_role()));
        assert_eq!(anyone.try_clone().unwrap().send().await.unwrap().status(), StatusCode::UNAUTHORIZED, "{path}");
        let user = anyone.header("cookie", &alice).header(ORIGIN, &service.url);
        assert_eq!(user.send().await.unwrap().status(), StatusCode::FORBIDDEN, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_instances_follow() {
    let one = Service::with(fixtures()).ready().await;
    let (uri, name) = one.settings();
    let other = Service::empty().server(&uri).setting("MONGODB_DB_NAME", &name).ready().await;
    put(&one, &users(by_role())).await;
    until_shown(&other, NAME, true).await;
    let (status, _) = ask(&other, Method::DELETE, &format!("{API}/{NAME}"), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    until_shown(&one, NAME, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_followed_wins_over_the_page_and_a_bad_change_leaves_everything() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("custom.yaml");
    let yaml = |help: &str| {
        format!(
            "metrics:\n  - name: {NAME}\n    help: {help}\n    collection: users\n    labels: [role]\n    \
             pipeline:\n      - $group: {{ _id: $role, value: {{ $sum: 1 }} }}\n      - $set: {{ role: $_id }}\n"
        )
    };
    std::fs::write(&path, yaml("From the file.")).unwrap();
    let service = Service::with(fixtures()).setting("CUSTOM_METRICS_FILE", path.to_str().unwrap()).ready().await;
    until_state(&service, NAME, "ok").await;
    assert!(service.text().await.contains("From the file."));
    let (status, answer) = put(&service, &users(by_role())).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(answer["error"].as_str().unwrap().contains("CUSTOM_METRICS_FILE"), "{answer}");

    std::fs::write(&path, yaml("It was changed.")).unwrap();
    until("changed", Duration::from_secs(20), || async { service.text().await.contains("It was changed.") }).await;
    std::fs::write(&path, "metrics: [{}]").unwrap();
    until("the mistake is said", Duration::from_secs(20), || async {
        let list = ask(&service, Method::GET, API, None).await.1;
        list["file_problem"].as_str().is_some_and(|problem| problem.contains("missing field"))
    })
    .await;
    assert!(service.text().await.contains("It was changed."));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_keeps_failing_is_paused_and_says_why_and_the_others_go_on() {
    let service = Service::with(fixtures()).setting("COLLECTOR_TIMEOUT", "1s").ready().await;
    put(&service, &users(by_role())).await;
    let failing =
        json!([{ "$project": { "value": { "$divide": [1, { "$cond": [{ "$eq": ["$username", "zero"] }, 0, 1] }] } } }]);
    for (name, pipeline) in [("playarr_custom_failing", failing), ("playarr_custom_endless", endless())] {
        let mut body = users(pipeline);
        body["name"] = json!(name);
        body["labels"] = json!([]);
        body["value"] = json!("value");
        assert_eq!(put(&service, &body).await.0, StatusCode::CREATED);
    }
    let users_of = service.database.collection::<Document>("users");
    users_of.insert_one(doc! { "username": "zero", "role": "user" }).await.unwrap();
    for (name, reason) in [("playarr_custom_failing", "divide by zero"), ("playarr_custom_endless", "time")] {
        until(&format!("{name} is paused"), Duration::from_secs(60), || async {
            service.refresh().await;
            state(&ask(&service, Method::GET, API, None).await.1, name) == "paused"
        })
        .await;
        let (_, shown) = ask(&service, Method::GET, &format!("{API}/{name}"), None).await;
        assert!(shown["status"]["error"].as_str().unwrap().contains(reason), "{shown}");
        service.until_value("playarr_metrics_custom_metric_paused", &[("custom_metric", name)], 1.0).await;
    }
    service.until_value("playarr_metrics_custom_metric_paused", &[("custom_metric", NAME)], 0.0).await;
    until_state(&service, NAME, "ok").await;

    // A change is another try, as often as for a new one.
    let path = format!("{API}/playarr_custom_failing");
    let (_, mut changed) = ask(&service, Method::GET, &path, None).await;
    changed["help"] = json!("Changed.");
    assert_eq!(put(&service, &changed).await.0, StatusCode::OK);
    until_state(&service, "playarr_custom_failing", "failing").await;

    // Mended data: trying it now brings it back.
    users_of.delete_one(doc! { "username": "zero" }).await.unwrap();
    let retry = format!("{API}/playarr_custom_failing/retry");
    let (status, answer) = ask(&service, Method::POST, &retry, None).await;
    assert_eq!((status, &answer["status"]["state"]), (StatusCode::OK, &json!("ok")), "{answer}");
}

/// A pipeline that never ends, nor fails.
fn endless() -> Value {
    json!([
        { "$project": { "r": { "$range": [0, 1_000_000] } } }, { "$unwind": "$r" },
        { "$lookup": { "from": "titles", "pipeline": [{ "$set": { "x": { "$rand": {} } } }], "as": "t" } },
        { "$group": { "_id": "$t.x", "value": { "$sum": 1 } } },
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_takes_long_delays_neither_the_others_nor_the_built_in_gauges() {
    // The time of a collector is a minute. All of this happens while the endless one is counted for the first time.
    let service = Service::with(fixtures()).ready().await;
    let mut slow = users(endless());
    (slow["name"], slow["labels"], slow["value"]) = (json!("playarr_custom_a_slow"), json!([]), json!("value"));
    assert_eq!(put(&service, &slow).await.0, StatusCode::CREATED);
    for number in 0..5 {
        let mut body = users(by_role());
        body["name"] = json!(format!("playarr_custom_n{number}"));
        assert_eq!(put(&service, &body).await.0, StatusCode::CREATED);
    }
    until_shown(&service, "playarr_custom_n4", true).await;

    let users_of = service.database.collection::<Document>("users");
    let before = service.series().await["playarr_active_users"].values().sum::<f64>();
    users_of.insert_one(doc! { "username": "new", "role": "guest", "api_key": "guest001" }).await.unwrap();
    service.refresh().await;
    let after = service.series().await["playarr_active_users"].values().sum::<f64>();
    assert!((after - before - 1.0).abs() < f64::EPSILON, "the built-in gauges are there when the refresh answers");
    for number in 0..5 {
        service.until_value(&format!("playarr_custom_n{number}"), &[("role", "guest")], 1.0).await;
    }
    // A change of a metric is not delayed either.
    let (_, mut changed) = ask(&service, Method::GET, &format!("{API}/playarr_custom_n0"), None).await;
    changed["help"] = json!("Changed.");
    assert_eq!(put(&service, &changed).await.0, StatusCode::OK);
    until("HELP", Duration::from_secs(20), || async { service.text().await.contains("_n0 Changed.\n") }).await;
    let list = ask(&service, Method::GET, API, None).await.1;
    assert_eq!(state(&list, "playarr_custom_a_slow"), "waiting", "it is still counted: {list}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_previews_at_once_wait_for_each_other_and_are_all_answered() {
    let service = Service::with(fixtures()).ready().await;
    let path = format!("{API}/preview");
    let body = users(by_role());
    let previews = (0..20).map(|_| ask(&service, Method::POST, &path, Some(&body)));
    for (status, preview) in futures_util::future::join_all(previews).await {
        assert_eq!((status, &preview["valid"]), (StatusCode::OK, &json!(true)), "{preview}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_may_be_fifty() {
    let service = Service::with(fixtures()).ready().await;
    for number in 0..50 {
        let mut body = users(by_role());
        body["name"] = json!(format!("playarr_custom_n{number}"));
        assert_eq!(put(&service, &body).await.0, StatusCode::CREATED, "{number}");
    }
    let (status, answer) = put(&service, &users(by_role())).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["error"].as_str().unwrap().contains("50"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_planted_secret_is_in_any_answer() {
    let service = Service::with(fixtures()).ready().await;
    for (collection, document) in secrets() {
        let _ = service.database.collection::<Document>(collection).insert_one(document).await;
    }
    let everything = json!([
        { "$project": { "all": { "$objectToArray": "$$ROOT" } } }, { "$unwind": "$all" },
        { "$set": { "role": { "$convert": { "input": "$all.v", "to": "string", "onError": "" } }, "count": 1 } },
    ]);
    let mut said = String::new();
    for collection in ["users", "iptv_providers", "channels", "titles", "provider_titles", "job_history"] {
        let mut body = users(everything.clone());
        (body["name"], body["collection"]) = (json!(format!("playarr_custom_{collection}")), json!(collection));
        let preview = ask(&service, Method::POST, &format!("{API}/preview"), Some(&body)).await.1;
        assert_eq!(preview["valid"], true, "{preview}");
        said += &preview.to_string();
        said += &put(&service, &body).await.1.to_string();
        until_shown(&service, &format!("playarr_custom_{collection}"), true).await;
    }
    said += &service.text().await;
    said += &ask(&service, Method::GET, API, None).await.1.to_string();
    said += &ask(&service, Method::GET, "/api/metrics/status", None).await.1.to_string();
    assert!(said.contains("playarr_custom_job_history"));
    assert!(exposition::parse(&service.text().await).contains_key("playarr_custom_users"));
    assert!(!said.contains(PLANTED), "{:?}", said.find(PLANTED).map(|at| &said[at.saturating_sub(300)..at + 50]));
}

/// An error of MongoDB quotes the value that it is about, and is logged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_planted_secret_is_in_the_log_whatever_errors_quote() {
    let own = playarr_sandbox::mongodb().await.unwrap().database();
    let database = own.connect().await.unwrap();
    load(&database, &fixtures()).await.unwrap();
    let running = Running::start_on(&own, &[("LOG_LEVEL", "debug")]).await;
    for (collection, document) in secrets() {
        let _ = database.collection::<Document>(collection).insert_one(document).await;
    }
    let all = json!({ "$reduce": {
        "input": { "$objectToArray": "$$ROOT" },
        "initialValue": "quoted: ",
        "in": { "$concat": ["$$value", { "$convert": { "input": "$$this.v", "to": "string", "onError": "" } }] },
    } });
    let only_planted = json!({ "$match": { "$or": [
        { "username": "alice" }, { "id": "agtv" }, { "provider_id": "agtv" }, { "title_key": "movies-1" },
        { "job_name": "Sync" },
    ] } });
    let ask = |method: Method, path: &str| running.request(method, path).header("x-api-key", "admin001");
    let collections = ["users", "iptv_providers", "channels", "titles", "provider_titles", "job_history"];
    for collection in collections {
        let mut body = users(json!([only_planted, { "$project": { "count": { "$toInt": all } } }]));
        let name = format!("playarr_custom_{collection}");
        (body["name"], body["collection"], body["labels"]) = (json!(name), json!(collection), json!([]));
        let put = ask(Method::PUT, &format!("{API}/{name}")).json(&body).send().await.unwrap();
        assert_eq!(put.status(), StatusCode::CREATED, "{}", put.text().await.unwrap());
    }
    let log = running.log.clone();
    let logged = |text: &str| log.lock().unwrap().contains(text);
    for collection in collections {
        let name = format!("playarr_custom_{collection}");
        until(&format!("{name} fails"), Duration::from_secs(30), || async {
            let shown = ask(Method::GET, &format!("{API}/{name}")).send().await.unwrap().text().await.unwrap();
            assert!(!shown.contains(PLANTED), "{shown}");
            shown.contains("quoted: ") && logged(&name)
        })
        .await;
    }
    until("errors are logged", Duration::from_secs(20), || async { logged("quoted: ") }).await;
    assert!(running.end("TERM").await.success());
    assert!(!logged(PLANTED));
}
