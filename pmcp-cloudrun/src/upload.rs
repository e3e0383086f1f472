//! The body of a request, read into memory within limits of its own size, of time, and of what all bodies take.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::sleep;

use crate::limits::{Limit, Permit};

/// Why a body was not read to its end.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(crate) status: StatusCode,
    pub(crate) reason: String,
}

impl Unread {
    fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into() }
    }
}

/// Reads `body`, up to `most` bytes, of which `buffered` has room for.
pub(crate) async fn read<B>(body: B, most: usize, limit: Duration, buffered: &Limit) -> Result<Bytes, Unread>
where
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync + 'static>,
{
    let too_long = || {
        let reason = format!("The body is longer than {most} bytes, the limit of this server.");
        Unread::new(StatusCode::PAYLOAD_TOO_LARGE, reason)
    };
    if body.size_hint().lower() > most as u64 {
        return Err(too_long());
    }
    let reading = async {
        let mut body = std::pin::pin!(body);
        let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
        let mut taken: Option<Permit> = None;
        while let Some(frame) = body.as_mut().frame().await {
            let frame = frame.map_err(|error| {
                tracing::debug!(%error, "a request body broke off");
                Unread::new(StatusCode::BAD_REQUEST, "The request body broke off.")
            })?;
            let Ok(data) = frame.into_data() else { continue };
            if first.len() + rest.len() + data.len() > most {
                return Err(too_long());
            }
            // A body that came at once is never kept waiting in memory.
            if first.is_empty() && body.is_end_stream() {
                return Ok(data);
            }
            let permit = buffered.take(data.len()).ok_or_else(|| {
                Unread::new(StatusCode::SERVICE_UNAVAILABLE, "Too many requests are coming in; try again in a second.")
            })?;
            match &mut taken {
                Some(taken) => taken.join(permit),
                None => taken = Some(permit),
            }
            if first.is_empty() {
                first = data;
            } else {
                rest.extend_from_slice(&data);
            }
        }
        if rest.is_empty() {
            return Ok(first);
        }
        let mut whole = BytesMut::with_capacity(first.len() + rest.len());
        whole.extend_from_slice(&first);
        whole.extend_from_slice(&rest);
        Ok(whole.freeze())
    };
    tokio::select! {
        biased;
        read = reading => read,
        // Most bodies are there already, and the timer is made when one has to be waited for.
        () = async { sleep(limit).await } => {
            Err(Unread::new(StatusCode::REQUEST_TIMEOUT, "The request body took too long."))
        }
    }
}
