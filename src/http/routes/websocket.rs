//! The WebSocket of the pages: refreshes, scrapes, the database and the status, from the server to the client only.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use playarr_jobs::refresh::Moment;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use warp::reply::Response;
use warp::ws::{Message, Ws};
use warp::{Filter, Rejection, Reply};

use super::status::{collector_report, current, database, recent_scrapes, report, scrape_totals};
use crate::accounts::{AuthError, Credentials};
use crate::app::App;
use crate::http::reply::error::ApiError;
use crate::http::request::access::Admin;
use crate::http::request::caller::Caller;
use crate::telemetry::{Step, StopSignal};

/// The longest message that a client may send, in bytes. Messages are ignored.
const MAX_MESSAGE: usize = 4 << 10;
/// The time between pings. A client that has not answered one when the next is due is gone.
const PING: Duration = Duration::from_secs(30);
/// The time between checks whether the user is still an admin. Together with the ten seconds that a slow client may
/// delay one and the five that looking up a user may take it stays below the thirty seconds that are documented.
const CHECK: Duration = Duration::from_secs(12);
/// The time between messages about new scrapes, and how many scrapes are sent each time.
const SCRAPES: Duration = Duration::from_millis(500);
const MAX_SCRAPES: usize = 3;
/// The time that a client has to make room for a message.
const SEND_PATIENCE: Duration = Duration::from_secs(10);
/// The time that closing a connection may take.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

// Close codes of RFC 6455, section 7.4.1.
const GOING_AWAY: u16 = 1001;
const POLICY_VIOLATION: u16 = 1008;
const TRY_AGAIN_LATER: u16 = 1013;

/// `GET /api/ws`
pub(in crate::http) fn accept(
    app: Arc<App>,
    _: Admin,
    caller: Caller,
    upgrade: Option<Ws>,
) -> Result<Response, ApiError> {
    let upgrade = upgrade.ok_or(ApiError::NotAWebSocket)?;
    let permit = app.websocket_permits.clone().try_acquire_owned().map_err(|_| ApiError::TooManyWebSockets)?;
    let credentials = caller.credentials();
    let upgrade = upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE);
    let socket = |socket| async move {
        // Returned however the connection ends, also where it never becomes a WebSocket.
        let _permit = permit;
        watch(app, socket, credentials).await;
    };
    Ok(upgrade.on_upgrade(socket).into_response())
}

/// The handshake, or `None` if the request is another one.
pub(in crate::http) fn upgrade() -> impl Filter<Extract = (Option<Ws>,), Error = Rejection> + Copy {
    warp::ws().map(Some).or_else(|_| async { Ok::<_, Rejection>((None,)) })
}

/// Sends events until the client or the service ends the connection. The guard counts the connection for as long.
async fn watch<S, E>(app: Arc<App>, socket: S, credentials: Credentials)
where
    S: Stream<Item = Result<Message, E>> + Sink<Message> + Unpin,
{
    let _counted = app.live.websocket();
    let mut stop = app.feed.stop_signal();
    let mut socket = socket;
    let end = send_events(&app, &mut socket, &mut stop, &credentials).await;
    let close = match end {
        End::ClientLeft => return,
        End::ClientCloses => {
            // Reading on sends the answer to its close frame.
            let rest = async { while let Some(Ok(_)) = socket.next().await {} };
            let _ = tokio::time::timeout(CLOSE_PATIENCE, rest).await;
            return;
        }
        End::Stopping => Message::close_with(GOING_AWAY, "the service stops"),
        End::NotAdmin => Message::close_with(POLICY_VIOLATION, "not an active admin any more"),
        End::TooSlow => Message::close_with(TRY_AGAIN_LATER, "too slow, connect again"),
    };
    let _ = tokio::time::timeout(CLOSE_PATIENCE, socket.send(close)).await;
}

/// Why a connection ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    ClientLeft,
    ClientCloses,
    Stopping,
    NotAdmin,
    TooSlow,
}

async fn send_events<S, E>(app: &App, socket: &mut S, stop: &mut StopSignal, credentials: &Credentials) -> End
where
    S: Stream<Item = Result<Message, E>> + Sink<Message> + Unpin,
{
    let mut steps = app.feed.steps();
    let mut next_run = app.next_run.get().cloned();
    if let Some(next_run) = &mut next_run {
        // The first status has it.
        next_run.mark_unchanged();
    }
    // The first status has what they say now.
    let (mut health, mut contents) = (app.health.subscribe(), app.contents.clone());
    contents.mark_unchanged();
    let mut seen = app.telemetry.scrapes().count();
    let (mut ping, mut check, mut scrapes) = (every(PING), every(CHECK), every(SCRAPES));
    let mut answered = true;
    if let Err(end) = send(socket, [status(app)]).await {
        return end;
    }
    loop {
        let message = tokio::select! {
            // However much else there is to send, the stop and the check come first.
            biased;
            () = stop.given() => return End::Stopping,
            _ = check.tick() => match app.admins.still_admin(credentials).await {
                // While the database is away this cannot be checked, and the page should stay connected.
                Ok(_) | Err(AuthError::Unavailable(_)) => continue,
                Err(_) => return End::NotAdmin,
            },
            step = steps.recv() => match step {
                Ok(step) => text(&step_event(app, &step)),
                Err(RecvError::Lagged(_)) => return End::TooSlow,
                Err(RecvError::Closed) => return End::Stopping,
            },
            () = changed(&mut health) => text(&event("database", database(app))),
            () = changed(&mut contents) => text(&event("database", database(app))),
            () = planned(&mut next_run) => status(app),
            _ = scrapes.tick() => {
                let (recent, count) = recent_scrapes(app, seen);
                if count == seen {
                    continue;
                }
                seen = count;
                let recent = recent.into_iter().take(MAX_SCRAPES).rev().map(|scrape| event("scrape", scrape));
                let totals = event("scrapes", scrape_totals(app));
                if let Err(end) = send(socket, recent.chain([totals]).map(|event| text(&event))).await {
                    return end;
                }
                continue;
            }
            received = socket.next() => match received {
                Some(Ok(message)) if message.is_close() => return End::ClientCloses,
                Some(Ok(_)) => {
                    // Any message proves that the client is alive.
                    answered = true;
                    continue;
                }
                Some(Err(_)) | None => return End::ClientLeft,
            },
            _ = ping.tick() => {
                if !std::mem::take(&mut answered) {
                    return End::ClientLeft;
                }
                Message::ping("")
            }
        };
        if let Err(end) = send(socket, [message]).await {
            return end;
        }
    }
}

async fn send<S>(socket: &mut S, messages: impl IntoIterator<Item = Message>) -> Result<(), End>
where
    S: Sink<Message> + Unpin,
{
    let sent = async {
        for message in messages {
            socket.send(message).await.map_err(|_| End::ClientLeft)?;
        }
        Ok(())
    };
    tokio::time::timeout(SEND_PATIENCE, sent).await.unwrap_or(Err(End::TooSlow))
}

/// Waits until the next refresh is planned, which happens after each one.
async fn planned(next_run: &mut Option<watch::Receiver<Option<Moment>>>) {
    match next_run {
        Some(next_run) => changed(next_run).await,
        None => std::future::pending().await,
    }
}

/// Waits for the next value. Never returns if the sender is gone.
async fn changed<T>(values: &mut watch::Receiver<T>) {
    if values.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval.reset();
    interval
}

fn status(app: &App) -> Message {
    text(&event("status", current(app)))
}

fn step_event(app: &App, step: &Step) -> Value {
    match step {
        Step::Started { generation, trigger, collectors } => {
            event("refresh_started", json!({ "generation": generation, "trigger": trigger, "collectors": collectors }))
        }
        Step::Collected { report, done, of } => {
            let mut collected = collector_report(report);
            (collected["done"], collected["of"]) = ((*done).into(), (*of).into());
            event("collected", collected)
        }
        Step::Finished(finished) => event("refresh_finished", report(finished)),
        Step::Updated => event("snapshot_changed", current(app)),
    }
}

/// An event: its name beside its fields.
fn event(name: &str, mut fields: Value) -> Value {
    fields["event"] = name.into();
    fields
}

fn text(value: &Value) -> Message {
    Message::text(value.to_string())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::sync::mpsc;
    use tokio::time::Instant;

    use super::*;
    use crate::accounts::Client;
    use crate::config::Config;
    use crate::database;

    /// A client in memory.
    struct FakeClient {
        says: mpsc::UnboundedReceiver<Message>,
        hears: mpsc::UnboundedSender<Message>,
        is_stuck: bool,
    }

    impl Stream for FakeClient {
        type Item = Result<Message, Infallible>;

        fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.says.poll_recv(context).map(|message| message.map(Ok))
        }
    }

    impl Sink<Message> for FakeClient {
        type Error = ();

        fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            if self.is_stuck { Poll::Pending } else { Poll::Ready(Ok(())) }
        }

        fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), ()> {
            self.hears.send(message).map_err(|_| ())
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Parts whose database is away, so that the rights of the admin cannot be checked again.
    async fn app() -> Arc<App> {
        let uri = "mongodb://127.0.0.1:1";
        let config = Config::read(|name| (name == "MONGODB_URI").then(|| uri.to_owned())).unwrap();
        App::new(&config, &database::connect(&config).await.unwrap()).unwrap()
    }

    fn client(is_stuck: bool) -> (FakeClient, mpsc::UnboundedSender<Message>, mpsc::UnboundedReceiver<Message>) {
        let ((say, says), (hears, hear)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        (FakeClient { says, hears, is_stuck }, say, hear)
    }

    fn credentials() -> Credentials {
        let client = Client::of([127, 0, 0, 1].into(), None);
        Credentials { client, api_key: Some("admin001".to_owned().into()), sessions: vec![] }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_answer_a_ping_is_gone_when_the_next_is_due() {
        let app = app().await;
        let (mut socket, _say, mut hear) = client(false);
        let started = Instant::now();
        let end = send_events(&app, &mut socket, &mut app.feed.stop_signal(), &credentials()).await;
        assert_eq!(end, End::ClientLeft);
        assert!(started.elapsed() >= PING && started.elapsed() <= 2 * PING + Duration::from_secs(20));
        drop(socket);
        let heard: Vec<_> = std::iter::from_fn(|| hear.try_recv().ok()).collect();
        assert!(heard[0].to_str().unwrap().contains(r#""event":"status""#));
        assert_eq!(heard.iter().filter(|message| message.is_ping()).count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_answers_pings_stays_while_the_database_is_away() {
        let app = app().await;
        let (mut socket, say, mut hear) = client(false);
        let answering = tokio::spawn(async move {
            while let Some(message) = hear.recv().await {
                if message.is_ping() && say.send(Message::pong("")).is_err() {
                    break;
                }
            }
        });
        let mut stop = app.feed.stop_signal();
        let (credentials, an_hour) = (credentials(), Duration::from_secs(3600));
        let told = send_events(&app, &mut socket, &mut stop, &credentials);
        tokio::time::timeout(an_hour, told).await.unwrap_err();
        answering.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_dropped_and_counted_out() {
        let app = app().await;
        let (socket, _say, _hear) = client(true);
        let started = Instant::now();
        watch(app.clone(), socket, credentials()).await;
        assert!(started.elapsed() <= SEND_PATIENCE + 2 * CLOSE_PATIENCE, "{:?}", started.elapsed());
        assert_eq!(app.live.websockets(), 0);
    }
}
