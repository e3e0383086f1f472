//! How much all requests together may take: places in flight, and bytes of bodies that are still coming in.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Places or bytes, as far as there are any.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    taken: Arc<AtomicUsize>,
    most: usize,
}

impl Limit {
    pub(crate) fn new(most: usize) -> Self {
        Self { taken: Arc::default(), most }
    }

    /// `amount` of it, if there is as much.
    pub(crate) fn take(&self, amount: usize) -> Option<Permit> {
        let permit = Permit { taken: Arc::clone(&self.taken), amount };
        let before = self.taken.fetch_add(amount, Ordering::Relaxed);
        (before.saturating_add(amount) <= self.most).then_some(permit)
    }

    /// One of it whether there is one or not, so that others find none.
    pub(crate) fn take_anyway(&self) -> Permit {
        self.taken.fetch_add(1, Ordering::Relaxed);
        Permit { taken: Arc::clone(&self.taken), amount: 1 }
    }
}

/// What was taken, given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    taken: Arc<AtomicUsize>,
    amount: usize,
}

impl Permit {
    /// Takes over what `other` has of the same limit.
    pub(crate) fn join(&mut self, mut other: Self) {
        self.amount += std::mem::take(&mut other.amount);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.amount, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let limit = Limit::new(10);
        let eight = limit.take(8);
        assert!(eight.is_some() && limit.take(3).is_none());
        assert!(limit.take(2).is_some());
        drop(eight);
        assert!(limit.take(10).is_some());
        let anyway = limit.take_anyway();
        assert!(limit.take(10).is_none());
        drop(anyway);
        assert!(limit.take(10).is_some());
    }
}
