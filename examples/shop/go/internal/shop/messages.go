// Package shop holds the JSON messages between services: see examples/shop/proto/README.md.
package shop

const (
	SubjectOrderCreated = "orders.created"
	SubjectReserved     = "inventory.reserved"
	SubjectRestock      = "inventory.restock"
)

// Item is so many of a product.
type Item struct {
	SKU      string `json:"sku"`
	Quantity int32  `json:"quantity"`
}

// Checkout is the body of POST /checkout.
type Checkout struct {
	Customer string `json:"customer"`
	Items    []Item `json:"items"`
}

// NewOrder is the body of POST /orders.
type NewOrder struct {
	Customer   string `json:"customer"`
	Items      []Item `json:"items"`
	TotalCents int64  `json:"totalCents"`
}

// Product is one entry of GET /products.
type Product struct {
	SKU        string `json:"sku"`
	Name       string `json:"name"`
	PriceCents int64  `json:"priceCents"`
	Available  int32  `json:"available"`
}

// OrderCreated is published by orders.
type OrderCreated struct {
	OrderID    string `json:"orderId"`
	Customer   string `json:"customer"`
	TotalCents int64  `json:"totalCents"`
}

// Reserved is published by inventory.
type Reserved struct {
	OrderID string `json:"orderId"`
	Items   []Item `json:"items"`
}

// Restock is published by the worker.
type Restock struct {
	Items []Item `json:"items"`
}
