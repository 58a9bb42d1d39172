//! Worker: watches the stock. It takes messages about reservations in batches, each batch one trace with a link to every message's
//! producer, then asks inventory what is left and orders more of what runs low.

use std::process::ExitCode;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use shop_base::shop_v1::ListStockRequest;
use shop_base::shop_v1::inventory_client::InventoryClient;
use shop_base::{Error, Item, Reserved, Restock, SUBJECT_RESERVED, SUBJECT_RESTOCK, Service};
use throughline::nats::Consume;
use throughline::opentelemetry::KeyValue;
use tonic::transport::{Channel, Endpoint};
use tower_layer::Layer;

const BATCH_MAX: usize = 10;
const BATCH_WAIT: Duration = Duration::from_millis(200);
const LOW: i32 = 40;
const REFILL: i32 = 100;
const RESTOCK_EVERY: u64 = 20;

type Inventory = InventoryClient<throughline::GrpcClient<Channel>>;

fn main() -> ExitCode {
    shop_base::run("worker", watch)
}

async fn watch(service: Service) -> Result<(), Error> {
    let address = shop_base::env("INVENTORY_ADDR", "127.0.0.1:9092");
    let channel = Endpoint::from_shared(format!("http://{address}"))?.timeout(Duration::from_secs(5)).connect_lazy();
    let mut inventory = InventoryClient::new(service.kit.grpc_client_layer(&address).layer(channel));
    let messages = service.bus.connection().queue_subscribe(SUBJECT_RESERVED, "worker".to_owned()).await?;
    let mut messages = Box::pin(messages.take_until(service.stopped()));
    tracing::info!(subject = SUBJECT_RESERVED, "consuming");
    let consume = Consume::linked().queue("worker");
    let mut batches = 0_u64;
    while let Some(batch) = next_batch(&mut messages).await {
        batches += 1;
        let units = units(&batch);
        let work = watch_stock(&service, &mut inventory, units, batches.is_multiple_of(RESTOCK_EVERY));
        if let Err(error) = service.bus.process_batch(SUBJECT_RESERVED, &batch, &consume, work).await {
            tracing::error!(%error, "the stock was not checked");
        }
    }
    Ok(())
}

/// The next message and those that follow it within 200 ms, at most ten; `None` at the end.
async fn next_batch<T>(messages: &mut (impl Stream<Item = T> + Unpin)) -> Option<Vec<T>> {
    let mut batch = vec![messages.next().await?];
    let deadline = tokio::time::Instant::now() + BATCH_WAIT;
    while batch.len() < BATCH_MAX {
        match tokio::time::timeout_at(deadline, messages.next()).await {
            Ok(Some(message)) => batch.push(message),
            Ok(None) | Err(_) => break,
        }
    }
    Some(batch)
}

/// How many units were taken; a message that cannot be read counts for none.
fn units(batch: &[async_nats::Message]) -> i64 {
    let reserved = batch.iter().filter_map(|message| serde_json::from_slice::<Reserved>(&message.payload).ok());
    reserved.flat_map(|reserved| reserved.items).map(|item| i64::from(item.quantity)).sum()
}

async fn watch_stock(service: &Service, inventory: &mut Inventory, units: i64, restock: bool) -> Result<(), Error> {
    let span = service.kit.span("find low stock").attribute(KeyValue::new("shop.units_reserved", units));
    let low = span.run(low_stock(inventory)).await?;
    tracing::info!(units, low = low.len(), "stock checked");
    if restock && !low.is_empty() {
        let items = low.into_iter().map(|sku| Item { sku, quantity: REFILL }).collect::<Vec<_>>();
        tracing::info!(items = items.len(), "restocking");
        let payload = serde_json::to_vec(&Restock { items })?;
        service.bus.publish(SUBJECT_RESTOCK, payload.into()).await?;
    }
    Ok(())
}

async fn low_stock(inventory: &mut Inventory) -> Result<Vec<String>, tonic::Status> {
    let mut levels = inventory.list_stock(ListStockRequest {}).await?.into_inner();
    let mut low = Vec::new();
    while let Some(level) = levels.message().await? {
        if level.available < LOW {
            tracing::warn!(sku = level.sku, available = level.available, "stock is low");
            low.push(level.sku);
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn batches_hold_ten_or_wait_200_ms() {
        let mut many = Box::pin(futures_util::stream::iter(0..25));
        let mut sizes = Vec::new();
        while let Some(batch) = next_batch(&mut many).await {
            sizes.push(batch.len());
        }
        assert_eq!(sizes, [10, 10, 5]);

        let slow = futures_util::stream::unfold(0, |n| async move {
            tokio::time::sleep(Duration::from_millis(90)).await;
            Some((n, n + 1))
        });
        let mut slow = Box::pin(slow);
        let batch = next_batch(&mut slow).await.expect("a batch");
        assert_eq!(batch, [0, 1, 2]);
    }
}
