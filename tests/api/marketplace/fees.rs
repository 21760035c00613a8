//! Who gets what of a price.

use fixpath::billing::purchase::shares;
use proptest::prelude::*;

#[test]
fn the_fee_is_rounded_to_the_nearest_and_a_half_to_even() {
    assert_eq!(shares(2001, 150), (300, 1701));
    assert_eq!(shares(10, 150), (2, 8), "1.5 is 2");
    assert_eq!(shares(30, 150), (4, 26), "4.5 is 4");
    assert_eq!(shares(50, 150), (8, 42), "7.5 is 8");
    assert_eq!(shares(0, 150), (0, 0));
    assert_eq!(shares(100, 0), (0, 100));
    assert_eq!(shares(100, 1000), (100, 0));
    assert_eq!(shares(i64::MAX, 1000), (i64::MAX, 0));
}

proptest! {
    #[test]
    fn fee_and_payout_are_always_the_whole_and_never_less_than_nothing(amount in 0..=i64::MAX, fee in 0..=1000_i64) {
        let (platform, creator) = shares(amount, fee);
        prop_assert_eq!(platform.checked_add(creator), Some(amount));
        prop_assert!(platform >= 0 && creator >= 0);
        // At most half a unit from the exact share.
        let off = i128::from(platform) * 1000 - i128::from(amount) * i128::from(fee);
        prop_assert!(off.abs() <= 500);
        prop_assert!(off.abs() < 500 || platform % 2 == 0);
    }
}
