/** Ten lines of Go and ten of Rust that send a first span, each complete enough to paste. */

export const GO_SNIPPET = `// go get throughline.dev/kits/go
kit, err := throughline.Init(ctx,
	throughline.WithService("orders", "1.0.0"))
if err != nil {
	log.Print("telemetry is off: ", err)
}
defer kit.Shutdown(context.Background())

mux := http.NewServeMux()
mux.HandleFunc("GET /orders/{id}", getOrder)
http.ListenAndServe(":8080", tlhttp.Handler(kit, mux))`;

export const RUST_SNIPPET = `// cargo add throughline
let config = Config::builder("orders").version("1.0.0").build();
let kit = throughline::init(config).unwrap_or_else(InitError::report);

let app = Router::new()
    .route("/orders/{id}", get(get_order))
    .layer(kit.http_layer());
let listener = TcpListener::bind("0.0.0.0:8080").await?;
axum::serve(listener, app).await?;
kit.shutdown(Duration::from_secs(5))?;`;
