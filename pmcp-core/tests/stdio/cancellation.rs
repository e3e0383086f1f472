//! A cancelled request is gone: its handler, its lines, and all that it held.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context as Task, Poll, Wake, Waker},
    time::Duration,
};

use pmcp_core::{
    platform::{BoxFuture, Platform},
    serde_json::{Value, json},
    stdio::Stdio,
    testing::TestPlatform,
};

use crate::{call, cancel, initialize, legacy, modern, pipe::Pipe, server::Desk};

#[test]
fn in_every_era_nothing_more_is_sent_for_it() {
    for open in ["", &initialize("2024-11-05"), &initialize("2025-11-25")] {
        let request = if open.is_empty() { modern } else { legacy };
        for id in [json!(1), json!("one")] {
            let (desk, pipe) = (Desk::default(), Pipe::new());
            let server = Stdio::new(desk.clone()).expect("a server");
            pipe.play(&server, Arc::new(TestPlatform::default()), |turn| {
                pipe.write(open.to_owned() + &request(id.clone(), "tools/call", call("talking")));
                turn.waits();
                assert_eq!(pipe.lines().len(), 3 + usize::from(!open.is_empty()));
                pipe.write(cancel(id.clone()));
                turn.waits();
                assert_eq!(desk.live(), 0);
                desk.gate.open();
                turn.waits();
                assert_eq!(pipe.lines(), [Value::Null; 0]);
                // The id may be used again.
                pipe.write(request(id.clone(), "tools/call", call("at_once")));
                turn.waits();
                assert_eq!(pipe.lines()[0]["id"], id);
            });
        }
    }
}

#[test]
fn what_waits_to_be_written_is_taken_back() {
    let (desk, pipe) = (Desk::default(), Pipe::new());
    let server = Stdio::new(desk.clone()).expect("a server");
    pipe.play(&server, Arc::new(TestPlatform::default()), |turn| {
        // Half of the first line.
        pipe.take_bytes(20);
        pipe.write(modern(1, "tools/call", call("talking")));
        turn.waits();
        pipe.write(cancel(1) + &modern(2, "tools/call", call("at_once")));
        turn.waits();
        pipe.take_bytes(usize::MAX);
        turn.waits();
        let lines = pipe.lines();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!((&lines[0]["params"]["progress"], &lines[1]["id"]), (&json!(1.0), &json!(2)));
    });
}

#[test]
fn those_that_name_nothing_are_ignored() {
    let (desk, pipe) = (Desk::default(), Pipe::new());
    let server = Stdio::new(desk.clone()).expect("a server");
    pipe.play(&server, Arc::new(TestPlatform::default()), |turn| {
        pipe.write(modern(1, "tools/call", call("waiting")));
        for params in [
            json!({}),
            json!(null),
            json!([1]),
            json!("1"),
            json!({ "requestId": null }),
            json!({ "requestId": "1" }),
            json!({ "requestId": 1.5 }),
            json!({ "requestId": [1] }),
            json!({ "requestId": { "id": 1 } }),
            json!({ "requestid": 1 }),
            json!({ "requestId": 2, "reason": "unknown" }),
        ] {
            let method = "notifications/cancelled";
            pipe.write(json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string() + "\n");
        }
        pipe.write("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\"}\n");
        pipe.write("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/canceled\",\"params\":{\"requestId\":1}}\n");
        turn.waits();
        assert_eq!((desk.live(), pipe.lines()), (1, vec![]));
        pipe.write(cancel(1) + &cancel(1));
        turn.waits();
        assert_eq!((desk.live(), pipe.lines()), (0, vec![]));
    });
}

#[test]
fn too_many_at_a_time_and_ids_that_are_taken_are_refused() {
    let (desk, pipe) = (Desk::default(), Pipe::new());
    let server = Stdio::new(desk.clone()).expect("a server").max_requests(3);
    pipe.play(&server, Arc::new(TestPlatform::default()), |turn| {
        pipe.write(modern(1, "tools/call", call("waiting")) + &modern(1, "tools/call", call("waiting")));
        turn.waits();
        let lines = pipe.lines();
        assert_eq!((lines.len(), &lines[0]["error"]["code"]), (1, &json!(-32600)));
        for id in 2..=5 {
            pipe.write(modern(id, "tools/call", call("waiting")));
        }
        turn.waits();
        let lines = pipe.lines();
        let refused: Vec<_> = lines.iter().map(|line| (&line["id"], &line["error"]["code"])).collect();
        assert_eq!(refused, [(&json!(4), &json!(-32603)), (&json!(5), &json!(-32603))]);
        pipe.write(cancel(2) + &modern(6, "tools/call", call("waiting")));
        turn.waits();
        assert_eq!((desk.live(), pipe.lines()), (3, vec![]));
    });
    assert_eq!(desk.live(), 0);
}

/// Keeps what should be finished in the background.
#[derive(Default)]
struct Hoard(TestPlatform, Mutex<Vec<BoxFuture<()>>>);

impl Platform for Hoard {
    fn now(&self) -> Duration {
        self.0.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        self.0.sleep(duration)
    }

    fn random(&self, bytes: &mut [u8]) {
        self.0.random(bytes);
    }

    fn background(&self, work: BoxFuture<()>) {
        self.1.lock().expect("a lock").push(work);
    }
}

/// Over HTTP a lost connection lets older revisions finish; here each way to end is the client's wish.
#[test]
fn nothing_is_finished_in_the_background() {
    for how in ["cancelled", "the end", "given up"] {
        let (desk, pipe, platform) = (Desk::default(), Pipe::new(), Arc::new(Hoard::default()));
        let server = Stdio::new(desk.clone()).expect("a server");
        pipe.play(&server, platform.clone(), |turn| {
            pipe.write(initialize("2025-11-25") + &legacy(1, "tools/call", call("talking")));
            turn.waits();
            assert_eq!(desk.live(), 1);
            match how {
                "cancelled" => pipe.write(cancel(1)),
                "the end" => pipe.end(),
                _ => return,
            }
            assert_eq!(turn.run().is_ready(), how == "the end");
            assert_eq!(desk.live(), 0, "{how}");
        });
        assert_eq!((desk.live(), platform.1.lock().expect("a lock").len()), (0, 0), "{how}");
    }
}

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn others_learn_that_it_is_over() {
    for how in ["cancelled", "answered", "the end"] {
        let (desk, pipe) = (Desk::default(), Pipe::new());
        let server = Stdio::new(desk.clone()).expect("a server");
        pipe.play(&server, Arc::new(TestPlatform::default()), |turn| {
            pipe.write(modern(1, "tools/call", call("talking")));
            turn.waits();
            let cx = desk.left.lock().expect("a lock").pop().expect("a context");
            let count = Arc::new(Count(AtomicUsize::new(0)));
            let waker = Waker::from(Arc::clone(&count));
            let mut task = Task::from_waker(&waker);
            let (mut first, mut second) = (pin!(cx.cancelled()), Box::pin(cx.cancelled()));
            for _ in 0..3 {
                assert!(first.as_mut().poll(&mut task).is_pending());
                assert!(second.as_mut().poll(&mut task).is_pending());
            }
            drop(second);
            match how {
                "cancelled" => pipe.write(cancel(1)),
                "answered" => desk.gate.open(),
                _ => pipe.end(),
            }
            assert_eq!(turn.run().is_ready(), how == "the end");
            assert_eq!(count.0.load(Ordering::SeqCst), 1, "{how}: one that waits is woken once");
            assert_eq!(first.as_mut().poll(&mut task), Poll::Ready(()), "{how}");
            assert_eq!(pin!(cx.cancelled()).poll(&mut task), Poll::Ready(()), "{how}");
            // Nobody reads what it would still say, and it does not wait for anybody.
            let mut saying = pin!(async {
                for step in 10..100 {
                    cx.progress(step, None, None).await;
                }
            });
            assert_eq!(saying.as_mut().poll(&mut task), Poll::Ready(()), "{how}");
        });
    }
}
