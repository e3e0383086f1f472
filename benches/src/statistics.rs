//! Medians, percentiles, and ratios that are taken pair by pair.

/// The value that `part` percent of the values do not exceed; not a number where there are none.
pub fn percentile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (part / 100.0 * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// The value in the middle.
pub fn median(values: &[f64]) -> f64 {
    percentile(&mut values.to_vec(), 50.0)
}

/// The median of the ratios of what was measured in the same round: what slowed one round down slowed both.
pub fn ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    median(&ratios)
}

/// All of them, beginning with another one in each round.
pub fn in_turn<T>(all: &[T], round: usize) -> impl Iterator<Item = &T> {
    all.iter().cycle().skip(round % all.len().max(1)).take(all.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let mut values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(percentile(&mut values, 50.0), 2.0);
        assert_eq!(percentile(&mut values, 99.0), 4.0);
        assert_eq!(median(&[5.0]), 5.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn everybody_has_a_turn_and_is_first_once() {
        let turns = |round| in_turn(&["a", "b", "c"], round).copied().collect::<String>();
        assert_eq!([turns(0), turns(1), turns(2), turns(3)], ["abc", "bca", "cab", "abc"]);
        assert_eq!(in_turn(&[] as &[u8], 3).count(), 0);
    }

    #[test]
    fn a_slow_round_does_not_move_the_ratio() {
        assert_eq!(ratio(&[10.0, 1.0, 10.0], &[20.0, 2.0, 20.0]), 0.5);
    }
}
