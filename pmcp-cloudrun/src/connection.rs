//! Listening, and every connection from its first byte to its last.

use std::{
    convert::Infallible,
    fmt::Display,
    future::{poll_fn, ready},
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

#[cfg(feature = "http2")]
use hyper::server::conn::http2;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
#[cfg(feature = "http2")]
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::{rt::TokioIo, server::graceful::GracefulConnection};
use pmcp_core::Server;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::{Instant, sleep, timeout},
};
use tokio_util::{either::Either, sync::CancellationToken, task::TaskTracker};

use crate::{
    Config, Error, Result, activity::Activity, limits::Limit, platform::TokioPlatform, service::Service,
    shutdown::Signals, stall::StallGuard,
};

/// How long responses may take to be written once their handlers were ended.
const LAST_WRITES: Duration = Duration::from_millis(500);
/// How long a connection without a request may take to send one when the process is ending.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long to wait for the rest of the first word of a connection.
const REST_OF_A_WORD: Duration = Duration::from_millis(5);
/// How long to wait when the system has no more file descriptors.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(50);

/// Serves until the process is told to end.
pub(crate) async fn serve(server: Server, config: Config) -> Result {
    let endpoint = config.endpoint(server)?;
    let mut signals = Signals::new().map_err(Error::Signal)?;
    let address = SocketAddr::new(config.host, config.port);
    let listen = |error| Error::Listen { address, error };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    announce(endpoint.server(), listener.local_addr().map_err(listen)?, &config);

    let (tasks, stopping, closing) = (TaskTracker::new(), CancellationToken::new(), CancellationToken::new());
    let in_flight = Limit::new(config.max_concurrency);
    let platform = Arc::new(TokioPlatform {
        draining: closing.clone(),
        stopping: stopping.clone(),
        tasks: tasks.clone(),
        in_flight: in_flight.clone(),
    });
    let service = Service::new(endpoint, platform, in_flight, &config);
    let connections = Connections { http: Arc::new(Http::new(&config)), service, closing: closing.clone(), config };

    let signal = loop {
        tokio::select! {
            signal = signals.next() => break signal,
            accepted = listener.accept() => connections.start(accepted, &tasks).await,
        }
    };
    let grace = connections.config.shutdown_grace;
    tracing::info!("{signal}: finishing what is in flight, for at most {} s", grace.as_secs_f64());
    // Who connected before the signal has been promised an answer by the system.
    while let Poll::Ready(Ok(accepted)) = poll_fn(|task| Poll::Ready(listener.poll_accept(task))).await {
        connections.start(Ok(accepted), &tasks).await;
    }
    drop(listener);
    closing.cancel();
    tasks.close();
    let ended = tokio::select! {
        waited = timeout(grace, tasks.wait()) => waited.map_err(|_| "the grace time is over"),
        again = signals.next() => Err(again),
    };
    if let Err(reason) = ended {
        tracing::warn!("{reason}: what still runs is ended");
        stopping.cancel();
        if timeout(LAST_WRITES, tasks.wait()).await.is_err() {
            tracing::warn!("{} connections or background tasks did not end in time", tasks.len());
        }
    }
    Ok(())
}

/// Tells where the server is, and how to get there.
fn announce(server: &Server, address: SocketAddr, config: &Config) {
    let (name, version) = (&server.info().name, &server.info().version);
    // `cargo pmcp dev` says how to get there itself.
    if config.on_cloud_run || std::env::var_os("PMCP_DEV").is_some() {
        tracing::info!("{name} {version} listens on {address}, endpoint /mcp");
        return;
    }
    let host = match address {
        _ if address.ip().is_unspecified() => format!("localhost:{}", address.port()),
        address => address.to_string(),
    };
    let url = format!("http://{host}/mcp");
    tracing::info!(
        "{name} {version} listens on {url}\n  \
         Claude Code:   claude mcp add --transport http {name} {url}\n  \
         MCP Inspector: npx @modelcontextprotocol/inspector --transport http --server-url {url}"
    );
}

/// How HTTP is spoken.
struct Http {
    http1: http1::Builder,
    #[cfg(feature = "http2")]
    http2: http2::Builder<TokioExecutor>,
}

impl Http {
    fn new(config: &Config) -> Self {
        let mut http1 = http1::Builder::new();
        let header_bytes = usize::try_from(config.max_header_bytes).unwrap_or(usize::MAX);
        // How long a head may take is watched by the connection, which needs no timer of its own for each request.
        http1.header_read_timeout(None).max_header_size(header_bytes).max_buf_size(header_bytes);
        Self {
            http1,
            #[cfg(feature = "http2")]
            http2: http2_as(config),
        }
    }
}

#[cfg(feature = "http2")]
fn http2_as(config: &Config) -> http2::Builder<TokioExecutor> {
    let mut http2 = http2::Builder::new(TokioExecutor::new());
    http2
        .timer(TokioTimer::new())
        .keep_alive_interval(config.write_timeout)
        .keep_alive_timeout(config.write_timeout)
        .max_concurrent_streams(200)
        .max_header_list_size(config.max_header_bytes);
    http2
}

struct Connections {
    http: Arc<Http>,
    service: Service,
    /// Cancelled when connections should end after what they are at.
    closing: CancellationToken,
    config: Config,
}

impl Connections {
    async fn start(&self, accepted: std::io::Result<(TcpStream, SocketAddr)>, tasks: &TaskTracker) {
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(OUT_OF_DESCRIPTORS).await;
                return;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "answers to this connection may be delayed");
        }
        let (http, service) = (Arc::clone(&self.http), self.service.clone());
        let (closing, limits) = (self.closing.clone(), (self.config.header_timeout, self.config.write_timeout));
        tasks.spawn(async move { run(stream, &http, service, closing, limits).await });
    }
}

async fn run(
    stream: TcpStream,
    http: &Http,
    service: Service,
    closing: CancellationToken,
    (header_timeout, write_timeout): (Duration, Duration),
) {
    let activity = Activity::new();
    let requests = Arc::clone(&activity);
    let begins = Arc::new(Notify::new());
    let begin = Arc::clone(&begins);
    let answer = service_fn(move |request: Request<Incoming>| {
        begin.notify_one();
        let reading = requests.begin(request.version());
        let answer = match Service::answer_elsewhere(&request) {
            Some(response) => Either::Left(ready(response)),
            None => Either::Right(service.clone().answer(request)),
        };
        async move {
            let response = answer.await;
            reading.polled(false);
            Ok::<_, Infallible>(response.map(|body| body.watched(reading)))
        }
    });
    let limits = (header_timeout, write_timeout);
    let is_http1 = tokio::select! {
        is_http1 = speaks_http1(&stream) => is_http1,
        () = sleep(header_timeout) => return,
        () = async { closing.cancelled().await; sleep(LAST_WORDS).await } => return,
    };
    let io = TokioIo::new(StallGuard::new(stream, write_timeout, Arc::clone(&activity)));
    #[cfg(feature = "http2")]
    if !is_http1 {
        // Apart: without what it needs, a connection of HTTP/1 takes half the memory.
        let mut connection = Box::pin(http.http2.serve_connection(io, answer));
        return drive(connection.as_mut(), &activity, &begins, closing, limits).await;
    }
    #[cfg(not(feature = "http2"))]
    if !is_http1 {
        static SAID: std::sync::Once = std::sync::Once::new();
        SAID.call_once(|| {
            tracing::warn!(
                "a connection begins as HTTP/2 does, and this server was built without: if the service asks for it (--use-http2, a \
                 port called h2c), turn on the feature `http2` of pmcp-cloudrun, else ask for HTTP/1. It is said once"
            );
        });
    }
    let connection = pin!(http.http1.serve_connection(io, answer));
    drive(connection, &activity, &begins, closing, limits).await;
}

/// Whether a connection speaks HTTP/1, by its first bytes, which stay unread: those of HTTP/2 are `PRI`, which begins no
/// method that there is.
async fn speaks_http1(stream: &TcpStream) -> bool {
    let mut first = [0; 3];
    let mut pause = REST_OF_A_WORD;
    // Reading fails where this does, and says so.
    while let Ok(length @ 1..) = stream.peek(&mut first).await {
        match first.get(..length) {
            Some(b"PRI") => return false,
            // More and more seldom: what is unread wakes nobody again, and hides that the client has gone.
            Some(b"P" | b"PR") => {
                sleep(pause).await;
                pause *= 2;
            }
            _ => break,
        }
    }
    true
}

/// Serves a connection to its end, or to the first limit that it is beyond.
async fn drive<C>(
    mut connection: Pin<&mut C>,
    activity: &Activity,
    begins: &Notify,
    closing: CancellationToken,
    (header_timeout, write_timeout): (Duration, Duration),
) where
    C: GracefulConnection<Error: Display>,
{
    let most_between_checks = header_timeout.min(write_timeout / 2);
    // The first bytes of a request may have taken some of its time.
    let first_check = header_timeout.saturating_sub(activity.idle_for().unwrap_or_default());
    let mut check = pin!(sleep(first_check.min(most_between_checks)));
    let mut leaves_since = None;
    let (mut is_closing, mut is_told) = (false, false);
    let ended = loop {
        tokio::select! {
            ended = &mut connection => break ended,
            () = &mut check => {
                if activity.is_unread_for(write_timeout) {
                    tracing::debug!("a client does not read its answer; the connection is closed");
                    return;
                }
                let waits = if is_closing { LAST_WORDS } else { header_timeout };
                let left = activity.idle_for().map_or(waits, |idle| waits.saturating_sub(idle));
                if left.is_zero() || (is_closing && activity.idle_for().is_some()) {
                    if is_closing || activity.is_all_sent() {
                        tracing::debug!("a connection without a request is closed");
                        return;
                    }
                    connection.as_mut().graceful_shutdown();
                    // HTTP/2 ends by itself, unless its client does not take the rest of what was written.
                    if leaves_since.get_or_insert_with(Instant::now).elapsed() > write_timeout {
                        tracing::debug!("a client does not read its last answers; the connection is closed");
                        return;
                    }
                } else {
                    leaves_since = None;
                }
                let next = if left.is_zero() { most_between_checks } else { left.min(most_between_checks) };
                check.as_mut().reset(Instant::now() + next);
            }
            () = begins.notified(), if is_closing && !is_told => {
                connection.as_mut().graceful_shutdown();
                is_told = true;
            }
            () = closing.cancelled(), if !is_closing => {
                is_closing = true;
                // Before the first request hyper would close at once, and give up one that is on its way.
                if activity.begun() > 0 {
                    connection.as_mut().graceful_shutdown();
                    is_told = true;
                }
                check.as_mut().reset(Instant::now() + LAST_WORDS);
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;
    use hyper::{Response, Version};
    use tokio::{
        io::{AsyncWriteExt, duplex},
        time::advance,
    };

    use super::*;

    const LIMITS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(30));

    /// For how long a connection goes on whose client sends `bytes`.
    async fn lasts(activity: &Activity, bytes: &'static [u8]) -> Duration {
        let (mut client, server) = duplex(1024);
        client.write_all(bytes).await.expect("there is room");
        let answer = service_fn(async |_| Ok::<_, Infallible>(Response::new(Full::new(Bytes::new()))));
        let connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(server), answer));
        let begin = Instant::now();
        drive(connection, activity, &Notify::new(), CancellationToken::new(), LIMITS).await;
        begin.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_whose_first_byte_was_late_has_no_more_time_than_others() {
        for (late, left) in [(0, 10), (9, 1)] {
            let activity = Activity::new();
            advance(Duration::from_secs(late)).await;
            assert_eq!(lasts(&activity, b"POST /mcp HTT").await.as_secs(), left);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_of_an_answer_that_was_handed_over_is_waited_for() {
        let activity = Activity::new();
        drop(activity.begin(Version::HTTP_11));
        activity.write_waits(true);
        let reader = Arc::clone(&activity);
        let reads = tokio::spawn(async move {
            for _ in 0..6 {
                sleep(Duration::from_secs(20)).await;
                // Some was taken, and the next write waits.
                reader.write_waits(false);
                reader.write_waits(true);
            }
            reader.write_waits(false);
        });
        assert_eq!(lasts(&activity, b"").await.as_secs(), 6 * 20 + 10);
        reads.await.expect("it has read");
    }
}
