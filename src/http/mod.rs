//! The HTTP interface. `table` lists the routes; each resource has its file in `routes/`.

#[cfg(test)]
mod fuzz;
mod openapi;
mod reply;
mod request;
mod router;
mod routes;
mod server;
mod starting;
mod table;

pub(crate) use server::{Acceptor, serve};
pub(crate) use starting::serve_while_starting;
pub(crate) use table::routes;
