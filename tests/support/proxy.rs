//! A connection between a service and MongoDB that can be cut: what is sent then arrives nowhere, and nothing says so.

use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Passes connections on to a server, unless it is cut.
pub(crate) struct Proxy {
    port: u16,
    is_cut: Arc<watch::Sender<bool>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Listens on a port of its own, and passes on to this port.
    pub(crate) async fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_cut = Arc::new(watch::Sender::new(false));
        let mut tasks = JoinSet::new();
        let cut = is_cut.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                connections.spawn(pass_on(client, server, cut.subscribe()));
            }
        });
        Self { port, is_cut, _tasks: tasks }
    }

    /// The port that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The connection string of the server through it.
    pub(crate) fn uri(&self) -> String {
        format!("mongodb://127.0.0.1:{}/?directConnection=true", self.port)
    }

    /// Passes nothing on any more, in neither direction, on old connections and new ones.
    pub(crate) fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    /// Ends the connections that were cut, and passes new ones on.
    pub(crate) fn mend(&self) {
        self.is_cut.send_replace(false);
    }
}

async fn pass_on(mut client: TcpStream, server: u16, mut is_cut: watch::Receiver<bool>) {
    let cut = *is_cut.borrow_and_update();
    if !cut {
        let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut server) => return,
            _ = is_cut.changed() => {}
        }
        // The server has not heard of it either.
        let _ = is_cut.wait_for(|cut| !cut).await;
        drop(server);
    }
    let _ = is_cut.wait_for(|cut| !cut).await;
}
