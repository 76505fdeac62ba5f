//! What a guest may use of the machine, as options of the command line.

use clap::Args;
use runtime::EngineConfig;

/// Bytes of stack for the guest, if nothing is said. As much as a native program has by default on Linux.
const STACK: usize = 8 << 20;

/// What the user said of the guest's limits.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitOptions {
    /// Bytes that one linear memory may have (64M, 2G; 16G if nothing is said)
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub max_memory: Option<u64>,
    /// Bytes of stack that the guest may use (8M if nothing is said)
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub max_stack: Option<u64>,
    /// Bytes that the guest's garbage-collected objects may take (256M if nothing is said)
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub max_heap: Option<u64>,
    /// Elements that one table may have (10000000 if nothing is said)
    #[arg(long, value_name = "N")]
    pub max_table: Option<u64>,
    /// Instances of modules that there may be (10000 if nothing is said)
    #[arg(long, value_name = "N")]
    pub max_instances: Option<u32>,
}

impl LimitOptions {
    /// The engine's choices with these limits.
    pub(crate) fn config(self) -> EngineConfig {
        let default = EngineConfig::default();
        EngineConfig {
            max_memory: self.max_memory.unwrap_or(default.max_memory),
            max_stack: self.max_stack.map_or(STACK, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
            gc_heap_limit: self
                .max_heap
                .map_or(default.gc_heap_limit, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
            max_table: self.max_table.unwrap_or(default.max_table),
            max_instances: self.max_instances.unwrap_or(default.max_instances),
            ..default
        }
    }
}

/// A number of bytes, or of KiB, MiB, GiB with `K`, `M`, `G` behind it.
fn parse_size(text: &str) -> Result<u64, String> {
    let upper = text.to_ascii_uppercase();
    let units = [('K', 10), ('M', 20), ('G', 30)];
    let unit = units.into_iter().find_map(|(unit, shift)| Some((upper.strip_suffix(unit)?, shift)));
    let (digits, shift) = unit.unwrap_or((upper.as_str(), 0));
    let count: u64 = digits.parse().map_err(|_| "expected bytes, as in 65536, 64M or 2G".to_owned())?;
    count.checked_mul(1 << shift).ok_or_else(|| "that is more than there can be".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        assert_eq!(parse_size("65536"), Ok(65536));
        assert_eq!(parse_size("3k"), Ok(3 << 10));
        assert_eq!(parse_size("64M"), Ok(64 << 20));
        assert_eq!(parse_size("2G"), Ok(2 << 30));
        for wrong in ["", "M", "1.5G", "-1", "2T", "99999999999G"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_said_is_as_the_runtime_has_it() {
        let said = LimitOptions {
            max_memory: Some(1),
            max_heap: Some(3),
            max_instances: Some(2),
            ..LimitOptions::default()
        };
        let config = said.config();
        assert_eq!((config.max_memory, config.max_instances, config.max_stack), (1, 2, STACK));
        assert_eq!(config.gc_heap_limit, 3);
        assert_eq!(config.max_table, EngineConfig::default().max_table);
    }
}
