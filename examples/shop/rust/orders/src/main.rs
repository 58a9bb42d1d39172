//! Orders: takes orders over HTTP, reserves their goods over gRPC, keeps them in PostgreSQL and announces them on NATS.

mod api;
mod store;

use std::process::ExitCode;
use std::time::Duration;

use shop_base::shop_v1::inventory_client::InventoryClient;
use shop_base::{Error, Service};
use tokio::net::TcpListener;
use tonic::transport::Endpoint;
use tower_layer::Layer;

use crate::api::Shop;
use crate::store::Store;

/// How long requests in flight may take to finish when the service stops.
const DRAIN: Duration = Duration::from_secs(3);
/// How long audits may take to finish after that.
const AUDITS: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    shop_base::run("orders", serve)
}

async fn serve(service: Service) -> Result<(), Error> {
    let url = shop_base::env("ORDERS_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/orders?sslmode=disable");
    let store = Store::open(&service.kit, &url, shop_base::env("SHOP_DATABASE_POOL", "1").parse()?)?;
    service.until_up("the database", || store.create_tables()).await?;

    let address = shop_base::env("INVENTORY_ADDR", "127.0.0.1:9092");
    let channel = Endpoint::from_shared(format!("http://{address}"))?.timeout(Duration::from_secs(5)).connect_lazy();
    let inventory = InventoryClient::new(service.kit.grpc_client_layer(&address).layer(channel));

    let listener = TcpListener::bind(shop_base::env("ORDERS_ADDR", "127.0.0.1:8081")).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let stop = service.clone();
    let app = api::router(Shop { service: service.clone(), store: store.clone(), inventory });
    let server = axum::serve(listener, app.into_make_service_with_connect_info::<std::net::SocketAddr>());
    let server = server.with_graceful_shutdown(async move { stop.stopped().await });
    tokio::select! {
        result = server => result?,
        () = async { service.stopped().await; tokio::time::sleep(DRAIN).await } => {}
    }
    service.kit.drain(AUDITS).await;
    store.close().await;
    Ok(())
}
