//! Redis: commands to a real server.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, AsyncConnectionConfig, Client};
use throughline::redis::Connection;

use crate::Scene;

pub(crate) async fn play(scenario: &str, scene: &Scene) -> bool {
    let client = Client::open(format!("redis://{}", scene.backends["redis"])).unwrap();
    let limit = if scenario == "redis-timeout" { Duration::from_millis(50) } else { crate::PATIENCE };
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(limit));
    let mut plain = client.get_multiplexed_async_connection_with_config(&config).await.unwrap();
    let _: () = redis::cmd("FLUSHALL").query_async(&mut plain).await.unwrap();
    let mut redis: Connection<MultiplexedConnection> = scene.kit.redis(client.get_connection_info(), plain);
    match scenario {
        "redis-get" => {
            let _: () = redis.set("customer:ada", "secret").await.unwrap();
            let _: String = redis.get("customer:ada").await.unwrap();
        }
        "redis-no-value" => {
            let _: Option<String> = redis.get("nobody").await.unwrap();
        }
        "redis-error" => {
            let _: () = redis.set("customer:ada", "secret").await.unwrap();
            redis.lpush::<_, _, i64>("customer:ada", "x").await.unwrap_err();
        }
        "redis-pipeline" => {
            let _: () = redis::pipe().set("a", 1).set("b", 2).query_async(&mut redis).await.unwrap();
        }
        "redis-transaction" => {
            let _: (String, i64) =
                redis::pipe().atomic().set("a", 1).incr("a", 1).query_async(&mut redis).await.unwrap();
        }
        "redis-pipeline-error" => {
            let mut pipe = redis::pipe();
            pipe.set("customer:ada", "secret").lpush("customer:ada", "x");
            pipe.query_async::<(String, i64)>(&mut redis).await.unwrap_err();
        }
        "redis-transaction-aborted" => {
            let mut pipe = redis::pipe();
            pipe.atomic().set("a", 1).cmd("NOSUCH");
            pipe.query_async::<(String, String)>(&mut redis).await.unwrap_err();
        }
        "redis-connection-lost" => {
            let mut other = client.get_multiplexed_async_connection().await.unwrap();
            let kill = async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                let _: i64 =
                    redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").query_async(&mut other).await.unwrap();
            };
            let (lost, ()) = tokio::join!(redis.blpop::<_, Vec<String>>("nothing", 0.0), kill);
            lost.unwrap_err();
        }
        "redis-timeout" => {
            redis.blpop::<_, Vec<String>>("nothing", 0.0).await.unwrap_err();
        }
        _ => return false,
    }
    true
}
