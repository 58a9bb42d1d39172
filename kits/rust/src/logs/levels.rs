//! Log levels that were said remotely, beside those of the code.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tracing::Level;

/// What a control document says about levels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SaidLevels {
    pub(crate) level: Option<Level>,
    /// By scope.
    pub(crate) scopes: BTreeMap<String, Level>,
}

impl SaidLevels {
    /// The least severe level of a scope, `None` where nothing is said.
    pub(crate) fn level_of(&self, scope: &str) -> Option<Level> {
        let covers = |name: &str| {
            let rest = scope.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '/']) || rest.starts_with("::"))
        };
        let known = self.scopes.iter().filter(|(name, _)| covers(name));
        known.max_by_key(|(name, _)| name.len()).map(|(_, level)| *level).or(self.level)
    }
}

/// The levels in force; `tracing` is told when they change, because it remembers what is loud enough.
#[derive(Debug, Default)]
pub(crate) struct Levels(ArcSwapOption<SaidLevels>);

impl Levels {
    pub(crate) fn follow(&self, said: Option<&SaidLevels>) {
        let said = said.filter(|said| **said != SaidLevels::default());
        if self.0.load().as_deref() != said {
            self.0.store(said.map(|said| Arc::new(said.clone())));
            tracing::callsite::rebuild_interest_cache();
        }
    }

    pub(crate) fn level_of(&self, scope: &str) -> Option<Level> {
        self.0.load().as_ref().and_then(|said| said.level_of(scope))
    }

    /// The least severe of all levels said.
    pub(crate) fn loudest(&self) -> Option<Level> {
        let said = self.0.load();
        said.as_ref().and_then(|said| said.scopes.values().copied().chain(said.level).max())
    }
}
