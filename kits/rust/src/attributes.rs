//! Set semantics for attributes: a key is exported once, with its last value. The SDK itself only appends.

use opentelemetry::{Key, KeyValue, Value};

/// Removes earlier values of a repeated key and keeps the order in which keys first appeared.
pub(crate) fn last_wins(mut attributes: Vec<KeyValue>) -> Vec<KeyValue> {
    dedupe(&mut attributes);
    attributes
}

/// Like [`last_wins`], in place. Quadratic, which is right for the dozen attributes spans have; the SDK's limit is 128.
pub(crate) fn dedupe(attributes: &mut Vec<KeyValue>) {
    let mut index = 1;
    while index < attributes.len() {
        let (seen, rest) = attributes.split_at_mut(index);
        let Some(current) = rest.first_mut() else { break };
        match seen.iter_mut().find(|earlier| earlier.key == current.key) {
            Some(earlier) => {
                std::mem::swap(&mut earlier.value, &mut current.value);
                attributes.remove(index);
            }
            None => index += 1,
        }
    }
}

/// Sets one attribute in a list that is a set already.
pub(crate) fn set(attributes: &mut Vec<KeyValue>, key: impl Into<Key>, value: impl Into<Value>) {
    let (key, value) = (key.into(), value.into());
    match attributes.iter_mut().find(|attribute| attribute.key == key) {
        Some(attribute) => attribute.value = value,
        None => attributes.push(KeyValue::new(key, value)),
    }
}

/// OTLP integers are signed: what does not fit is the largest that does.
pub(crate) fn int(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn the_last_value_of_a_key_wins_and_keeps_its_first_place() {
        let pairs = [("a", 1), ("b", 2), ("a", 3), ("c", 4), ("b", 5), ("b", 6)];
        let list = last_wins(pairs.map(|(k, v)| KeyValue::new(k, v)).to_vec());
        assert_eq!(list, [("a", 3), ("b", 6), ("c", 4)].map(|(k, v)| KeyValue::new(k, v)));
    }

    #[test]
    fn an_unsigned_value_too_large_is_the_largest() {
        assert_eq!(int(u64::MAX), i64::MAX);
        assert_eq!(int(7_u64), 7);
    }

    proptest! {
        #[test]
        fn dedupe_agrees_with_a_map(pairs in prop::collection::vec((0u8..6, any::<i64>()), 0..40)) {
            let list: Vec<_> = pairs.iter().map(|(k, v)| KeyValue::new(format!("k{k}"), *v)).collect();
            let expected: HashMap<_, _> = list.iter().map(|kv| (kv.key.clone(), kv.value.clone())).collect();
            let found = last_wins(list);
            prop_assert_eq!(found.len(), expected.len());
            for kv in found {
                prop_assert_eq!(expected.get(&kv.key), Some(&kv.value));
            }
        }
    }
}
