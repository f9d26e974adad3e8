use mongodb::bson::{Bson, doc};

use super::*;

fn stages(text: &str) -> Vec<Bson> {
    serde_json::from_str(text).unwrap()
}

/// The messages about a pipeline over `titles`.
fn refused(text: &str) -> String {
    let problems = guard("titles", &stages(text)).expect_err(text);
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

fn accepted(collection: &str, text: &str) -> Vec<Document> {
    guard(collection, &stages(text)).unwrap_or_else(|problems| panic!("{text}: {problems:?}")).pipeline
}

#[test]
fn secrets_are_removed_before_the_first_stage() {
    let pipeline = accepted("users", r#"[{"$group": {"_id": "$role", "value": {"$sum": 1}}}]"#);
    let kept = pipeline[0].get_document("$project").unwrap();
    assert!(kept.contains_key("role") && !kept.contains_key("api_key") && !kept.contains_key("password_hash"));
    assert_eq!(accepted("channels", "[]"), [doc! { "$unset": ["url"] }, doc! { "$redact": "$$KEEP" }]);
    assert_eq!(accepted("stats", "[]"), Vec::<Document>::new(), "nothing is secret there");
}

#[test]
fn secrets_are_removed_in_every_stage_that_reads_a_collection() {
    let removal = |collection| -> Vec<Bson> {
        readable::find(collection).unwrap().removal().into_iter().map(Bson::from).collect()
    };
    let (users, channels) = (removal("users"), removal("channels"));

    let join = r#"[{"$lookup": {"from": "users", "localField": "a", "foreignField": "username", "as": "b"}}]"#;
    let join = &accepted("stats", join)[0];
    assert_eq!(join.get_document("$lookup").unwrap().get_array("pipeline").unwrap(), &users);

    let deep = r#"[{"$facet": {"a": [{"$unionWith": "users"}, {"$unionWith": {"coll": "channels", "pipeline": [
        {"$lookup": {"from": "users", "let": {"x": "$name"}, "pipeline": [{"$limit": 1}], "as": "b"}}]}}]}}]"#;
    let deep = accepted("stats", deep);
    let facet = deep[0].get_document("$facet").unwrap().get_array("a").unwrap();
    let union = |position: usize| {
        let stage: &Bson = &facet[position];
        let union = stage.as_document().unwrap().get_document("$unionWith").unwrap();
        union.get_array("pipeline").unwrap().clone()
    };
    assert_eq!(union(0), users);
    assert_eq!(union(1)[..2], channels);
    let join = union(1)[2].as_document().unwrap().get_document("$lookup").unwrap().clone();
    assert_eq!(join.get_array("pipeline").unwrap()[..2], users);
    assert_eq!(join.get_array("pipeline").unwrap().len(), 3);
}

#[test]
fn a_secret_cannot_be_guessed_through_a_join() {
    for field in ["password_hash", "api_key", "api_key.0", "liveTV", "liveTV.m3u_url"] {
        let join = doc! { "$lookup": { "from": "users", "localField": "a", "foreignField": field, "as": "b" } };
        let problems = guard("stats", &[join.into()]).unwrap_err();
        assert!(problems[0].message.contains("foreignField"), "{field}: {problems:?}");
    }
    for field in ["media", "media.sources", "media.0.sources.1.provider_url", "media.sources.provider_url.x"] {
        let join = doc! { "$lookup": { "from": "titles", "localField": "a", "foreignField": field, "as": "b" } };
        assert!(guard("stats", &[join.into()]).is_err(), "{field}");
    }
    for field in ["title_key", "media.sources.provider_id", "_id", "mediator"] {
        let join = doc! { "$lookup": { "from": "titles", "localField": "a", "foreignField": field, "as": "b" } };
        assert!(guard("stats", &[join.into()]).is_ok(), "{field}");
    }
    let walk = r#"[{"$graphLookup": {"from": "users", "startWith": "x", "connectFromField": "a", "connectToField": "b",
        "as": "c"}}]"#;
    assert!(refused(walk).contains("users holds secrets"));
}

#[test]
fn a_message_names_stage_operator_and_what_is_accepted() {
    let message = refused(r#"[{"$match": {}}, {"$out": "x"}]"#);
    assert!(message.starts_with("stage 2 ($out): $out is not accepted; "), "{message}");
    assert!(message.contains("$group") && message.contains("$unionWith"), "{message}");

    let message = refused(r#"[{"$facet": {"a": [{"$project": {"b": {"$function": {}}}}]}}]"#);
    assert!(message.starts_with("stage 1 ($facet), stage 1 ($project): the operator $function"), "{message}");

    let message = refused(r#"[{"$group": {"_id": null, "n": {"$accumulator": {}}}}]"#);
    assert!(message.contains("$accumulator") && message.contains("$sum"), "{message}");

    let message = refused(r#"[{"$match": {"$where": "1"}}]"#);
    assert!(message.contains("$where is not accepted in a query"), "{message}");

    let message = refused(r#"[{"$lookup": {"from": "settings", "pipeline": [], "as": "x"}}]"#);
    assert!(message.contains("\"settings\" holds tokens") && message.contains("iptv_providers"), "{message}");

    let message = refused(r#"[{"$set": {"a": "$$USER_ROLES"}}]"#);
    assert!(message.contains("$$USER_ROLES") && message.contains("$$ROOT"), "{message}");
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_stage() {
    let problems = guard("nowhere", &stages(r#"[{"$out": "x"}, {"$limit": 1}, {"$merge": {}}]"#)).unwrap_err();
    assert_eq!(problems.iter().map(|problem| problem.stage).collect::<Vec<_>>(), [None, Some(1), Some(3)]);
}

#[test]
fn code_is_refused_wherever_it_stands() {
    for text in [
        r#"[{"$match": {"a": {"$code": "1"}}}]"#,
        r#"[{"$match": {"a": {"$eq": {"$code": "1"}}}}]"#,
        r#"[{"$match": {"a": {"$in": [{"$code": "1", "$scope": {}}]}}}]"#,
        r#"[{"$set": {"a": {"$code": "1"}}}]"#,
        r#"[{"$set": {"a": {"$literal": {"b": {"$code": "1"}}}}}]"#,
        r#"[{"$limit": {"$code": "1"}}]"#,
    ] {
        assert!(refused(text).contains("JavaScript"), "{text}");
    }
}

#[test]
fn a_field_or_a_variable_never_has_the_name_of_an_operator() {
    for text in [
        r#"[{"$lookup": {"from": "stats", "let": {"$out": "$a"}, "pipeline": [], "as": "b"}}]"#,
        r#"[{"$project": {"$out": "$a"}}]"#,
        r#"[{"$group": {"_id": null, "$out": {"$sum": 1}}}]"#,
        r#"[{"$facet": {"$out": []}}]"#,
        r#"[{"$setWindowFields": {"output": {"$out": {"$sum": "$n"}}}}]"#,
    ] {
        assert!(refused(text).contains("$out stands where only the name"), "{text}");
    }
}

#[test]
fn ordinary_pipelines_are_accepted_as_they_are() {
    let text = r#"[
        {"$match": {"type": {"$in": ["movies"]}, "$or": [{"a": 1}, {"b": {"$not": {"$regex": "^x"}}}], "c": {"d": 1},
            "e": {"$elemMatch": {"f": {"$gt": 1}}}, "g": {"$elemMatch": {"$gt": 1}}, "$expr": {"$gt": ["$a", "$b"]}}},
        {"$unwind": {"path": "$genres", "preserveNullAndEmptyArrays": true}},
        {"$set": {"x": {"$map": {"input": "$l", "as": "i", "in": {"$add": ["$$i.n", 1]}}}, "y": "$$NOW"}},
        {"$group": {"_id": {"g": "$genres.name"}, "n": {"$sum": 1}, "all": {"$push": "$$ROOT"}}},
        {"$bucket": {"groupBy": "$n", "boundaries": [0, 1], "default": "x", "output": {"n": {"$sum": 1}}}},
        {"$setWindowFields": {"sortBy": {"n": 1}, "output": {"r": {"$sum": "$n", "window": {"documents": [-1, 0]}}}}},
        {"$sort": {"n": -1, "a": 1}}, {"$limit": 5}, {"$count": "n"}
    ]"#;
    let expected: Vec<Document> = serde_json::from_str(text).unwrap();
    assert_eq!(accepted("stats", text), expected, "the order of fields too");
}

#[test]
fn deep_and_long_pipelines_are_refused_not_run_into() {
    let mut value = doc! { "$abs": 1 };
    for _ in 0..200 {
        value = doc! { "$abs": value };
    }
    let problems = guard("stats", &[doc! { "$set": { "a": value } }.into()]).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].message.contains("nested"), "{problems:?}");
    let long = vec![Bson::from(doc! { "$limit": 1 }); 65];
    assert!(guard("stats", &long).unwrap_err()[0].message.contains("64 stages"));
}
