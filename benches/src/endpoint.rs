//! The core as an adapter calls it, in this process.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response};
use pmcp_core::{
    IntoServer, StreamableHttp, platform::Platform, prelude::Tool, streamable_http::Body, testing::TestPlatform,
};

/// The calculator behind its endpoint.
pub struct Endpoint {
    http: StreamableHttp,
    platform: Arc<dyn Platform>,
}

impl Endpoint {
    /// The calculator with its own tools and as many more as make `tools`.
    ///
    /// # Panics
    /// If the server cannot be built.
    pub fn new(tools: usize) -> Self {
        let mut builder = calculator::Calculator.into_builder();
        let own = calculator::Calculator.into_server().expect("the calculator is right").tools().len();
        for number in own..tools {
            let tool = Tool::new(format!("tool-{number}")).with_description("One of many.");
            builder = builder.tool(tool, |value: std::collections::BTreeMap<String, u8>, _| async move { value.len() });
        }
        let http = StreamableHttp::new(builder).expect("the calculator is right");
        Self { http, platform: Arc::new(TestPlatform::default()) }
    }

    /// The response to one request.
    ///
    /// # Panics
    /// If the handler waits for something.
    pub fn respond(&self, request: Request<Bytes>) -> Response<Body> {
        let responding = pin!(self.http.respond(request, &self.platform));
        match responding.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(response) => response,
            Poll::Pending => panic!("a tool of the calculator waits"),
        }
    }
}
