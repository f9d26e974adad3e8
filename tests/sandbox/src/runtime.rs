//! A runtime that lives as long as the process.
//!
//! `#[tokio::test]` gives each test a runtime of its own, gone with the test. What outlives a test
//! (the shared server, testcontainers' connection to Docker) runs on this one instead.

use std::sync::{Arc, OnceLock};

use tokio::runtime::{Builder, Runtime};

use crate::SandboxError;

/// Runs a future on the lasting runtime.
pub(crate) async fn run<T: Send + 'static>(
    future: impl Future<Output = Result<T, SandboxError>> + Send + 'static,
) -> Result<T, SandboxError> {
    match lasting()?.spawn(future).await {
        Ok(result) => result,
        Err(failure) => Err(SandboxError::io("run a task of the sandbox")(failure.into())),
    }
}

/// The runtime itself, for destructors: they cannot await.
pub(crate) fn lasting() -> Result<&'static Runtime, SandboxError> {
    static RUNTIME: OnceLock<Result<Runtime, SandboxError>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let builder = Builder::new_multi_thread().worker_threads(1).thread_name("sandbox").enable_all().build();
        builder.map_err(|source| SandboxError::Io {
            doing: "start a thread for the sandbox".to_owned(),
            source: Arc::new(source),
        })
    });
    runtime.as_ref().map_err(Clone::clone)
}
