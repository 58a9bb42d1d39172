//! What a basket costs.

use shop_base::shop_v1::{Item, QuoteResponse};

/// Prices in cents of sku-001 to sku-012, as inventory has them.
const PRICES: [i64; 12] = [4900, 8900, 5900, 1200, 3400, 2800, 15_900, 1900, 2200, 900, 700, 4400];

/// How many of one product at which price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    price_cents: i64,
    quantity: i64,
}

/// Looks the prices up.
///
/// # Errors
/// Why the basket cannot be priced.
pub(crate) fn lines(items: &[Item]) -> Result<Vec<Line>, &'static str> {
    if items.is_empty() {
        return Err("the basket is empty");
    }
    items.iter().map(line).collect()
}

fn line(item: &Item) -> Result<Line, &'static str> {
    if !(1..=1000).contains(&item.quantity) {
        return Err("the quantity is not between 1 and 1000");
    }
    let number = item.sku.strip_prefix("sku-").and_then(|number| number.parse::<usize>().ok());
    let price = number.and_then(|number| PRICES.get(number.checked_sub(1)?));
    let price_cents = *price.ok_or("there is no such product")?;
    Ok(Line { price_cents, quantity: i64::from(item.quantity) })
}

/// Tries every split of the basket into two parcels: a parcel above 100.00 earns 5 %, one above 200.00 earns 8 %. The search is
/// repeated to take some milliseconds, so that there is something to see.
pub(crate) fn best(lines: &[Line]) -> QuoteResponse {
    const REPEAT: u32 = 20_000;
    let full: i64 = lines.iter().map(|line| line.price_cents * line.quantity).sum();
    let mut discount_cents = 0;
    let splits = 1_u32 << lines.len().min(10);
    for round in 0..REPEAT.max(splits) {
        let split = std::hint::black_box(round) % splits;
        let first: i64 = lines
            .iter()
            .enumerate()
            .filter(|(index, _)| split >> (index % 10) & 1 == 1)
            .map(|(_, line)| line.price_cents * line.quantity)
            .sum();
        discount_cents = discount_cents.max(earned(first) + earned(full - first));
    }
    QuoteResponse { total_cents: full - discount_cents, discount_cents }
}

fn earned(parcel_cents: i64) -> i64 {
    match parcel_cents {
        20_000.. => parcel_cents * 8 / 100,
        10_000.. => parcel_cents * 5 / 100,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(sku: &str, quantity: i32) -> Item {
        Item { sku: sku.to_owned(), quantity }
    }

    #[test]
    fn a_basket_costs_what_its_lines_cost_less_the_best_discount() {
        let quote = |items: &[Item]| best(&lines(items).expect("lines"));
        let small = quote(&[item("sku-010", 2)]);
        assert_eq!((small.total_cents, small.discount_cents), (1800, 0));
        let large = quote(&[item("sku-007", 2)]);
        assert_eq!((large.total_cents, large.discount_cents), (29_256, 2544));
    }

    #[test]
    fn what_cannot_be_priced_is_refused() {
        for bad in [item("sku-013", 1), item("sku-000", 1), item("mug", 1), item("sku-001", 0), item("sku-001", -1)] {
            assert!(lines(std::slice::from_ref(&bad)).is_err(), "{bad:?}");
        }
        assert!(lines(&[]).is_err());
    }
}
