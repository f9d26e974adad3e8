//! Fuzz target: pipelines of custom metrics. What is accepted holds nothing that writes or runs code.

use mongodb::bson::{Bson, Document};
use playarr_fuzz::{fuzz, kind_of};

use super::{CustomMetric, compile};

const CORPUS: &[&[u8]] = &[
    br#"{"name":"playarr_custom_a","help":"A.","collection":"titles","labels":["type"],"pipeline":
        [{"$match":{"year":{"$gte":2000}}},{"$group":{"_id":"$type","value":{"$sum":1}}},
        {"$project":{"type":"$_id","value":1}}]}"#,
    br#"{"name":"playarr_custom_b","help":"B.","collection":"users","pipeline":
        [{"$lookup":{"from":"titles","let":{"w":"$watchlist"},"pipeline":[{"$match":{"$expr":{"$in":["$title_key",
        "$$w"]}}}],"as":"t"}},{"$set":{"value":{"$size":"$t"}}}]}"#,
    br#"{"name":"playarr_custom_c","help":"C.","collection":"provider_titles","pipeline":
        [{"$facet":{"a":[{"$count":"n"}],"b":[{"$sortByCount":"$provider_id"}]}},{"$unwind":"$a"},
        {"$replaceRoot":{"newRoot":{"value":"$a.n"}}},{"$unionWith":{"coll":"titles","pipeline":[]}}]}"#,
];
const WORDS: &[&str] = &[
    "\"$out\":",
    "\"$merge\":",
    "\"$where\":",
    "\"$function\":",
    "\"$accumulator\":",
    "\"$getField\":",
    "\"$expr\":",
    "\"$lookup\":",
    "\"$unionWith\":",
    "\"$graphLookup\":",
    "\"$facet\":",
    "\"pipeline\":",
    "\"from\":",
    "\"settings\"",
    "\"users\"",
    "\"$$ROOT\"",
    "\"$$CURRENT\"",
    "\"password_hash\"",
    "\"$literal\":",
    "\"$objectToArray\":",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"$setWindowFields\":",
    "\"$switch\":",
    "\"$map\":",
    "{\"$numberDecimal\":\"1\"}",
    "\"$$NOW\"",
];
const NEVER: &[&str] = &["$out", "$merge", "$where", "$function", "$accumulator", "$currentOp", "$documents"];

fn is_harmless(value: &Bson) -> bool {
    match value {
        Bson::Document(document) => is_harmless_document(document),
        Bson::Array(values) => values.iter().all(is_harmless),
        Bson::JavaScriptCode(_) | Bson::JavaScriptCodeWithScope(_) => false,
        _ => true,
    }
}

fn is_harmless_document(document: &Document) -> bool {
    document.iter().all(|(key, value)| key == "$literal" || (!NEVER.contains(&&**key) && is_harmless(value)))
}

#[test]
fn a_pipeline_may_be_anything_and_what_is_accepted_is_harmless() {
    fuzz("pipelines", CORPUS, WORDS, |text| {
        let metric: CustomMetric = match serde_json::from_slice(text) {
            Ok(metric) => metric,
            Err(error) => return kind_of(&error.to_string()),
        };
        match compile(&metric) {
            Ok(compiled) => {
                assert!(compiled.pipeline.iter().all(is_harmless_document), "{:?}", compiled.pipeline);
                format!("accepted {}", compiled.pipeline.len())
            }
            Err(problems) => problems.first().map(|problem| kind_of(&problem.to_string())).unwrap_or_default(),
        }
    });
}
