//! A panic that ends the process sends what is queued first. Alone in its process, whose panic hook it sets.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::process::Command;
use std::time::Duration;

use support::receiver::Receiver;
use throughline::Config;

#[inline(never)]
fn deliberate() {
    panic!("contained");
}

/// The process under test, not a test.
#[test]
fn panic_process() {
    let Ok(endpoint) = std::env::var("PANIC_ENDPOINT") else {
        return;
    };
    let config = Config::builder("orders").endpoint(endpoint).batch_delay(Duration::from_secs(3600));
    let kit = throughline::init(config.variables(support::NO_VARIABLES).build()).unwrap();
    // Like one in a static: its drop does not flush.
    let kit = Box::leak(Box::new(kit));
    kit.flush_on_panic();
    futures_util::FutureExt::now_or_never(kit.span("work").observe(async {})).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { assert!(kit.spawn("fails", async { deliberate() }).await.is_err()) });
    // libtest runs no test on the main thread; the kit knows it by its name.
    let main = std::thread::Builder::new().name("main".into()).spawn(|| panic!("deliberate")).unwrap();
    assert!(main.join().is_ok());
}

#[test]
fn a_panic_that_ends_the_process_flushes_first() {
    if std::env::var("PANIC_ENDPOINT").is_ok() {
        return;
    }
    let receiver = Receiver::start();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "panic_process", "--nocapture"])
        .env("PANIC_ENDPOINT", &receiver.url)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(101));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("deliberate"), "{told}");
    assert_eq!(receiver.spans().len(), 2);
    let record = format!("{:?}", receiver.logs().remove(0).attributes);
    assert!(record.contains("exception.stacktrace") && record.contains("panics::deliberate"), "{record}");
}
