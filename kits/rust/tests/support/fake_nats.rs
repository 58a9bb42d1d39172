//! A fake NATS server that speaks enough of the protocol to pass messages on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// By subject: the ids of subscriptions and the connections they came from.
type Subscriptions = HashMap<String, Vec<(String, mpsc::UnboundedSender<Vec<u8>>)>>;

/// Serves INFO, PING, SUB, PUB and HPUB, exact subjects only.
pub async fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let subscribers: Arc<Mutex<Subscriptions>> = Arc::default();
    tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            let (read, mut write) = connection.into_split();
            let (sender, mut outgoing) = mpsc::unbounded_channel::<Vec<u8>>();
            tokio::spawn(async move {
                while let Some(bytes) = outgoing.recv().await {
                    if write.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
            });
            let info = r#"INFO {"server_id":"fake","version":"2.12.0","proto":1,"headers":true,"max_payload":1048576,"host":"127.0.0.1","port":4222}"#;
            sender.send(format!("{info}\r\n").into_bytes()).unwrap();
            let subscribers = Arc::clone(&subscribers);
            tokio::spawn(async move {
                let mut read = BufReader::new(read);
                let mut line = String::new();
                while read.read_line(&mut line).await.unwrap_or(0) > 0 {
                    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
                    line.clear();
                    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                        ["PING"] => sender.send(b"PONG\r\n".to_vec()).unwrap(),
                        ["SUB", subject, .., id] => {
                            let mut all = subscribers.lock().unwrap();
                            all.entry((*subject).to_owned()).or_default().push(((*id).to_owned(), sender.clone()));
                        }
                        [verb @ ("PUB" | "HPUB"), subject, sizes @ ..] => {
                            let total: usize = sizes.last().unwrap().parse().unwrap();
                            let mut payload = vec![0; total + 2];
                            read.read_exact(&mut payload).await.unwrap();
                            let kind = if *verb == "HPUB" { "HMSG" } else { "MSG" };
                            for (id, subscriber) in subscribers.lock().unwrap().get(*subject).into_iter().flatten() {
                                let mut message = format!("{kind} {subject} {id} {}\r\n", sizes.join(" ")).into_bytes();
                                message.extend_from_slice(&payload);
                                let _ = subscriber.send(message);
                            }
                        }
                        _ => {}
                    }
                }
            });
        }
    });
    address.to_string()
}
