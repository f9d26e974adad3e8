//! Custom metrics in files: `custom check`, `custom import`, and `catalog` with the metrics of a file.

use std::process::Output;

use mongodb::bson::doc;
use playarr_sandbox::TestDatabase;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::library::{fixtures, load};
use crate::support::program::{complaint, run};

const GOOD: &str = "metrics:
  - name: playarr_custom_users
    help: Users by role | and nothing else.
    unit: users
    collection: users
    labels: [role]
    value: count
    pipeline:
      - $group: { _id: $role, count: { $sum: 1 } }
      - $project: { role: $_id, count: 1 }
";

/// Fails as soon as somebody is called zero.
const FAILING: &str = "  - name: playarr_custom_failing
    help: Fails.
    collection: users
    pipeline:
      - $project: { value: { $divide: [1, { $cond: [{ $eq: [$username, zero] }, 0, 1] }] } }
";

/// A configuration as the exporter's documentation shows it.
const EXPORTER: &str = r#"
version: 3.0
servers:
- name: main
  uri: mongodb://exporter:hunter2@localhost:27017
aggregations:
- database: playarr
  servers: [main]
  collection: users
  cache: 0
  mode: pull
  metrics:
  - name: users_by_role_total
    type: gauge
    help: 'Users by role'
    value: total
    labels: [role]
    constLabels: { region: eu }
    overrideEmpty: true
    emptyValue: 0
  pipeline: |
    [
      {"$group": {"_id": "$role", "total": {"$sum": 1}}},
      {"$project": {"_id": 0, "role": "$_id", "total": 1}}
    ]
- database: playarr
  collection: users
  metrics:
  - name: playarr_custom_users_by_role
    value: total
  pipeline: '[{"$count": "total"}]'
- database: playarr
  collection: settings
  metrics:
  - name: settings_count
    type: gauge
    value: total
  pipeline: '[{"$count": "total"}]'
"#;

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

async fn library() -> TestDatabase {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    load(&database.connect().await.unwrap(), &fixtures()).await.unwrap();
    database
}

fn settings(database: &TestDatabase) -> [(&str, &str); 3] {
    [("MONGODB_URI", database.uri()), ("MONGODB_DB_NAME", database.name()), ("LOG_LEVEL", "error")]
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", complaint(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The one line on stderr of a command that failed.
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    let complaint = complaint(output);
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    complaint
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_needs_no_database_and_says_what_is_wrong_with_its_place() {
    let files = Files::new();
    let good = files.write("good.yaml", GOOD);
    assert_eq!(printed(&run(&[], &["custom", "check", &good]).await), format!("{good}: 1 metric, valid\n"));
    let two = files.write("two.yaml", &format!("{GOOD}{FAILING}"));
    assert_eq!(printed(&run(&[], &["custom", "check", &two]).await), format!("{two}: 2 metrics, valid\n"));

    let missing = files.0.path().join("missing.yaml").to_str().unwrap().to_owned();
    for (path, expected) in [
        (files.write("stage.yaml", &GOOD.replace("$group", "$out")), "playarr_custom_users: stage 1 ($out): $out"),
        (files.write("name.yaml", &GOOD.replace("playarr_custom_users", "users")), "name: \"users\" is not a name"),
        (files.write("field.yaml", &GOOD.replace("unit", "units")), "unknown field `units`"),
        (files.write("twice.yaml", &format!("{GOOD}{}", &GOOD[9..])), "playarr_custom_users is there twice"),
        (files.write("settings.yaml", &GOOD.replace("collection: users", "collection: settings")), "holds tokens"),
        (files.write("empty.yaml", ""), "docs/custom-metrics.md"),
        (missing, "the file cannot be read: No such file"),
    ] {
        let refusal = refusal(&run(&[], &["custom", "check", &path]).await);
        assert!(refusal.contains(expected) && refusal.contains(&path), "{refusal}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_with_run_prints_what_would_be_exposed_and_what_it_costs() {
    let (database, files) = (library().await, Files::new());
    let path = files.write("custom.yaml", &format!("{GOOD}{FAILING}"));
    let arguments = ["custom", "check", &path, "--run"];
    let text = printed(&run(&settings(&database), &arguments).await);
    let users = database.connect().await.unwrap().collection::<mongodb::bson::Document>("users");
    let admins = users.count_documents(doc! { "role": "admin" }).await.unwrap();
    assert!(text.contains("# TYPE playarr_custom_users gauge\n"), "{text}");
    assert!(text.contains(&format!("playarr_custom_users{{role=\"admin\"}} {admins}\n")), "{text}");
    let all = users.count_documents(doc! {}).await.unwrap();
    assert!(text.contains(&format!("documents read: {all}; index: none")), "{text}");

    users.insert_one(doc! { "username": "zero" }).await.unwrap();
    let failed = run(&settings(&database), &arguments).await;
    let refusal = refusal(&failed);
    assert!(refusal.contains("playarr_custom_failing: ") && refusal.contains("divide by zero"), "{refusal}");
    let text = String::from_utf8(failed.stdout).unwrap();
    assert!(text.contains("playarr_custom_users{role=\"admin\"}"), "the others are printed: {text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_imported_can_be_checked_and_run_once_what_it_says_is_mended() {
    let (database, files) = (library().await, Files::new());
    let exporter = files.write("exporter.yaml", EXPORTER);
    let imported = printed(&run(&[], &["custom", "import", &exporter]).await);
    assert!(imported.contains("# users_by_role_total is called playarr_custom_users_by_role here.\n"), "{imported}");
    let mend = "# To be mended: playarr_custom_settings_count: collection: \"settings\" holds tokens";
    assert!(imported.contains(mend), "{imported}");
    assert!(imported.contains("# To be mended: playarr_custom_users_by_role is there twice\n"), "{imported}");
    assert!(!imported.contains("hunter2"), "{imported}");

    let file = files.write("imported.yaml", &imported);
    let refusal = refusal(&run(&[], &["custom", "check", &file]).await);
    assert!(refusal.contains("playarr_custom_settings_count"), "{refusal}");
    let first = imported.match_indices("- name: ").nth(1).unwrap().0;
    let file = files.write("mended.yaml", &imported[..first]);
    let text = printed(&run(&settings(&database), &["custom", "check", &file, "--run"]).await);
    assert!(text.contains("playarr_custom_users_by_role{role=\"admin\",region=\"eu\"} "), "{text}");

    // Where there is nothing to count, the exporter shows a value all the same.
    database.connect().await.unwrap().collection::<mongodb::bson::Document>("users").drop().await.unwrap();
    let text = printed(&run(&settings(&database), &["custom", "check", &file, "--run"]).await);
    assert!(text.contains("playarr_custom_users_by_role{role=\"unknown\",region=\"eu\"} 0\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_configuration_of_the_exporter_is_refused() {
    let files = Files::new();
    for (text, expected) in [
        (EXPORTER.replace("version: 3.0", "version: 2.0"), "version 2.0"),
        ("[".to_owned(), "not a configuration of mongodb-query-exporter"),
    ] {
        let path = files.write("exporter.yaml", &text);
        let refusal = refusal(&run(&[], &["custom", "import", &path]).await);
        assert!(refusal.contains(expected) && refusal.contains(&path), "{refusal}");
        assert!(!refusal.contains("hunter2"), "{refusal}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_catalog_lists_the_metrics_of_the_file_without_a_database() {
    let files = Files::new();
    let path = files.write("custom.yaml", GOOD);
    // Whatever is wrong with other settings.
    let settings = [("CUSTOM_METRICS_FILE", &*path), ("REFRESH_INTERVAL", "never")];
    let catalog =
        |format: &'static str| async move { printed(&run(&settings, &["catalog", "--format", format]).await) };
    let document: Value = serde_json::from_str(&catalog("json").await).unwrap();
    let families = document["families"].as_array().unwrap();
    let custom: Vec<_> = families.iter().filter(|family| family["origin"] == "custom").collect();
    assert_eq!(custom.len(), 1);
    assert_eq!((&custom[0]["name"], &custom[0]["unit"]), (&"playarr_custom_users".into(), &"users".into()));
    assert_eq!(custom[0]["labels"][0]["name"], "role");
    let page = catalog("markdown").await;
    let row = "| `playarr_custom_users` | gauge | role | users | Users by role \\| and nothing else. |";
    assert!(page.contains("\n## Custom metrics\n") && page.contains(row), "{page}");

    let flag = run(&[], &["catalog", "--format", "json", "--custom-metrics-file", &path]).await;
    assert!(printed(&flag).contains("playarr_custom_users"));
    assert!(!printed(&run(&[], &["catalog", "--format", "json"]).await).contains("\"custom\""));
    let broken = files.write("broken.yaml", "metrics: [{}]");
    let refused = run(&[("CUSTOM_METRICS_FILE", &*broken)], &["catalog", "--format", "json"]).await;
    assert!(refusal(&refused).contains("missing field"));
}
