//! The HTTP interface. `table` lists the routes; each resource has its file in `routes/`.

mod reply;
mod request;
mod router;
mod routes;
mod server;
mod starting;
mod table;

pub use router::Router;
pub use server::serve;
pub use starting::serve_while_starting;
pub use table::routes;
