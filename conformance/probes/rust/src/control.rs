//! Spans while remote control changes what is sampled.

use std::time::{Duration, Instant};

use throughline::opentelemetry::Context;
use throughline::opentelemetry::trace::TraceContextExt;

use crate::Scene;

/// Makes spans until sampling has been off, on and off again. `test/end-to-end/control.test.ts` changes it meanwhile.
pub(crate) async fn play(scenario: &str, scene: &Scene) -> bool {
    if scenario != "control-follow" {
        return false;
    }
    let mut phases = [false, true, false].into_iter().peekable();
    let until = Instant::now() + Duration::from_secs(60);
    while let Some(phase) = phases.peek() {
        assert!(Instant::now() < until, "sampling was not changed as it should");
        let recording = scene.kit.span("tick").observe(async { Context::current().span().span_context().is_sampled() });
        if recording.await == *phase {
            phases.next();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    true
}
