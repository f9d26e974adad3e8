//! The tokens, and the files that Prometheus and Grafana are set up with.

use super::{JSON, operation};
use crate::http::openapi::operation::ParameterKind::OneOf;
use crate::http::openapi::operation::{DescribedAnswer, Operation, Parameter, Who};

const TOKEN: Parameter = Parameter {
    name: "token",
    about: "Which token; `metrics` if absent.",
    kind: OneOf(&["metrics", "ingest", "summary"]),
};

const SETUP: Parameter = Parameter {
    name: "setup",
    about: "How the service is installed; `manual` if absent.",
    kind: OneOf(&["manual", "systemd", "compose", "kubernetes"]),
};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        parameters: &[TOKEN],
        ..operation(
            "get",
            "/api/settings/metrics",
            Who::Admin,
            "the metrics token and when it changed; `?token=ingest` and `?token=summary` for the other ones",
            &[DescribedAnswer { status: 200, about: "The token.", content: &[(JSON, "Token")] }],
        )
    },
    Operation {
        parameters: &[TOKEN],
        ..operation(
            "post",
            "/api/settings/metrics/regenerate",
            Who::Admin,
            "replaces it; the old one stops working at once here, within 10 s elsewhere. 503 if a majority of the \
             MongoDB servers does not confirm it: then the old one goes on working",
            &[DescribedAnswer { status: 200, about: "The new token.", content: &[(JSON, "Token")] }],
        )
    },
    Operation {
        parameters: &[SETUP],
        ..operation(
            "get",
            "/api/settings/metrics/prometheus",
            Who::Admin,
            "a whole `prometheus.yml` for the address that was asked, as a file: TLS, base path, token file and rules. \
             `?setup=` says [how the service is installed](configuration.md#prometheus-and-grafana)",
            &[DescribedAnswer {
                status: 200,
                about: "The file.",
                content: &[("application/yaml", "PrometheusConfiguration")],
            }],
        )
    },
    operation(
        "get",
        "/api/settings/metrics/rules",
        Who::Admin,
        "the recording rules and alerts, as a file `playarr.rules.yml`",
        &[DescribedAnswer { status: 200, about: "The file.", content: &[("application/yaml", "Rules")] }],
    ),
    operation(
        "get",
        "/api/settings/metrics/dashboard",
        Who::Admin,
        "the dashboard for Grafana, as a file `playarr.json`",
        &[DescribedAnswer { status: 200, about: "The file.", content: &[(JSON, "Dashboard")] }],
    ),
];
