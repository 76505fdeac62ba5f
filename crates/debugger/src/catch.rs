//! Which exceptions stop the guest.

/// Which throws stop the guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Catch {
    /// None.
    Off,
    /// Those that no frame between the throw and the host catches.
    #[default]
    Uncaught,
    /// Those, and every throw of a new exception.
    Throw,
    /// All of them, also of exceptions that were thrown before: what a handler passes on.
    All,
}

impl Catch {
    pub(crate) fn wants(self, caught: bool, rethrown: bool) -> bool {
        match self {
            Self::Off => false,
            Self::Uncaught => !caught,
            Self::Throw => !caught || !rethrown,
            Self::All => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_choice_stops_at_what_the_one_before_it_does_and_more() {
        let stops = |catch: Catch| {
            [(true, true), (true, false), (false, true)].map(|(caught, again)| catch.wants(caught, again))
        };
        assert_eq!(stops(Catch::Off), [false, false, false]);
        assert_eq!(stops(Catch::Uncaught), [false, false, true]);
        assert_eq!(stops(Catch::Throw), [false, true, true]);
        assert_eq!(stops(Catch::All), [true, true, true]);
    }
}
