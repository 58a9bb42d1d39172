//! Regenerates `shop_v1.rs` from the shop's proto file. Needs no protoc:
//! `cargo run -p shop-base --features regenerate --bin shop-codegen`

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let protos = here.join("../../proto");
    let files = protox::compile([protos.join("shop.proto")], [&protos])?;
    let out = std::env::temp_dir().join(format!("shop-codegen-{}", std::process::id()));
    std::fs::create_dir_all(&out)?;
    tonic_prost_build::configure().out_dir(&out).compile_fds(files)?;
    let generated = std::fs::read_to_string(out.join("shop.v1.rs"))?;
    let notice = "// Generated from examples/shop/proto/shop.proto by shop-codegen. Do not edit.\n";
    std::fs::write(here.join("src/shop_v1.rs"), format!("{notice}{generated}"))?;
    std::fs::remove_dir_all(&out)?;
    Ok(())
}
