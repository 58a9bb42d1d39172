use std::pin::pin;

use futures_util::future::select;

/// Listens from now on for the signals that ask a process to end; ends at the first.
#[cfg(unix)]
pub(crate) fn listen() -> impl Future<Output = ()> + Send + 'static {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = signal(SignalKind::terminate()).and_then(|one| Ok((one, signal(SignalKind::interrupt())?)));
    async move {
        let Ok((mut terminate, mut interrupt)) = signals else {
            return std::future::pending().await;
        };
        select(pin!(terminate.recv()), pin!(interrupt.recv())).await;
    }
}

#[cfg(not(unix))]
pub(crate) fn listen() -> impl Future<Output = ()> + Send + 'static {
    async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
