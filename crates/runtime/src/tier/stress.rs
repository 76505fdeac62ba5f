//! A test of switching: functions change their tiers by chance, wherever they can.

use crate::store::Store;
use std::collections::BTreeMap;

/// Which functions chance wants in the debug tier.
#[derive(Default)]
pub(crate) struct TierStress {
    /// The state of the generator; 0 while there is no such test.
    state: u64,
    /// Each, and whether it is to stop at every operator.
    wanted: BTreeMap<(usize, u32), bool>,
    pub(crate) changes: TierChanges,
}

/// How often something changed its tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierChanges {
    /// Functions, by chance: see [`crate::EngineConfig::tier_stress`].
    pub functions: u64,
    /// Frames that went on in the debug tier.
    pub to_debug: u64,
    /// Frames that went on in the run tier.
    pub to_run: u64,
}

/// One in how many chances changes something, at first; and how many changes make it one more, since a change takes
/// many times longer than what it is for.
const ONE_IN: u64 = 3;
const RARER_EVERY: u64 = 50;

/// From how many of the innermost frames a function is picked.
const FRAMES: usize = 4;

impl TierStress {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        // The generator stays at zero once it is there.
        Self { state: seed.map_or(0, |seed| seed | 1), ..Self::default() }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.state != 0
    }

    pub(super) fn wants(&self, module: usize, defined: u32) -> bool {
        self.wanted.contains_key(&(module, defined))
    }

    pub(super) fn wants_every_point(&self, module: usize, defined: u32) -> bool {
        self.wanted.get(&(module, defined)) == Some(&true)
    }

    /// The next number of Marsaglia's xorshift.
    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }
}

impl Store {
    /// How often something has changed its tier in this store.
    #[must_use]
    pub fn tier_changes(&self) -> TierChanges {
        self.tier_stress.changes
    }

    /// Where code can change its tier: maybe has one of the innermost frames' functions do so.
    pub(crate) fn stress_tiers(&mut self) {
        let one_in = ONE_IN + self.tier_stress.changes.functions / RARER_EVERY;
        if !self.tier_stress.is_on() || !self.tier_stress.next().is_multiple_of(one_in) {
            return;
        }
        let mut frames = self.raw_frames(FRAMES);
        let Ok(count) = u64::try_from(frames.len()) else { return };
        let Some(pick) = self.tier_stress.next().checked_rem(count) else { return };
        let code = frames.swap_remove(usize::try_from(pick).unwrap_or_default()).code;
        let function = (code.module, self.defined_of(&code));
        let every_point = self.tier_stress.next().is_multiple_of(2);
        if self.tier_stress.wanted.remove(&function).is_none() {
            self.tier_stress.wanted.insert(function, every_point);
        }
        self.tier_stress.changes.functions += 1;
        self.settle_function(function.0, function.1);
        let versions = self.modules.get(function.0).and_then(|loaded| loaded.versions(function.1));
        let debug: Vec<_> =
            versions.map(|versions| versions.of_debug_tier().cloned().collect()).unwrap_or_default();
        self.rearm(debug);
        // Not all frames: a deep stack would be walked once for each of its frames.
        for frame in self.raw_frames(4 * FRAMES) {
            self.switch_waiting_frame(&frame);
        }
    }
}
