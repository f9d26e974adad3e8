//! Series as a file.

use std::sync::Arc;
use std::time::Instant;

use warp::http::Method;
use warp::http::header::{CONTENT_ENCODING, HeaderValue, VARY};
use warp::reply::Response;
use warp::{Filter, Rejection};

use crate::app::App;
use crate::explore::{Export, ExportFormat, compressed, file_name};
use crate::http::reply::attachment::attachment;
use crate::http::reply::error::ApiError;
use crate::http::reply::stream::streamed;
use crate::http::request::choice::{Choice, accepts_gzip};

use super::series::chosen;

/// How an export is sent.
pub(in crate::http) struct Wish {
    is_head: bool,
    gzip: bool,
}

/// How the client wants the export.
pub(in crate::http) fn wish() -> impl Filter<Extract = (Wish,), Error = Rejection> + Copy {
    warp::method().and(accepts_gzip()).map(|method, gzip| Wish { is_head: method == Method::HEAD, gzip })
}

/// `GET /api/metrics/export?format=&match[]=`
pub(in crate::http) async fn export(app: Arc<App>, choice: Choice, wish: Wish) -> Result<Response, ApiError> {
    choice.only(&["format"])?;
    let format = ExportFormat::parse(choice.get("format").unwrap_or("json"));
    let format = format.map_err(|error| ApiError::Parameter(error.to_string()))?;
    let made = chosen(&app, choice.selectors()?, Instant::now(), move |view, chosen| {
        (view.generation, Export::new(view, chosen, format))
    });
    let (generation, export) = made.await?;
    let parts: Box<dyn Iterator<Item = _> + Send> = match wish {
        Wish { is_head: true, .. } => Box::new(std::iter::empty()),
        Wish { gzip: true, .. } => Box::new(compressed(export)),
        Wish { .. } => Box::new(export),
    };
    let mut response = attachment(streamed(parts, |_| {}), format.content_type(), &file_name(format, generation));
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding, Authorization, Cookie"));
    if wish.gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}
