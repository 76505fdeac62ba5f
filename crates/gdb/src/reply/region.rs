//! `qMemoryRegionInfo`: the region that an address is in, or the gap. Whoever asks for the address behind each answer gets to
//! the end of the address space.

use crate::hex;
use crate::machine::Fault;
use crate::regions::{Access, Part, Region};
use crate::target::Target;

/// The region that an address is in.
pub(crate) fn region(target: &Target<'_>, address: u64) -> Result<Vec<u8>, Fault> {
    Ok(text(&target.region_at(address)?).into_bytes())
}

fn text(part: &Part) -> String {
    let range = |start: u64, end: u64| format!("start:{start:x};size:{:x};", end - start);
    match part {
        // What has no permissions is not mapped.
        Part::Gap(start, end) => range(*start, *end),
        Part::Mapped(Region { start, end, access, name, is_stack }) => {
            let permissions = match access {
                Access::Read => "r",
                Access::ReadWrite => "rw",
                Access::ReadExecute => "rx",
            };
            let name = String::from_utf8_lossy(&hex::text(name.as_bytes())).into_owned();
            let kind = if *is_stack { "type:stack;" } else { "" };
            format!("{}permissions:{permissions};name:{name};{kind}", range(*start, *end))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mapped_has_permissions_and_a_gap_has_none() {
        let region = Region {
            start: 0x10,
            end: 0x30,
            access: Access::ReadWrite,
            name: "a;b".to_owned(),
            is_stack: true,
        };
        assert_eq!(text(&Part::Mapped(region)), "start:10;size:20;permissions:rw;name:613b62;type:stack;");
        assert_eq!(text(&Part::Gap(0x30, u64::MAX)), "start:30;size:ffffffffffffffcf;");
    }
}
