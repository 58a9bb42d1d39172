//! Pricing: quotes baskets over gRPC. Finding the best discount is made CPU-heavy on purpose and runs off the async threads.

mod quote;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use shop_base::shop_v1::pricing_server::{Pricing, PricingServer};
use shop_base::shop_v1::{QuoteRequest, QuoteResponse};
use shop_base::{Error, Service};
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

fn main() -> ExitCode {
    shop_base::run("pricing", serve)
}

async fn serve(service: Service) -> Result<(), Error> {
    let listener = TcpListener::bind(shop_base::env("PRICING_ADDR", "127.0.0.1:9093")).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let quoter = Quoter { service: service.clone(), calls: AtomicU64::new(0) };
    Server::builder()
        .layer(service.kit.grpc_server_layer())
        .add_service(PricingServer::new(quoter))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), service.stopped())
        .await?;
    Ok(())
}

struct Quoter {
    service: Service,
    calls: AtomicU64,
}

#[tonic::async_trait]
impl Pricing for Quoter {
    async fn quote(&self, request: Request<QuoteRequest>) -> Result<Response<QuoteResponse>, Status> {
        let request = request.into_inner();
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        if self.service.faults.panic() && number.is_multiple_of(10) {
            panic!("the price list is upside down");
        }
        let lines = quote::lines(&request.items).map_err(|problem| {
            tracing::warn!(customer = request.customer, reason = problem, "not quoted");
            Status::invalid_argument(problem)
        })?;
        let work = self.service.kit.spawn_blocking("find best discount", move || quote::best(&lines));
        let quote = work.await.map_err(|_| Status::internal("the discount could not be found"))?;
        tracing::info!(customer = request.customer, total_cents = quote.total_cents, "quoted");
        Ok(Response::new(quote))
    }
}
