//! Outages, each with a real process: memory stays under the byte budget, every item is accounted for, the process ends in time, and
//! requests do not wait. The Go kit has the same test with the same numbers.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::grpc;
use throughline::opentelemetry::KeyValue;
use throughline::{Config, Protocol, SignalStats};
use tracing_subscriber::prelude::*;

const REQUESTS: u64 = 3000;
/// With one span and one log record a request: 12 MiB of each signal, of which 8 may wait.
const TEXT_BYTES: usize = 4096;
const QUEUE_BYTES: u64 = 8 << 20;
/// Of a process with both queues full.
const MEMORY_KIB_MAX: u64 = 120 << 10;
const EXIT_MAX: Duration = Duration::from_millis(5500);

/// Serves connections by hand; gives the URL.
fn serve(handle: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let handle = handle.clone();
            thread::spawn(move || handle(connection));
        }
    });
    url
}

/// Reads one request; `None` at the end of the connection.
fn read_request(reader: &mut BufReader<TcpStream>) -> Option<()> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink()).ok().map(drop)
}

fn answer(head: &'static str, body: &'static str) -> String {
    serve(move |mut connection| {
        let mut reader = BufReader::new(connection.try_clone().unwrap());
        while read_request(&mut reader).is_some() {
            let length = body.len();
            if write!(connection, "HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n{body}").is_err() {
                return;
            }
        }
    })
}

fn reset() -> String {
    serve(|connection| {
        let _ = (&connection).read(&mut [0; 1000]);
        // Closing with unread data resets.
    })
}

fn trickle() -> String {
    serve(|mut connection| {
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
        while connection.write_all(b"\0").is_ok() {
            thread::sleep(Duration::from_millis(200));
        }
    })
}

/// Settings, and then a frame of 100 bytes that no version of HTTP/2 knows, byte by byte.
fn trickle_frames() -> String {
    serve(|mut connection| {
        let _ = connection.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 100, 0x42, 0, 0, 0, 0, 0]);
        while connection.write_all(b"\0").is_ok() {
            thread::sleep(Duration::from_millis(200));
        }
    })
}

fn outages_over_grpc() -> Vec<(&'static str, String)> {
    let come_back = |code| grpc::failing(grpc::failure(code, Some(Duration::from_secs(1))));
    vec![
        ("refuses", support::receiver::refusing()),
        ("blackholes", support::receiver::blackhole()),
        ("resets", reset()),
        ("is unavailable", come_back(tonic::Code::Unavailable)),
        ("is exhausted", come_back(tonic::Code::ResourceExhausted)),
        ("trickles", trickle_frames()),
        ("talks garbage", garbage()),
    ]
}

fn garbage() -> String {
    serve(|mut one| drop(one.write_all(b"\x16\x03\x01 220 smtp ready\r\n\r\n")))
}

fn outages() -> Vec<(&'static str, String)> {
    vec![
        ("refuses", support::receiver::refusing()),
        ("blackholes", support::receiver::blackhole()),
        ("resets", reset()),
        ("is unavailable", answer("503 Service Unavailable\r\nRetry-After: 1", "")),
        ("trickles", trickle()),
        ("talks garbage", garbage()),
        ("is no receiver", answer("200 OK\r\nContent-Type: text/html", "<html>welcome</html>")),
    ]
}

fn memory_peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn told(stats: &SignalStats) -> String {
    let drops = &stats.dropped;
    let numbers = [
        stats.created,
        stats.exported,
        stats.queued,
        stats.queued_bytes,
        drops.queue_full,
        drops.byte_limit,
        drops.circuit_open,
        drops.timeout,
        drops.export_failed,
        drops.rejected,
        drops.shutdown,
    ];
    numbers.map(|number| number.to_string()).join(" ")
}

/// The account once the workers have closed it, for which shutting down leaves them a moment; where no processor is free it may be late.
fn settled(kit: &throughline::Kit) -> throughline::Stats {
    for _ in 0..300 {
        let stats = kit.stats();
        if stats.spans.queued + stats.logs.queued == 0 {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    kit.stats()
}

/// The process under test, not a test.
#[test]
fn outage_process() {
    let Ok(endpoint) = std::env::var("OUTAGE_ENDPOINT") else {
        return;
    };
    let grpc = std::env::var("OUTAGE_PROTOCOL").is_ok_and(|name| name == "grpc");
    let protocol = if grpc { Protocol::Grpc } else { Protocol::HttpProtobuf };
    let config = Config::builder("orders").endpoint(endpoint).protocol(protocol).log_writer(std::io::sink());
    let kit = throughline::init(config.variables(support::NO_VARIABLES).build()).unwrap();
    let subscriber = tracing_subscriber::registry().with(kit.log_layer());
    let text = "x".repeat(TEXT_BYTES);
    let mut took = Vec::new();
    let mut queued_bytes_max = 0;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let terminated = {
        let _entered = runtime.enter();
        kit.terminated()
    };
    tracing::subscriber::with_default(subscriber, || {
        let mut work = |requests| {
            for _ in 0..requests {
                let started = Instant::now();
                let span = kit.span("GET /orders").attribute(KeyValue::new("text", text.clone()));
                let request = span.observe(async { tracing::info!(text, "order created") });
                futures_util::FutureExt::now_or_never(request).unwrap();
                took.push(started.elapsed().as_nanos());
                let stats = kit.stats();
                queued_bytes_max = queued_bytes_max.max(stats.spans.queued_bytes).max(stats.logs.queued_bytes);
            }
        };
        work(REQUESTS);
        thread::sleep(Duration::from_secs(2)); // breakers open, batches are held back
        work(REQUESTS / 3);
    });
    eprintln!("ready");
    runtime.block_on(terminated);
    let started = Instant::now();
    let _ = kit.shutdown(Duration::from_secs(5));
    let shutdown_ms = started.elapsed().as_millis();
    took.sort_unstable();
    let stats = settled(&kit);
    let (median, p99, memory) = (took[took.len() / 2], took[took.len() * 99 / 100], memory_peak_kib());
    let (spans, logs) = (told(&stats.spans), told(&stats.logs));
    eprintln!("report {median} {p99} {queued_bytes_max} {memory} {shutdown_ms} {spans} {logs}");
}

struct Report {
    median_ns: u64,
    p99_ns: u64,
    queued_bytes_max: u64,
    memory_kib: u64,
    shutdown_ms: u64,
    signals: [Vec<u64>; 2],
    exit: Duration,
}

/// Runs the process under test through an outage and ends it with SIGTERM.
fn live_through(protocol: &str, endpoint: &str) -> Report {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "outage_process", "--nocapture"])
        .env("OUTAGE_ENDPOINT", endpoint)
        .env("OUTAGE_PROTOCOL", protocol)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut numbers = Vec::new();
    let mut signaled = Instant::now();
    for line in lines.map_while(Result::ok) {
        if line == "ready" {
            signaled = Instant::now();
            let killed = Command::new("kill").arg("-TERM").arg(process.id().to_string()).status().unwrap();
            assert!(killed.success());
        } else if let Some(report) = line.strip_prefix("report ") {
            numbers = report.split(' ').map(|number| number.parse().unwrap()).collect();
        }
    }
    assert!(process.wait().unwrap().success());
    let exit = signaled.elapsed();
    let [median_ns, p99_ns, queued_bytes_max, memory_kib, shutdown_ms] = numbers[..5].try_into().unwrap();
    let signals = [numbers[5..16].to_vec(), numbers[16..].to_vec()];
    Report { median_ns, p99_ns, queued_bytes_max, memory_kib, shutdown_ms, signals, exit }
}

fn check(name: &str, report: &Report, healthy: &Report) {
    for signal in &report.signals {
        let [created, exported, queued, queued_bytes] = signal[..4].try_into().unwrap();
        assert_eq!(created, REQUESTS + REQUESTS / 3, "{name}: {signal:?}");
        assert_eq!(created, exported + signal[4..].iter().sum::<u64>(), "{name}: {signal:?}");
        assert_eq!((exported, queued, queued_bytes), (0, 0, 0), "{name}: {signal:?}");
        let [byte_limit, circuit_open] = [signal[5], signal[6]];
        assert!(byte_limit + circuit_open > 0, "{name}: nothing was turned away: {signal:?}");
    }
    assert!(report.queued_bytes_max <= QUEUE_BYTES, "{name}: {} bytes", report.queued_bytes_max);
    assert!(report.memory_kib < MEMORY_KIB_MAX, "{name}: {} KiB", report.memory_kib);
    assert!(u128::from(report.shutdown_ms) < EXIT_MAX.as_millis(), "{name}: {} ms", report.shutdown_ms);
    assert!(report.exit < 2 * EXIT_MAX, "{name}: {:?}", report.exit);
    assert!(
        report.median_ns < 5 * healthy.median_ns + 200_000,
        "{name}: a request took {} ns, and {} without the outage",
        report.median_ns,
        healthy.median_ns
    );
    tell(name, report);
}

fn tell(name: &str, report: &Report) {
    let Report { median_ns, p99_ns, memory_kib, shutdown_ms, exit, .. } = report;
    println!(
        "outage rust {name}: median {median_ns} ns, p99 {p99_ns} ns, peak {memory_kib} KiB, shutdown {shutdown_ms} ms, exit {} ms, {:?}",
        exit.as_millis(),
        &report.signals[0][4..]
    );
}

#[test]
fn an_outage_costs_what_it_may() {
    live_through_all("http", &answer("200 OK\r\nContent-Type: application/x-protobuf", ""), outages);
}

#[test]
fn an_outage_over_grpc_costs_what_it_may() {
    live_through_all("grpc", &grpc::start().url, outages_over_grpc);
}

fn live_through_all(protocol: &str, healthy: &str, outages: fn() -> Vec<(&'static str, String)>) {
    if std::env::var("OUTAGE_ENDPOINT").is_ok() {
        return;
    }
    let healthy = live_through(protocol, healthy);
    tell(&format!("{protocol} none"), &healthy);
    let spans = &healthy.signals[0];
    assert!(spans[1] > 0 && spans[0] == spans[1] + spans[4..].iter().sum::<u64>(), "{spans:?}");
    thread::scope(|scope| {
        for (name, url) in outages() {
            let (healthy, name) = (&healthy, format!("{protocol} {name}"));
            scope.spawn(move || check(&name, &live_through(protocol, &url), healthy));
        }
    });
}
