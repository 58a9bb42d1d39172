/** Ten lines of Go and ten of Rust that send a first span, each complete enough to paste. */

export const GO_SNIPPET = `// go get throughline.dev/kits/go
shutdown, err := throughline.Init(ctx,
	throughline.WithService("orders", "1.0.0"))
if err != nil {
	log.Fatal(err)
}
defer shutdown(context.Background())

mux := http.NewServeMux()
mux.HandleFunc("GET /orders/{id}", getOrder)
http.ListenAndServe(":8080", tlhttp.Handler(mux))`;

export const RUST_SNIPPET = `// cargo add throughline --features axum
let kit = throughline::init(
    Config::builder("orders").version("1.0.0"),
)?;
let app = Router::new()
    .route("/orders/{id}", get(get_order))
    .layer(kit.http_layer());
let listener = TcpListener::bind("0.0.0.0:8080").await?;
axum::serve(listener, app).await?;
kit.shutdown().await;`;
