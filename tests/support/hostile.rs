//! Pipelines of somebody who wants what they must not have, generated from a few lists.

use mongodb::bson::{Bson, Document, doc};

/// A pipeline and the collection that it starts with.
#[derive(Clone, Debug)]
pub(crate) struct Hostile {
    pub(crate) collection: &'static str,
    pub(crate) pipeline: Vec<Bson>,
}

/// What is planted where nobody may read it: collection, its documents.
pub(crate) fn secrets() -> Vec<(&'static str, Document)> {
    let url = |n: i32| format!("http://tv.example/live/plantedname/plantedword/{n}.m3u8");
    vec![
        (
            "users",
            doc! { "username": "alice", "role": "user", "password_hash": "$2b$12$planted-hash", "api_key": "planted1",
            "liveTV": { "m3u_url": url(1) }, "watchlist": { "movies": [], "token": "planted-list" } },
        ),
        ("settings", doc! { "_id": "metrics_token", "value": "planted-token", "id": "agtv" }),
        ("settings", doc! { "_id": "tmdb_token", "value": "planted-tmdb", "username": "alice" }),
        (
            "iptv_providers",
            doc! { "id": "agtv", "name": "AGTV", "username": "plantedname", "password": "plantedword",
            "api_url": "http://plantedhost.example", "streams_urls": [url(2)], "new_credential": "planted-new",
            "provider_details": { "active": true, "token": "planted-detail" } },
        ),
        ("channels", doc! { "provider_id": "agtv", "channel_id": 1, "name": "One", "url": url(3) }),
        ("provider_titles", doc! { "provider_id": "agtv", "title_key": "movies-1", "streams": { "main": url(4) } }),
        (
            "titles",
            doc! { "title_key": "movies-1", "type": "movies",
            "media": [{ "name": "main", "sources": [{ "provider_id": "agtv", "provider_url": url(5) }] }] },
        ),
        ("job_history", doc! { "job_name": "Sync", "status": "failed", "last_error": format!("GET {}", url(6)) }),
        ("playarr_metrics", doc! { "_id": "ingest_token", "value": "planted-ingest" }),
    ]
}

/// Every planted secret has this in it.
pub(crate) const PLANTED: &str = "planted";

/// Pipelines that must be refused before anything runs.
pub(crate) fn forbidden() -> Vec<Hostile> {
    let expressions = forbidden_expressions();
    let expressions = expressions.iter().flat_map(expression_places);
    let queries = forbidden_queries();
    let queries = queries.iter().flat_map(query_places);
    let stages = forbidden_stages().into_iter().chain(expressions).chain(queries);
    stages
        .flat_map(|stage| stage_places(&stage))
        .map(|pipeline| Hostile { collection: "stats", pipeline })
        .chain(
            ["settings", "playarr_metrics", "playarr_metrics_journal", "system.users", "admin", "$cmd", "", "Users"]
                .map(|collection| Hostile { collection, pipeline: vec![] }),
        )
        .collect()
}

fn forbidden_stages() -> Vec<Document> {
    let from = |collection: &str| {
        vec![
            doc! { "$lookup": { "from": collection, "pipeline": [], "as": "x" } },
            doc! { "$lookup": { "from": collection, "localField": "a", "foreignField": "b", "as": "x" } },
            doc! { "$unionWith": collection },
            doc! { "$unionWith": { "coll": collection, "pipeline": [] } },
            doc! { "$graphLookup": { "from": collection, "startWith": "$a", "connectFromField": "a",
                "connectToField": "b",
            "as": "x" } },
        ]
    };
    let mut stages = vec![
        doc! { "$out": "stolen" },
        doc! { "$out": { "db": "other", "coll": "stolen" } },
        doc! { "$merge": { "into": "stolen" } },
        doc! { "$merge": "users" },
        doc! { "$currentOp": { "allUsers": true } },
        doc! { "$collStats": { "latencyStats": {} } },
        doc! { "$indexStats": {} },
        doc! { "$planCacheStats": {} },
        doc! { "$listSessions": {} },
        doc! { "$listLocalSessions": { "allUsers": true } },
        doc! { "$changeStream": {} },
        doc! { "$geoNear": { "near": [0, 0], "distanceField": "d" } },
        doc! { "$documents": [{ "a": 1 }] },
        doc! { "$search": {} },
        doc! { "$searchMeta": {} },
        doc! { "$vectorSearch": {} },
        doc! { "$queryStats": {} },
        doc! { "$shardedDataDistribution": {} },
        doc! { "$densify": { "field": "a", "range": { "step": 1, "bounds": [0, 1_000_000_000] } } },
        doc! { "$_internalInhibitOptimization": {} },
        doc! { "$_internalAllCollectionStats": {} },
        doc! { "$Match": {} },
        doc! { "$match ": {} },
        doc! { "match": {} },
        doc! { "$match": {}, "$out": "stolen" },
        doc! {},
        doc! { "$lookup": { "from": { "db": "admin", "coll": "system.users" }, "pipeline": [], "as": "x" } },
        doc! { "$lookup": { "pipeline": [{ "$documents": [] }], "as": "x" } },
        doc! { "$unionWith": { "db": "admin", "coll": "system.users" } },
        doc! { "$unionWith": { "pipeline": [{ "$documents": [] }] } },
    ];
    for collection in ["settings", "playarr_metrics", "system.views", "other.users", "admin"] {
        stages.extend(from(collection));
    }
    for (collection, field) in [
        ("users", "password_hash"),
        ("users", "api_key"),
        ("users", "liveTV.m3u_url"),
        ("iptv_providers", "password"),
        ("iptv_providers", "streams_urls.0"),
        ("iptv_providers", "provider_details"),
        ("channels", "url"),
        ("titles", "media.sources.provider_url"),
        ("titles", "media.0.sources.0.provider_url"),
        ("titles", "media"),
        ("provider_titles", "streams.main"),
        ("job_history", "last_error"),
    ] {
        stages.push(doc! { "$lookup": { "from": collection, "localField": "a", "foreignField": field, "as": "x" } });
        stages.push(doc! { "$graphLookup": { "from": collection, "startWith": "$a", "connectFromField": field,
        "connectToField": field, "as": "x", "restrictSearchWithMatch": { field: { "$regex": "^p" } } } });
    }
    stages
}

fn forbidden_expressions() -> Vec<Bson> {
    let code = "function() { return db.users.findOne() }";
    let operators = [
        doc! { "$function": { "body": code, "args": [], "lang": "js" } },
        doc! { "$accumulator": {
            "init": code, "accumulate": code, "accumulateArgs": [], "merge": code, "lang": "js",
        } },
        doc! { "$where": code },
        doc! { "$meta": "indexKey" },
        doc! { "$_internalJsEmit": { "eval": code, "this": "$$ROOT" } },
        doc! { "$_internalFindAllValuesAtPath": "password_hash" },
        doc! { "$toHashedIndexKey": "$a" },
        doc! { "$Function": {} },
        doc! { "$sum": 1, "$function": {} },
        doc! { "a": 1, "$function": {} },
        doc! { "$let": { "vars": { "x": { "$function": {} } }, "in": "$$x" } },
        doc! { "$getField": { "field": "a", "input": { "$function": {} } } },
        doc! { "$literal": { "$function": {} } },
    ];
    let variables = ["$$USER_ROLES", "$$USER_ROLES.role", "$$SEARCH_META", "$$JS_SCOPE", "$$IS_MR", "$$", "$$.a"];
    let code = [Bson::JavaScriptCode(code.to_owned())];
    operators.map(Bson::from).into_iter().chain(variables.map(Bson::from)).chain(code).collect()
}

fn forbidden_queries() -> Vec<Document> {
    let code = "this.password_hash > 'a'";
    vec![
        doc! { "$where": code },
        doc! { "$where": Bson::JavaScriptCode(code.to_owned()) },
        doc! { "$text": { "$search": "x" } },
        doc! { "$jsonSchema": {} },
        doc! { "$sampleRate": 0.5 },
        doc! { "$expr": { "$function": {} } },
        doc! { "$alwaysTrue": 1 },
        doc! { "a": { "$where": code } },
        doc! { "a": { "$near": [0, 0] } },
        doc! { "a": { "$not": { "$where": code } } },
        doc! { "a": { "$in": [Bson::JavaScriptCode(code.to_owned())] } },
        doc! { "a": { "$eq": { "$where": code } } },
    ]
}

/// A stage wherever one can stand.
fn stage_places(stage: &Document) -> Vec<Vec<Bson>> {
    let inner = || vec![Bson::from(stage.clone())];
    let join = |pipeline: Vec<Bson>| doc! { "$lookup": { "from": "programs", "pipeline": pipeline, "as": "x" } };
    let union = |pipeline: Vec<Bson>| doc! { "$unionWith": { "coll": "programs", "pipeline": pipeline } };
    let facet = |pipeline: Vec<Bson>| doc! { "$facet": { "ok": [{ "$limit": 1 }], "x": pipeline } };
    let deep = join(vec![union(vec![facet(vec![join(inner()).into()]).into()]).into()]);
    [vec![stage.clone()], vec![doc! { "$match": {} }, stage.clone()]]
        .into_iter()
        .chain([join(inner()), union(inner()), facet(inner()), deep].map(|stage| vec![stage]))
        .map(|pipeline| pipeline.into_iter().map(Bson::from).collect())
        .collect()
}

/// An expression wherever one can stand.
fn expression_places(expression: &Bson) -> Vec<Document> {
    let e = || expression.clone();
    vec![
        doc! { "$project": { "a": e() } },
        doc! { "$project": { "a": { "b": { "c": e() } } } },
        doc! { "$addFields": { "a": [1, e()] } },
        doc! { "$set": { "a": { "$cond": [true, { "$concat": ["x", e()] }, 1] } } },
        doc! { "$group": { "_id": { "a": e() } } },
        doc! { "$group": { "_id": null, "n": { "$push": e() } } },
        doc! { "$match": { "$expr": { "$eq": [1, e()] } } },
        doc! { "$redact": e() },
        doc! { "$replaceRoot": { "newRoot": { "a": e() } } },
        doc! { "$replaceWith": { "$mergeObjects": [e()] } },
        doc! { "$sortByCount": e() },
        doc! { "$bucket": { "groupBy": e(), "boundaries": [0, 1] } },
        doc! { "$bucketAuto": { "groupBy": "$a", "buckets": 2, "output": { "n": { "$sum": e() } } } },
        doc! { "$setWindowFields": { "partitionBy": e(), "output": { "n": { "$sum": 1 } } } },
        doc! { "$setWindowFields": { "output": { "n": { "$sum": e() } } } },
        doc! { "$lookup": { "from": "programs", "let": { "a": e() }, "pipeline": [], "as": "x" } },
        doc! { "$graphLookup": { "from": "programs", "startWith": e(), "connectFromField": "a", "connectToField": "b",
        "as": "x" } },
    ]
}

/// A query wherever one can stand.
fn query_places(query: &Document) -> Vec<Document> {
    let q = || query.clone();
    vec![
        doc! { "$match": q() },
        doc! { "$match": { "$and": [{}, { "$or": [{ "$nor": [q()] }] }] } },
        doc! { "$match": { "a": { "$elemMatch": q() } } },
        doc! { "$match": { "a": { "$all": [{ "$elemMatch": q() }] } } },
        doc! { "$graphLookup": { "from": "programs", "startWith": "$a", "connectFromField": "a", "connectToField": "b",
        "as": "x", "restrictSearchWithMatch": q() } },
    ]
}

/// The collections that hold secrets and may be read without them.
const WITH_SECRETS: [&str; 6] = ["users", "iptv_providers", "channels", "provider_titles", "titles", "job_history"];

/// Pipelines that may run, and try to bring a secret into the label `leak`.
pub(crate) fn sneaky() -> Vec<Hostile> {
    let mut all = Vec::new();
    for collection in WITH_SECRETS {
        for trick in tricks() {
            let inner: Vec<Bson> = trick.into_iter().map(Bson::from).collect();
            let out = |field: &str| {
                [doc! { "$unwind": format!("${field}") }, doc! { "$replaceRoot": { "newRoot": format!("${field}") } }]
                    .map(Bson::from)
            };
            let none = doc! { "$match": { "_id": "nothing has this" } };
            let mut push = |collection, pipeline| all.push(Hostile { collection, pipeline });
            push(collection, inner.clone());
            push(collection, [vec![doc! { "$facet": { "x": inner.clone() } }.into()], out("x").to_vec()].concat());
            push(
                "stats",
                vec![
                    none.clone().into(),
                    doc! { "$unionWith": { "coll": collection, "pipeline": inner.clone() } }.into(),
                ],
            );
            push("stats", [vec![none.into(), doc! { "$unionWith": collection }.into()], inner.clone()].concat());
            let join = doc! { "$lookup": { "from": collection, "pipeline": inner.clone(), "as": "x" } };
            push("provider_categories", [vec![join.into()], out("x").to_vec()].concat());
            let join = doc! { "$lookup": { "from": collection, "let": { "r": "$$ROOT" }, "pipeline": [], "as": "x" } };
            push("provider_categories", [vec![join.into()], out("x").to_vec(), inner.clone()].concat());
            let join =
                doc! { "$lookup": { "from": collection, "localField": "role", "foreignField": "_nothing", "as": "x" } };
            push("provider_categories", [vec![join.into()], out("x").to_vec(), inner].concat());
        }
    }
    all
}

/// Where the secrets are, written in each way in which a query or an expression may write it.
const SECRET_PATHS: [(&str, &[&str]); 6] = [
    ("users", &["api_key", "liveTV.m3u_url", "watchlist.token"]),
    ("iptv_providers", &["password", "streams_urls.0", "provider_details.token"]),
    ("channels", &["url"]),
    ("provider_titles", &["streams.main", "streams"]),
    (
        "titles",
        &[
            "media.sources.provider_url",
            "media.0.sources.provider_url",
            "media.sources.0.provider_url",
            "media.0.sources.0.provider_url",
            "media.00.sources.provider_url",
        ],
    ),
    ("job_history", &["last_error"]),
];

/// Pipelines that may run and whose result would tell something of a secret without showing it: whether one matches a
/// guess, where it is sorted to, how many there are. The label `leak` is the answer.
pub(crate) fn guesses() -> Vec<Hostile> {
    let mut all = Vec::new();
    for (collection, paths) in SECRET_PATHS {
        for path in paths {
            let queries = guessing_queries(path);
            queries.iter().for_each(|query| guess(collection, query, &mut all));
            queries.iter().take(5).for_each(|query| guess_in_join(collection, query, &mut all));
            for stage in guessing_stages(path) {
                let pipeline = [stage, told()].map(Bson::from).to_vec();
                all.push(Hostile { collection, pipeline: pipeline.clone() });
                let union = doc! { "$unionWith": { "coll": collection, "pipeline": pipeline } };
                all.push(Hostile { collection: "stats", pipeline: vec![union.into()] });
            }
        }
    }
    all
}

/// The last stage of a guess: a row for each document that is left.
fn told() -> Document {
    doc! { "$project": { "_id": 0, "leak": { "$convert": { "input": "$_id", "to": "string", "onError": "other" } },
    "value": { "$literal": 1 } } }
}

fn guessing_queries(path: &str) -> Vec<Document> {
    let regex = || doc! { "$regex": "planted" };
    let field = format!("${path}");
    let text = doc! { "$convert": { "input": &field, "to": "string", "onError": "", "onNull": "" } };
    let mut queries = vec![
        doc! { path: regex() },
        doc! { path: { "$not": regex() } },
        doc! { path: { "$exists": true } },
        doc! { path: { "$gt": "" } },
        doc! { path: { "$in": ["planted1", "plantedname", "plantedword"] } },
        doc! { path: null },
        doc! { path: { "$ne": null } },
        doc! { path: { "$type": "string" } },
        doc! { path: "plantedword" },
        doc! { path: { "$elemMatch": regex() } },
        doc! { path: { "$size": 1 } },
        doc! { "$or": [{ path: regex() }, { "nothing": 1 }] },
        doc! { "$nor": [{ path: regex() }] },
        doc! { "$and": [{ "_id": { "$exists": true } }, { path: regex() }] },
        doc! { "$expr": { "$regexMatch": { "input": text, "regex": "planted" } } },
        doc! { "$expr": { "$eq": [&field, "plantedword"] } },
        doc! { "$expr": { "$ne": [{ "$type": &field }, "missing"] } },
    ];
    for (position, _) in path.match_indices('.') {
        let (outer, inner) = (&path[..position], &path[position + 1..]);
        queries.push(doc! { outer: { "$elemMatch": { inner: regex() } } });
    }
    if path == "media.sources.provider_url" {
        let sources = doc! { "sources": { "$elemMatch": { "provider_url": regex() } } };
        queries.push(doc! { "media": { "$elemMatch": sources } });
    }
    queries
}

/// A query wherever the server may move it before the removal of secrets.
fn guess(collection: &'static str, query: &Document, all: &mut Vec<Hostile>) {
    let told = || Bson::from(told());
    let matching = || Bson::from(doc! { "$match": query.clone() });
    for before in [
        vec![],
        vec![doc! { "$sort": { "_id": 1 } }],
        vec![doc! { "$set": { "other": 1 } }, doc! { "$redact": "$$KEEP" }],
    ] {
        let pipeline = before.into_iter().map(Bson::from).chain([matching(), told()]).collect();
        all.push(Hostile { collection, pipeline });
    }
    let facet = doc! { "$facet": { "x": [matching(), told()] } };
    let out = [doc! { "$unwind": "$x" }, doc! { "$replaceRoot": { "newRoot": "$x" } }].map(Bson::from);
    all.push(Hostile { collection, pipeline: [vec![facet.into()], out.to_vec()].concat() });
    let none = || Bson::from(doc! { "$match": { "_id": "nothing has this" } });
    let union = Bson::from(doc! { "$unionWith": collection });
    all.push(Hostile { collection: "stats", pipeline: vec![none(), union, matching(), told()] });
    let union = doc! { "$unionWith": { "coll": collection, "pipeline": [matching()] } };
    all.push(Hostile { collection: "stats", pipeline: vec![none(), union.into(), told()] });
}

/// A query about what was joined, by its name there: the server moves such a one into the join.
fn guess_in_join(collection: &'static str, query: &Document, all: &mut Vec<Hostile>) {
    let told = || Bson::from(told());
    let in_join = query.iter().map(|(key, value)| (format!("x.{key}"), value.clone()));
    let in_join: Document = in_join.filter(|(key, _)| !key.starts_with("x.$")).collect();
    for join in [
        doc! { "from": collection, "localField": "nothing", "foreignField": "createdAt", "as": "x" },
        doc! {
            "from": collection,
            "let": { "r": "$role" },
            "pipeline": [{ "$match": { "$expr": { "$ne": ["$$r", 1] } } }],
            "as": "x",
        },
    ] {
        let join = || Bson::from(doc! { "$lookup": join.clone() });
        let unwind = || Bson::from(doc! { "$unwind": "$x" });
        let unwind_all = doc! { "$unwind": { "path": "$x", "preserveNullAndEmptyArrays": true } };
        let root = Bson::from(doc! { "$replaceRoot": { "newRoot": "$x" } });
        let element = Bson::from(doc! { "$match": { "x": { "$elemMatch": query.clone() } } });
        let matching = || Bson::from(doc! { "$match": query.clone() });
        let in_join = || Bson::from(doc! { "$match": in_join.clone() });
        for pipeline in [
            vec![join(), unwind(), in_join(), told()],
            vec![join(), unwind_all.into(), in_join(), told()],
            vec![join(), in_join(), told()],
            vec![join(), unwind(), root, matching(), told()],
            vec![join(), element, told()],
        ] {
            all.push(Hostile { collection: "provider_categories", pipeline });
        }
    }
}

fn guessing_stages(path: &str) -> Vec<Document> {
    let field = format!("${path}");
    let size = || doc! { "$cond": [{ "$eq": [{ "$type": &field }, "missing"] }, "none", "some"] };
    vec![
        doc! { "$sortByCount": size() },
        doc! { "$group": { "_id": size() } },
        doc! { "$group": { "_id": { "$bsonSize": "$$ROOT" } } },
        doc! { "$group": { "_id": { "$strLenCP": { "$ifNull": [{ "$getField": path }, ""] } } } },
        doc! { "$group": { "_id": { "$size": { "$objectToArray": "$$ROOT" } } } },
        doc! { "$bucketAuto": { "groupBy": &field, "buckets": 3 } },
        doc! { "$bucket": { "groupBy": { "$bsonSize": "$$ROOT" }, "boundaries": [0, 100, 150, 200, 300, 400],
        "default": "more" } },
        doc! { "$unwind": &field },
        doc! { "$unwind": { "path": &field, "includeArrayIndex": "_id" } },
        doc! { "$redact": { "$cond": [{ "$gt": [&field, ""] }, "$$PRUNE", "$$KEEP"] } },
        doc! { "$set": { "_id": { "$toInt": &field } } },
        doc! { "$set": { "_id": { "$dateFromString": { "dateString": &field } } } },
        doc! { "$set": { "_id": { "$add": ["$$ROOT", 1] } } },
        doc! { "$set": { "_id": { "$switch": { "branches": [{ "case": { "$gt": [&field, ""] }, "then": 1 }] } } } },
        doc! { "$replaceRoot": { "newRoot": &field } },
        doc! { "$setWindowFields": { "sortBy": { path: 1 }, "output": { "_id": { "$rank": {} } } } },
        doc! { "$setWindowFields": { "partitionBy": &field, "sortBy": { "_id": 1 },
        "output": { "_id": { "$documentNumber": {} } } } },
        doc! { "$group": { "_id": null, "_all": { "$topN": { "n": 1, "sortBy": { path: 1 }, "output": "$$ROOT" } } } },
    ]
}

/// A document as it is without anything secret in it.
pub(crate) fn without_secrets(document: &Document) -> Document {
    let is_secret = |key: &str, value: &Bson| {
        key == "streams" || key == "streams_urls" || key == "liveTV" || value.as_str().is_some_and(is_planted)
    };
    let kept = document.iter().filter(|(key, value)| !is_secret(key, value));
    kept.map(|(key, value)| (key.clone(), value_without_secrets(value))).collect()
}

fn value_without_secrets(value: &Bson) -> Bson {
    match value {
        Bson::Document(document) => without_secrets(document).into(),
        Bson::Array(values) => values.iter().map(value_without_secrets).collect::<Vec<_>>().into(),
        value => value.clone(),
    }
}

fn is_planted(text: &str) -> bool {
    text.contains(PLANTED)
}

/// Stages that turn whatever is in a document into the text `leak`.
fn tricks() -> Vec<Vec<Document>> {
    let fields = [
        "password_hash",
        "api_key",
        "liveTV.m3u_url",
        "watchlist.token",
        "password",
        "username",
        "api_url",
        "streams_urls",
        "new_credential",
        "provider_details.token",
        "url",
        "streams.main",
        "last_error",
        "media.sources.provider_url",
    ];
    let mut tricks: Vec<Vec<Document>> = fields
        .iter()
        .map(|field| {
            let path = format!("${field}");
            vec![
                doc! { "$project": { "leak": &path } },
                doc! { "$unwind": { "path": "$leak", "preserveNullAndEmptyArrays": true } },
                doc! { "$unwind": { "path": "$leak", "preserveNullAndEmptyArrays": true } },
            ]
        })
        .collect();
    let as_text = || doc! { "$set": { "leak": { "$convert": { "input": "$all.v", "to": "string", "onError": "" } } } };
    let flat = |root: Bson| {
        let level = |field: &str| {
            doc! { "$cond": [
                { "$eq": [{ "$type": field }, "object"] }, { "$objectToArray": field }, [{ "k": "", "v": field }],
            ] }
        };
        vec![
            doc! { "$project": { "all": { "$objectToArray": root } } },
            doc! { "$unwind": "$all" },
            doc! { "$project": { "all": level("$all.v") } },
            doc! { "$unwind": "$all" },
            doc! { "$unwind": { "path": "$all.v", "preserveNullAndEmptyArrays": true } },
            doc! { "$project": { "all": level("$all.v") } },
            doc! { "$unwind": "$all" },
            doc! { "$unwind": { "path": "$all.v", "preserveNullAndEmptyArrays": true } },
            doc! { "$project": { "all": level("$all.v") } },
            doc! { "$unwind": "$all" },
            as_text(),
        ]
    };
    for root in ["$$ROOT", "$$CURRENT"] {
        tricks.push(flat(root.into()));
    }
    tricks.push(flat(doc! { "$mergeObjects": ["$$ROOT", { "x": 1 }] }.into()));
    tricks.push(flat(doc! { "$setField": { "field": "x", "input": "$$ROOT", "value": 1 } }.into()));
    tricks.push(flat(doc! { "$let": { "vars": { "r": "$$ROOT" }, "in": "$$r" } }.into()));
    for field in ["password_hash", "password", "url", "streams", "last_error"] {
        let get = doc! { "$getField": { "field": { "$concat": [&field[..1], &field[1..]] }, "input": "$$ROOT" } };
        tricks.push(vec![doc! { "$set": { "leak": get } }]);
        tricks.push(vec![doc! { "$set": { "leak": { "$getField": field } } }]);
        tricks.push(vec![doc! { "$set": { "renamed": format!("${field}") } }, doc! { "$set": { "leak": "$renamed" } }]);
        tricks.push(vec![
            doc! { "$group": { "_id": null, "all": { "$push": "$$ROOT" } } },
            doc! { "$unwind": "$all" },
            doc! { "$set": { "leak": format!("$all.{field}") } },
        ]);
        tricks.push(vec![
            doc! { "$sort": { field: 1 } },
            doc! { "$group": { "_id": null, "leak": { "$max": format!("${field}") } } },
        ]);
        // A guess: whether it matches would be the answer.
        tricks.push(vec![
            doc! { "$match": { field: { "$regex": "planted" } } },
            doc! { "$set": { "leak": "planted guess" } },
        ]);
        let guess = doc! { "$regexMatch": { "input": { "$ifNull": [format!("${field}"), ""] }, "regex": "planted" } };
        tricks.push(vec![doc! { "$match": { "$expr": guess } }, doc! { "$set": { "leak": "planted guess" } }]);
        // An error that would quote it.
        tricks.push(vec![doc! { "$set": { "leak": { "$toString": { "$toInt": format!("${field}") } } } }]);
    }
    tricks
        .into_iter()
        .map(|mut trick| {
            trick.push(doc! { "$set": { "value": 1 } });
            trick
        })
        .collect()
}
