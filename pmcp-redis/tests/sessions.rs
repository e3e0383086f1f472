//! What every store of sessions must do, in memory and in a real Redis; the latter is skipped where there is none.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use pmcp_core::{
    MemorySessionStore, Session, SessionStore, StreamEvent,
    protocol::{LogLevel, Revision},
};
use pmcp_redis::{Redis, RedisSessionStore};
use tokio::time::{sleep, timeout};

/// Long enough for a busy machine, where something must happen.
const SOON: Duration = Duration::from_secs(10);
/// Where nothing must happen.
const A_WHILE: Duration = Duration::from_millis(200);
const NOW: Duration = Duration::from_secs(1_000_000);

/// Two instances that share sessions: one process with two hands on the same memory, or two with the same Redis.
struct Instances {
    here: Box<dyn SessionStore>,
    there: Box<dyn SessionStore>,
}

impl Instances {
    fn in_memory() -> Self {
        let store = MemorySessionStore::default();
        Self { here: Box::new(store.clone()), there: Box::new(store) }
    }

    fn in_redis(server: &pmcp_tests::Redis) -> Self {
        Self { here: Box::new(store(server)), there: Box::new(store(server)) }
    }

    async fn with_session(self) -> Self {
        self.here.create("s", session(), NOW).await.unwrap();
        self
    }
}

fn store(server: &pmcp_tests::Redis) -> RedisSessionStore {
    RedisSessionStore::new(&redis(server))
}

fn redis(server: &pmcp_tests::Redis) -> Redis {
    Redis::open(&server.url()).unwrap().with_prefix("test")
}

fn session() -> Session {
    let mut session = Session::new(Revision::V2025_11_25);
    session.principal = Some("ada".into());
    session
}

/// Runs `case` with both kinds of store.
async fn in_both<F: Future<Output = ()>>(test: &str, case: impl Fn(Instances) -> F) {
    case(Instances::in_memory().with_session().await).await;
    let Some(server) = pmcp_tests::Redis::start(test) else { return };
    case(Instances::in_redis(&server).with_session().await).await;
}

async fn append(store: &dyn SessionStore, stream: &str, text: &str, is_last: bool) -> bool {
    store.append("s", stream, Bytes::copy_from_slice(text.as_bytes()), is_last).await.unwrap()
}

/// What comes after `after`, which must come soon: numbers and texts.
async fn read(store: &dyn SessionStore, stream: &str, after: u64) -> Option<Vec<(u64, String)>> {
    let read = timeout(SOON, store.read("s", stream, after)).await.expect("nothing came for 10 s").unwrap();
    let text = |event: StreamEvent| (event.number, String::from_utf8(event.message.to_vec()).unwrap());
    read.map(|events| events.into_iter().map(text).collect())
}

fn event(number: u64, text: &str) -> (u64, String) {
    (number, text.to_owned())
}

#[tokio::test]
async fn a_session_is_found_at_the_other_instance_and_changed_once() {
    in_both(
        "a_session_is_found_at_the_other_instance_and_changed_once",
        async |Instances { here, there }: Instances| {
            assert_eq!(there.load("s", NOW).await.unwrap(), Some(session()));
            assert_eq!(there.load("t", NOW).await.unwrap(), None);
            let mut loud = session().next_version();
            loud.log_level = Some(LogLevel::Debug);
            let mut subscribed = session().next_version();
            subscribed.subscriptions.insert("a:1".into());
            assert!(here.save("s", loud.clone()).await.unwrap());
            assert!(!there.save("s", subscribed).await.unwrap(), "the other was faster");
            assert_eq!(there.load("s", NOW).await.unwrap(), Some(loud.clone()));
            assert!(there.save("s", loud.clone().next_version()).await.unwrap());
            assert!(!here.save("s", session()).await.unwrap(), "an older version");
            assert!(!here.save("t", loud.next_version()).await.unwrap(), "no such session");
            assert!(there.remove("s").await.unwrap());
            assert!(!here.remove("s").await.unwrap());
            assert_eq!(here.load("s", NOW).await.unwrap(), None);
            assert!(!here.save("s", session().next_version()).await.unwrap(), "it stays removed");
        },
    )
    .await;
}

#[tokio::test]
async fn a_stream_is_read_anywhere_from_any_number_on() {
    in_both("a_stream_is_read_anywhere_from_any_number_on", async |Instances { here, there }: Instances| {
        assert!(!append(&*here, "a", "too early", false).await);
        assert_eq!(read(&*there, "a", 0).await, None);
        here.open("s", "a").await.unwrap();
        assert!(append(&*here, "a", "1", false).await);
        // Open already: nothing is lost.
        there.open("s", "a").await.unwrap();
        assert!(append(&*there, "a", "", false).await);
        assert!(append(&*here, "a", "\0\u{e9}\n", true).await);
        assert!(!append(&*there, "a", "too late", false).await);
        let all = [event(1, "1"), event(2, ""), event(3, "\0\u{e9}\n")];
        for store in [&here, &there] {
            assert_eq!(read(&**store, "a", 0).await.as_deref(), Some(&all[..]));
            assert_eq!(read(&**store, "a", 2).await.as_deref(), Some(&all[2..]));
            for after in [3, 4, u64::MAX] {
                assert_eq!(read(&**store, "a", after).await, None);
            }
            let last = store.read("s", "a", 1).await.unwrap().unwrap();
            assert_eq!(last.iter().map(|event| event.is_last).collect::<Vec<_>>(), [false, true]);
        }
        assert!(!here.append("t", "a", Bytes::new(), false).await.unwrap(), "of another session");
        here.open("t", "a").await.unwrap();
        assert!(!here.append("t", "a", Bytes::new(), false).await.unwrap(), "there is no such session");
    })
    .await;
}

#[tokio::test]
async fn who_waits_is_told_wherever_it_is_said() {
    in_both("who_waits_is_told_wherever_it_is_said", async |Instances { here, there }: Instances| {
        for stream in ["a", "b"] {
            here.open("s", stream).await.unwrap();
        }
        for (number, text) in (1..=20).map(|number| (number, number.to_string())) {
            // Two who wait for the same, at both instances, and one for something else.
            let (one, other) = (read(&*there, "a", number - 1), read(&*here, "a", number - 1));
            let said = async {
                // Now before they have begun to wait, now after.
                sleep(Duration::from_millis(number % 4 * 10)).await;
                append(&*here, "a", &text, false).await
            };
            let elsewhere = timeout(A_WHILE / 4, there.read("s", "b", 0));
            let (one, other, said, elsewhere) = tokio::join!(one, other, said, elsewhere);
            assert!(said && elsewhere.is_err());
            assert_eq!((one, other), (Some(vec![event(number, &text)]), Some(vec![event(number, &text)])));
        }
    })
    .await;
}

#[tokio::test]
async fn who_waits_in_vain_is_told_too() {
    in_both("who_waits_in_vain_is_told_too", async |Instances { here, there }: Instances| {
        for stream in ["closed", "removed", "also removed"] {
            here.open("s", stream).await.unwrap();
        }
        let close = async {
            sleep(A_WHILE).await;
            here.close("s", "closed").await.unwrap();
            here.close("s", "never opened").await.unwrap();
        };
        assert_eq!(tokio::join!(read(&*there, "closed", 0), close).0, None);
        assert!(!append(&*here, "closed", "too late", false).await);
        let remove = async {
            sleep(A_WHILE).await;
            assert!(here.remove("s").await.unwrap());
        };
        let ended = tokio::join!(read(&*there, "removed", 0), read(&*here, "also removed", 0), remove);
        assert_eq!((ended.0, ended.1), (None, None));
        assert!(!append(&*there, "removed", "too late", false).await);
    })
    .await;
}

#[tokio::test]
async fn what_is_kept_of_a_session_is_bounded() {
    in_both("what_is_kept_of_a_session_is_bounded", async |Instances { here, there }: Instances| {
        here.open("s", "open").await.unwrap();
        for n in 0..100 {
            here.open("s", &n.to_string()).await.unwrap();
            assert!(append(&*here, &n.to_string(), "x", true).await);
        }
        assert_eq!(read(&*there, "0", 0).await, None, "the oldest is forgotten");
        assert_eq!(read(&*there, "99", 0).await, Some(vec![event(1, "x")]));
        assert!(append(&*there, "open", "1", false).await, "not what has not ended");
        for n in 2..=1_500 {
            append(&*here, "open", &n.to_string(), n == 1_500).await;
        }
        let mut numbers = Vec::new();
        while let Some(events) = read(&*there, "open", numbers.last().copied().unwrap_or_default()).await {
            assert!(!events.is_empty());
            numbers.extend(events.into_iter().map(|(number, _)| number));
        }
        assert_eq!(numbers, (501..=1_500).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn a_session_lives_as_long_as_it_is_used() {
    let hour = Duration::from_secs(3_600);
    let Instances { here, there } = Instances::in_memory().with_session().await;
    assert!(there.load("s", NOW + hour / 2).await.unwrap().is_some());
    assert!(here.load("s", NOW + hour).await.unwrap().is_some());
    here.open("s", "a").await.unwrap();
    let (ended, gone) = tokio::join!(read(&*there, "a", 0), here.load("s", NOW + hour * 3));
    assert_eq!((ended, gone.unwrap()), (None, None));

    let Some(server) = pmcp_tests::Redis::start("a_session_lives_as_long_as_it_is_used") else { return };
    let store = store(&server).with_idle(Duration::from_secs(2));
    store.create("s", session(), NOW).await.unwrap();
    store.open("s", "a").await.unwrap();
    for _ in 0..6 {
        sleep(Duration::from_millis(500)).await;
        assert!(store.load("s", NOW).await.unwrap().is_some());
        store.open("s", "a").await.unwrap();
    }
    let mut next = session().next_version();
    next.log_level = Some(LogLevel::Error);
    assert!(store.save("s", next).await.unwrap());
    // Nobody uses it any more: it goes, and whoever waits learns of it.
    assert_eq!(read(&store, "a", 0).await, None);
    sleep(Duration::from_millis(2_100)).await;
    assert_eq!(store.load("s", NOW).await.unwrap(), None);

    for odd in [Duration::ZERO, Duration::MAX] {
        store.clone().with_idle(odd).create("s", session(), NOW).await.unwrap();
    }
}

async fn keys(server: &pmcp_tests::Redis) -> usize {
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("DBSIZE").query_async(&mut connection).await.unwrap()
}

#[tokio::test]
async fn ten_thousand_sessions_leave_nothing_behind() {
    let Some(server) = pmcp_tests::Redis::start("ten_thousand_sessions_leave_nothing_behind") else { return };
    let (lasting, short) = (store(&server), store(&server).with_idle(Duration::from_secs(5)));
    let live = async |store: &RedisSessionStore, id: String| {
        store.create(&id, session(), NOW).await.unwrap();
        store.open(&id, "answer 1").await.unwrap();
        store.append(&id, "answer 1", "{}".into(), true).await.unwrap();
        store.open(&id, "a").await.unwrap();
        store.append(&id, "a", "{}".into(), false).await.unwrap();
    };
    let hundreds = async |store: &RedisSessionStore, begin: usize, ends: bool| {
        for hundred in 0..50 {
            futures_util::future::join_all((0..100).map(async |n| {
                let id = (begin + hundred * 100 + n).to_string();
                live(store, id.clone()).await;
                if ends {
                    assert!(store.remove(&id).await.unwrap());
                }
            }))
            .await;
        }
    };
    hundreds(&lasting, 0, true).await;
    assert_eq!(keys(&server).await, 0);
    hundreds(&short, 5_000, false).await;
    let most = keys(&server).await;
    assert!(most > 0);
    // What has expired is counted until Redis comes across it.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while keys(&server).await > 0 {
        assert!(tokio::time::Instant::now() < deadline, "{} of {most} keys are left", keys(&server).await);
        sleep(A_WHILE).await;
    }
}

#[tokio::test]
async fn redis_goes_away_and_comes_back() {
    let Some(mut server) = pmcp_tests::Redis::start("redis_goes_away_and_comes_back") else { return };
    let Instances { here, there } = Instances::in_redis(&server).with_session().await;
    here.open("s", "a").await.unwrap();
    server.stop();
    for error in [
        here.load("s", NOW).await.unwrap_err(),
        here.create("t", session(), NOW).await.unwrap_err(),
        here.read("s", "a", 0).await.unwrap_err(),
    ] {
        assert!(error.0.starts_with("cannot reach Redis at 127.0.0.1:"), "{error}");
    }
    // What is said while it is away for a moment is said late, though the new Redis has never heard of the session.
    let back = async {
        sleep(A_WHILE).await;
        server.start_again();
    };
    let (appended, ()) = tokio::join!(here.append("s", "a", "1".into(), false), back);
    assert_eq!(appended, Ok(false));
    assert_eq!(here.load("s", NOW).await.unwrap(), None);
    here.create("s", session(), NOW).await.unwrap();
    here.open("s", "a").await.unwrap();
    let said = async {
        sleep(A_WHILE).await;
        append(&*here, "a", "1", false).await
    };
    assert_eq!(tokio::join!(read(&*there, "a", 0), said), (Some(vec![event(1, "1")]), true));
    // Who waits while Redis is lost learns what has become of the stream.
    let lost = async {
        sleep(A_WHILE).await;
        server.stop();
        server.start_again();
    };
    assert_eq!(tokio::join!(read(&*there, "a", 1), lost).0, None);
}
