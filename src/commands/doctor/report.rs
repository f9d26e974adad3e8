//! What `doctor` found, for people and for scripts.

use clap::ValueEnum;
use serde::Serialize;
use serde_json::json;

/// Form of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// A line a check.
    Text,
    /// One object, for scripts.
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Wrong,
    NotChecked,
}

#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    status: Verdict,
    message: String,
}

/// The findings so far, in the order of the checks.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn ok(&mut self, check: &'static str, message: impl Into<String>) {
        self.add(check, Verdict::Ok, message.into());
    }

    pub(super) fn wrong(&mut self, check: &'static str, message: impl Into<String>) {
        self.add(check, Verdict::Wrong, message.into());
    }

    /// These checks need something that another finding says is wrong.
    pub(super) fn not_checked(&mut self, checks: &[&'static str], reason: &str) {
        for check in checks {
            self.add(check, Verdict::NotChecked, reason.to_owned());
        }
    }

    /// Every problem, or that there is none.
    pub(super) fn problems(&mut self, check: &'static str, problems: Vec<String>, ok: impl Into<String>) {
        if problems.is_empty() {
            self.ok(check, ok);
        }
        for problem in problems {
            self.wrong(check, problem);
        }
    }

    pub(super) fn of<E: ToString>(&mut self, check: &'static str, outcome: Result<String, E>) {
        match outcome {
            Ok(message) => self.ok(check, message),
            Err(error) => self.wrong(check, error.to_string()),
        }
    }

    /// How many things are wrong.
    pub(super) fn wrong_count(&self) -> usize {
        self.0.iter().filter(|finding| finding.status == Verdict::Wrong).count()
    }

    pub(super) fn shown(&self, format: ReportFormat) -> String {
        match format {
            ReportFormat::Json => {
                let report = json!({ "ok": self.wrong_count() == 0, "checks": self.0 });
                format!("{report:#}\n")
            }
            ReportFormat::Text => self.0.iter().map(line).collect(),
        }
    }

    fn add(&mut self, check: &'static str, status: Verdict, message: String) {
        self.0.push(Finding { check, status, message });
    }
}

fn line(Finding { check, status, message }: &Finding) -> String {
    let status = match status {
        Verdict::Ok => "OK",
        Verdict::Wrong => "WRONG",
        Verdict::NotChecked => "-",
    };
    format!("{status:5}  {check}: {message}\n")
}
