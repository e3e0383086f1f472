//! What nobody can guess.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};

use crate::failure::{Failure, Result};

/// 32 bytes that nobody can guess, as text.
pub(crate) fn random() -> Result<String> {
    let mut bytes = [0; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Failure::failed("this machine has no random numbers", "see that /dev/urandom can be read"))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_random_comes_twice() {
        let (one, other) = (random().expect("is random"), random().expect("is random"));
        assert!(one.len() == 43 && one != other);
    }
}
