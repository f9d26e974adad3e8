//! One operation: a method of a path, as OpenAPI describes it.

use serde_json::{Map, Value, json};

/// A method of a path.
pub(super) struct Operation {
    pub(super) method: &'static str,
    /// The template of the route.
    pub(super) path: &'static str,
    pub(super) who: Who,
    /// What it does, in Markdown. Links lead to pages beside `docs/api.md`.
    pub(super) about: &'static str,
    /// A value of the parameter in its path; `None` for a path without one.
    pub(super) example: Option<&'static str>,
    pub(super) parameters: &'static [Parameter],
    /// Media types of the request's body, and its shape.
    pub(super) body: Option<(&'static [&'static str], &'static str)>,
    pub(super) answers: &'static [DescribedAnswer],
}

/// Who may call a route.
#[derive(Clone, Copy)]
pub(super) enum Who {
    Anyone,
    User,
    Admin,
    Scraper,
    Reporter,
    AdminOrScraper,
    AdminOrSummary,
}

/// A parameter of the query string.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) kind: ParameterKind,
}

pub(super) enum ParameterKind {
    Text,
    /// A whole number of this range.
    Number(u32, u32),
    OneOf(&'static [&'static str]),
    /// A text that may be given several times.
    Texts,
}

/// An answer that is no error.
pub(super) struct DescribedAnswer {
    pub(super) status: u16,
    pub(super) about: &'static str,
    /// Media types and the shapes of their documents; an empty name is a text.
    pub(super) content: &'static [(&'static str, &'static str)],
}

impl Who {
    /// Who that is, in the list of `docs/api.md`.
    #[cfg(test)]
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::User => "an active user",
            Self::Admin => "an admin",
            Self::Scraper => "bearer of the metrics token",
            Self::Reporter => "bearer of the ingest token",
            Self::AdminOrScraper => "an admin, or bearer of the metrics token",
            Self::AdminOrSummary => "an admin, or bearer of the summary token",
        }
    }

    /// The schemes, any of which suffices.
    pub(super) fn security(self) -> Value {
        match self {
            Self::Anyone => json!([]),
            Self::User | Self::Admin => json!([{ "session": [] }, { "apiKey": [] }]),
            Self::Scraper => json!([{ "metricsToken": [] }]),
            Self::Reporter => json!([{ "ingestToken": [] }]),
            Self::AdminOrScraper => json!([{ "session": [] }, { "apiKey": [] }, { "metricsToken": [] }]),
            Self::AdminOrSummary => json!([{ "session": [] }, { "apiKey": [] }, { "summaryToken": [] }]),
        }
    }
}

impl Operation {
    pub(super) fn copy(&self) -> Self {
        Self { ..*self }
    }

    /// The path with its parameters as OpenAPI has them.
    pub(super) fn openapi_path(&self) -> String {
        let part = |part: &str| part.strip_prefix(':').map_or(part.to_owned(), |name| format!("{{{name}}}"));
        self.path.split('/').map(part).collect::<Vec<_>>().join("/")
    }

    pub(super) fn describe(&self) -> Value {
        let in_path = self.path.split('/').filter_map(|part| part.strip_prefix(':')).map(|name| {
            json!({
                "name": name, "in": "path", "required": true, "schema": { "type": "string" }, "example": self.example,
            })
        });
        let parameters: Vec<_> = in_path.chain(self.parameters.iter().map(Parameter::describe)).collect();
        let mut responses = Map::new();
        for DescribedAnswer { status, about, content } in self.answers {
            let content: Map<_, _> = content.iter().map(|&(media, shape)| (media.to_owned(), typed(shape))).collect();
            let mut response = json!({ "description": about });
            if !content.is_empty() {
                response["content"] = content.into();
            }
            responses.insert(status.to_string(), response);
        }
        responses.insert("default".to_owned(), json!({ "$ref": "#/components/responses/Error" }));
        let mut described = json!({
            "operationId": self.id(),
            "description": self.about,
            "security": self.who.security(),
            "parameters": parameters,
            "responses": responses,
        });
        if let Some((media, shape)) = self.body {
            let content: Map<_, _> = media.iter().map(|&media| (media.to_owned(), typed(shape))).collect();
            described["requestBody"] = json!({ "required": true, "content": content });
        }
        described
    }

    /// A name for generated clients: `getApiMetricsSeries`.
    pub(super) fn id(&self) -> String {
        let words = self.path.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let capitalized = words.map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..]));
        capitalized.fold(self.method.to_owned(), |id, word| id + &word)
    }
}

impl Parameter {
    pub(super) fn describe(&self) -> Value {
        let text = json!({ "type": "string" });
        let schema = match self.kind {
            ParameterKind::Text => text,
            ParameterKind::Number(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
            ParameterKind::OneOf(words) => json!({ "type": "string", "enum": words }),
            ParameterKind::Texts => json!({ "type": "array", "items": text }),
        };
        json!({ "name": self.name, "in": "query", "description": self.about, "schema": schema, "explode": true })
    }
}

fn typed(shape: &str) -> Value {
    match shape {
        "" => json!({ "schema": { "type": "string" } }),
        shape => json!({ "schema": { "$ref": format!("#/components/schemas/{shape}") } }),
    }
}
