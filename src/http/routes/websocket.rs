//! The WebSocket that tells the page what happens. Server to client only.

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

use super::status::{Seen, collector_report, overview, recent_since, report};
use crate::accounts::{AuthError, Credentials};
use crate::app::App;
use crate::http::reply::error::{ApiError, respond};
use crate::http::request::caller::{Caller, caller};
use crate::http::with;
use crate::telemetry::{Step, StopSignal};

pub(in crate::http) const TEMPLATE: &str = "/api/ws";
/// Connections at once: each costs some memory, and only admins have them.
const MOST_CONNECTIONS: u64 = 256;
/// The longest message a client may send; what it says is ignored.
const MAX_MESSAGE: usize = 4 << 10;
/// The time between pings. Who has not answered one when the next is due is gone.
const PING: Duration = Duration::from_secs(30);
/// The time between looks whether this is still an admin. With the ten seconds that a slow client may hold one up and
/// the five that looking up a user may take it stays below the thirty that are promised.
const CHECK: Duration = Duration::from_secs(12);
/// The time between looks for new scrapes, and how many of them are told each time.
const SCRAPES: Duration = Duration::from_millis(500);
const MOST_SCRAPES: usize = 3;
/// How long a client may take to make room for what is sent at once.
const SEND_PATIENCE: Duration = Duration::from_secs(10);
/// How long saying goodbye may take.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

// Close codes of RFC 6455, section 7.4.1.
const GOING_AWAY: u16 = 1001;
const POLICY_VIOLATION: u16 = 1008;
const TRY_AGAIN_LATER: u16 = 1013;

/// `GET /api/ws` by an admin
pub(in crate::http) fn websocket(
    app: Arc<App>,
) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    let upgrade = warp::ws().map(Some).or(warp::any().map(|| None)).unify();
    warp::path!("api" / "ws").and(warp::get()).and(with(app)).and(caller()).and(upgrade).then(
        |app: Arc<App>, caller: Caller, upgrade: Option<Ws>| async move {
            respond(accept(app, &caller, upgrade).await)
        },
    )
}

async fn accept(app: Arc<App>, caller: &Caller, upgrade: Option<Ws>) -> Result<Response, ApiError> {
    // Browsers let any page open a WebSocket to any host, so a session needs an origin here too.
    caller.admin_of_this_site(&app, TEMPLATE).await?;
    let upgrade = upgrade.ok_or(ApiError::NotAWebSocket)?;
    if app.live.websockets() >= MOST_CONNECTIONS {
        return Err(ApiError::TooManyWebSockets);
    }
    let credentials = caller.credentials();
    let upgrade = upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE);
    Ok(upgrade.on_upgrade(move |socket| watch(app, socket, credentials)).into_response())
}

/// Tells the client what happens until one of the two goes. However it ends, the guard counts it out.
async fn watch<S, E>(app: Arc<App>, socket: S, credentials: Credentials)
where
    S: Stream<Item = Result<Message, E>> + Sink<Message> + Unpin,
{
    let _counted = app.live.websocket();
    let mut stop = app.feed.stop_signal();
    let mut socket = socket;
    let end = tell(&app, &mut socket, &mut stop, &credentials).await;
    let goodbye = match end {
        End::ClientLeft => return,
        End::ClientCloses => {
            // Reading on sends the answer to its goodbye.
            let rest = async { while let Some(Ok(_)) = socket.next().await {} };
            let _ = tokio::time::timeout(CLOSE_PATIENCE, rest).await;
            return;
        }
        End::Stopping => Message::close_with(GOING_AWAY, "the service stops"),
        End::NotAdmin => Message::close_with(POLICY_VIOLATION, "not an active admin any more"),
        End::TooSlow => Message::close_with(TRY_AGAIN_LATER, "too slow, connect again"),
    };
    let _ = tokio::time::timeout(CLOSE_PATIENCE, socket.send(goodbye)).await;
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

async fn tell<S, E>(app: &App, socket: &mut S, stop: &mut StopSignal, credentials: &Credentials) -> End
where
    S: Stream<Item = Result<Message, E>> + Sink<Message> + Unpin,
{
    let mut steps = app.feed.steps();
    let mut next_run = app.next_run.get().cloned();
    if let Some(next_run) = &mut next_run {
        // The status that comes first tells it.
        next_run.mark_unchanged();
    }
    let mut seen = Seen::all(app);
    let (mut ping, mut check, mut scrapes) = (every(PING), every(CHECK), every(SCRAPES));
    let mut answered = true;
    if let Err(end) = send(socket, [status(app)]).await {
        return end;
    }
    loop {
        let message = tokio::select! {
            // Whatever else there is to do, these two are not put off.
            biased;
            () = stop.given() => return End::Stopping,
            _ = check.tick() => match app.admins.still_admin(credentials).await {
                // While the database is away nobody can tell; what is shown here is worth less than staying connected.
                Ok(_) | Err(AuthError::Unavailable(_)) => continue,
                Err(_) => return End::NotAdmin,
            },
            step = steps.recv() => match step {
                Ok(step) => text(&told(&step)),
                Err(RecvError::Lagged(_)) => return End::TooSlow,
                Err(RecvError::Closed) => return End::Stopping,
            },
            () = planned(&mut next_run) => status(app),
            _ = scrapes.tick() => {
                let (recent, by_now) = recent_since(app, seen);
                seen = by_now;
                let scrapes = recent.into_iter().take(MOST_SCRAPES).rev();
                if let Err(end) = send(socket, scrapes.map(|scrape| text(&event("scrape", scrape)))).await {
                    return end;
                }
                continue;
            }
            received = socket.next() => match received {
                Some(Ok(message)) if message.is_close() => return End::ClientCloses,
                Some(Ok(_)) => {
                    // Whatever it says, it lives.
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

/// Waits until the next refresh is planned anew, which is after each one.
async fn planned(next_run: &mut Option<watch::Receiver<Option<Moment>>>) {
    if let Some(next_run) = next_run
        && next_run.changed().await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval.reset();
    interval
}

fn status(app: &App) -> Message {
    text(&event("status", overview(app)))
}

fn told(step: &Step) -> Value {
    match step {
        Step::Started { generation, trigger, collectors } => event(
            "refresh_started",
            json!({ "generation": generation, "trigger": trigger, "collectors": collectors }),
        ),
        Step::Collected { report, done, of } => {
            let mut collected = collector_report(report);
            (collected["done"], collected["of"]) = ((*done).into(), (*of).into());
            event("collected", collected)
        }
        Step::Finished(finished) => event("refresh_finished", report(finished)),
    }
}

/// An object with the name of what it tells.
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
    struct Fake {
        says: mpsc::UnboundedReceiver<Message>,
        hears: mpsc::UnboundedSender<Message>,
        is_stuck: bool,
    }

    impl Stream for Fake {
        type Item = Result<Message, Infallible>;

        fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.says.poll_recv(context).map(|message| message.map(Ok))
        }
    }

    impl Sink<Message> for Fake {
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

    /// Parts whose database is away: nobody can tell that the admin is none any more.
    async fn app() -> Arc<App> {
        let uri = "mongodb://127.0.0.1:1";
        let config = Config::read(|name| (name == "MONGODB_URI").then(|| uri.to_owned())).unwrap();
        App::new(&config, &database::connect(&config).await.unwrap()).unwrap()
    }

    fn client(is_stuck: bool) -> (Fake, mpsc::UnboundedSender<Message>, mpsc::UnboundedReceiver<Message>) {
        let ((say, says), (hears, hear)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        (Fake { says, hears, is_stuck }, say, hear)
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
        let end = tell(&app, &mut socket, &mut app.feed.stop_signal(), &credentials()).await;
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
        let told = tell(&app, &mut socket, &mut stop, &credentials);
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
