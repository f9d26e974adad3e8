//! Which labels a PromQL expression uses, worked out from the catalog. A metric or a label that does not exist is found
//! without any data.

use std::collections::{BTreeMap, BTreeSet};

use playarr_jobs::gauges::PROVIDER_NAMES;
use playarr_jobs::metric::Kind;
use playarr_metrics::catalog::{Catalog, DOCS, Output};
use promql_parser::parser::{Call, Expr, LabelModifier, VectorMatchCardinality, VectorSelector};
use serde_json::Value;

/// Label names.
pub(crate) type Names = BTreeSet<String>;

/// What Prometheus adds to every series that it scrapes.
const OF_TARGETS: [&str; 2] = ["job", "instance"];

/// The series there are, by name, with their labels.
pub(crate) struct Known(BTreeMap<String, Names>);

impl Known {
    /// Every series of the catalog as Prometheus stores it, what Prometheus itself knows, and what the recording rules
    /// record.
    ///
    /// # Panics
    /// If a recording rule names what does not exist, or what is recorded only after it.
    pub(crate) fn of(catalog: &Catalog) -> Self {
        let mut known = BTreeMap::from([("up".to_owned(), names(OF_TARGETS))]);
        for entry in &catalog.entries {
            let mut labels = names(OF_TARGETS);
            labels.extend(entry.labels.iter().map(|label| label.name.to_string()));
            if entry.kind == Kind::Histogram {
                for suffix in ["_sum", "_count"] {
                    known.insert(format!("{}{suffix}", entry.name), labels.clone());
                }
                labels.insert("le".to_owned());
                known.insert(format!("{}_bucket", entry.name), labels);
            } else {
                known.insert(entry.name.to_string(), labels);
            }
        }
        let mut known = Self(known);
        for rule in catalog.recordings() {
            let labels = known.labels(rule.expr).unwrap_or_else(|error| panic!("{}: {error}", rule.name));
            known.0.insert(rule.name.to_owned(), labels);
        }
        known
    }

    /// The labels of an expression's results.
    ///
    /// # Errors
    /// When it is no PromQL or names a metric or a label that does not exist.
    pub(crate) fn labels(&self, expr: &str) -> Result<Names, String> {
        let parsed = promql_parser::parser::parse(expr).map_err(|error| format!("{expr}: {error}"))?;
        self.of_expr(&parsed).map_err(|error| format!("{expr}: {error}"))
    }

    fn of_expr(&self, expr: &Expr) -> Result<Names, String> {
        match expr {
            Expr::VectorSelector(selector) => self.of_selector(selector),
            Expr::MatrixSelector(matrix) => self.of_selector(&matrix.vs),
            Expr::Paren(inner) => self.of_expr(&inner.expr),
            Expr::Unary(inner) => self.of_expr(&inner.expr),
            Expr::Subquery(inner) => self.of_expr(&inner.expr),
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Ok(Names::new()),
            Expr::Aggregate(aggregate) => {
                let inner = self.of_expr(&aggregate.expr)?;
                // Those that pick series leave them their labels.
                let picks = ["topk", "bottomk"].contains(&&*aggregate.op.to_string());
                match &aggregate.modifier {
                    _ if picks => Ok(inner),
                    None => Ok(Names::new()),
                    Some(modifier) => {
                        let named = listed(modifier);
                        exist(&named, &inner)?;
                        Ok(if modifier.is_include() { named } else { &inner - &named })
                    }
                }
            }
            Expr::Binary(binary) => {
                let (left, right) = (self.of_expr(&binary.lhs)?, self.of_expr(&binary.rhs)?);
                let matching = binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref());
                if let Some(modifier) = matching {
                    exist(&listed(modifier), &left)?;
                    exist(&listed(modifier), &right)?;
                }
                let added = match binary.modifier.as_ref().map(|modifier| &modifier.card) {
                    Some(VectorMatchCardinality::ManyToOne(labels)) => labels.labels.iter().cloned().collect(),
                    _ => Names::new(),
                };
                exist(&added, &right)?;
                match &*binary.op.to_string() {
                    "or" => Ok(&left | &right),
                    "and" | "unless" => Ok(left),
                    // Without a matching, all labels are compared: sides that differ in them never meet.
                    _ if matching.is_none() && !left.is_empty() && !right.is_empty() && left != right => {
                        Err(format!("{left:?} and {right:?} never match"))
                    }
                    _ => Ok(if left.is_empty() { right } else { &left | &added }),
                }
            }
            Expr::Call(call) => {
                let mut labels = Names::new();
                for argument in &call.args.args {
                    labels.extend(self.of_expr(argument)?);
                }
                match call.func.name {
                    // The new label, and those it is made of.
                    "label_replace" => {
                        exist(&texts(call, 3..4), &labels)?;
                        Ok(&labels | &texts(call, 1..2))
                    }
                    "label_join" => {
                        exist(&texts(call, 3..call.args.args.len()), &labels)?;
                        Ok(&labels | &texts(call, 1..2))
                    }
                    "histogram_quantile" if !labels.remove("le") => Err("a quantile needs the label le".to_owned()),
                    "absent" | "vector" | "time" => Ok(Names::new()),
                    _ => Ok(labels),
                }
            }
            Expr::Extension(_) => Err("an extension".to_owned()),
        }
    }

    fn of_selector(&self, selector: &VectorSelector) -> Result<Names, String> {
        let name = selector.name.as_deref().ok_or("a selector without a name")?;
        let labels = self.0.get(name).ok_or_else(|| format!("there is no metric {name}"))?;
        let matched = selector.matchers.matchers.iter().map(|matcher| matcher.name.clone()).collect();
        exist(&matched, labels)?;
        Ok(labels.clone())
    }
}

/// A query of the dashboard.
pub(crate) struct Query {
    /// The title of its panel.
    pub(crate) title: String,
    /// The query with the variables set: everything is selected, and the time shown is short.
    pub(crate) expr: String,
    /// Its legend.
    pub(crate) legend: String,
    /// Whether it is asked for a time rather than for now.
    pub(crate) is_range: bool,
    /// Whether its panel is a table.
    pub(crate) is_table: bool,
}

/// Every query of the dashboard, as Grafana sends it.
pub(crate) fn dashboard() -> Vec<Query> {
    let dashboard: Value = serde_json::from_str(&Output::Dashboard.of(&Catalog::default(), DOCS)).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels
        .filter(|panel| panel["type"] != "row")
        .flat_map(|panel| panel["targets"].as_array().unwrap().iter().map(move |target| (panel, target)));
    targets
        .map(|(panel, target)| Query {
            title: panel["title"].as_str().unwrap().to_owned(),
            expr: substituted(target["expr"].as_str().unwrap()),
            legend: target["legendFormat"].as_str().unwrap().to_owned(),
            is_range: target["range"].as_bool().unwrap(),
            is_table: panel["type"] == "table",
        })
        .collect()
}

fn substituted(expr: &str) -> String {
    let mut expr = expr.replace("$__rate_interval", "1m").replace("$__range", "5m");
    for variable in ["provider", "user", "media_type"] {
        expr = expr.replace(&format!("\"${variable}\""), "\".*\"");
    }
    let expr = expr.replace("${provider_names:raw}", PROVIDER_NAMES);
    // What is left are references to the groups of a regular expression.
    let unknown = expr.split('$').skip(1).find(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
    assert!(unknown.is_none(), "an unknown variable: {expr}");
    expr
}

/// The labels that a text of a rule or a legend stands for, by what comes before their names.
pub(crate) fn mentioned(text: &str, before: &str) -> Names {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let ends = text.split(before).skip(1).map(|rest| rest.find(|c| !is_name(c)).unwrap_or(rest.len()));
    text.split(before).skip(1).zip(ends).map(|(rest, end)| rest[..end].to_owned()).collect()
}

/// Whether all of these labels are among those.
pub(crate) fn exist(these: &Names, those: &Names) -> Result<(), String> {
    let missing: Vec<_> = (these - those).into_iter().collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("there is no label {missing:?} among {those:?}")) }
}

/// Those of the arguments of a call that are texts.
fn texts(call: &Call, positions: std::ops::Range<usize>) -> Names {
    let arguments = call.args.args[positions].iter();
    let texts = arguments.filter_map(|argument| match &**argument {
        Expr::StringLiteral(text) => Some(text.val.clone()),
        _ => None,
    });
    texts.collect()
}

fn listed(modifier: &LabelModifier) -> Names {
    modifier.labels().labels.iter().cloned().collect()
}

fn names<const N: usize>(names: [&str; N]) -> Names {
    names.map(str::to_owned).into()
}
