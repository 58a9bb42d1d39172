//! Nothing: the benchmarks are in `benches/kit.rs`.
