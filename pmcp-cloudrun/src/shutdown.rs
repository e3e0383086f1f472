//! When the process is told to end: SIGTERM from the platform, Ctrl-C from a person.

use std::io;

/// Completes when the process should end.
///
/// # Errors
/// When the system does not let the process wait for signals.
#[cfg(unix)]
pub(crate) fn requested() -> io::Result<impl Future<Output = &'static str>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "Ctrl-C",
        }
    })
}

/// Completes when the process should end.
///
/// # Errors
/// Never on this system.
#[cfg(not(unix))]
pub(crate) fn requested() -> io::Result<impl Future<Output = &'static str>> {
    Ok(async {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "Ctrl-C",
            Err(error) => {
                tracing::error!(%error, "cannot wait for Ctrl-C");
                std::future::pending().await
            }
        }
    })
}
