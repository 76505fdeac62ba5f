//! Which synthetic address stands for what. Two ways, no guest needed, no memory read.
//!
//! ```text
//!   0x0000_0000_0000  linear memory 0 of the main instance, address for address (a guest pointer is an address)
//!   0x1000_0000_0000  other linear memories, 64 GiB each
//!   0x7000_0000_0000  globals, 16 bytes each, 4 GiB an instance
//!   0x7100_0000_0000  tables, 8 bytes an element, 4 GiB a table
//!   0x7c00_0000_0000  the modules' bytes as they are in their files, 4 GiB a module
//!   0x7d00_0000_0000  <host>, and 16 bytes for each imported function, 4 GiB a module
//!   0x7e00_0000_0000  code: 4 GiB a module, an operator at its module PC
//!   0x7f80_0000_0000  base of the main thread's frame images, which grow down 256 MiB (`frame_image`); below them
//!                     those of the other threads, down to 0x7f00_0000_0000
//! ```
//!
//! That is the wide one. [`NARROW`] has the same below 4 GiB, for machines with 32-bit addresses; there, bytes of the main
//! memory from 2.75 GiB on cannot be seen, and other memories no further than 32 MiB.
//!
//! All of those two is below 2^47, so that every address is a canonical user-space address on x86-64.
//!
//! [`TAGGED`] is the one that lldb's Wasm plugin defines: memories and modules' files in regions of 4 GiB, and nothing else.
//!
//! Why an address space as data? A persona for a 32-bit machine has the same things at other places, and only the
//! numbers differ.

use frame_table::ModulePc;

/// Bytes from one global or frame slot to the next. The same as in the symbol image.
pub(crate) const SLOT: u64 = 16;

/// Bytes from one table element to the next: an address.
pub(crate) const ELEMENT: u64 = 8;

/// Bytes of the address range that one host function, or `<host>` itself, owns.
pub(crate) const HOST_FUNCTION: u64 = 16;

/// Where in a host function's range its callee returns to: inside, so that the address belongs to the function
/// whether the debugger looks at it or at the byte before it.
pub(crate) const HOST_RETURN: u64 = 8;

/// A run of equal regions, one for each thing of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Regions {
    /// Address of the first byte of region 0.
    pub(crate) base: u64,
    /// Bytes from one region to the next.
    pub(crate) stride: u64,
    /// How many there are.
    pub(crate) count: u64,
}

/// The places of everything that a persona shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AddressSpace {
    /// Bytes of a saved frame pointer or return address in a frame's image: the machine's register.
    pub(crate) word: u64,
    /// End of the range in which the main memory is mapped from 0.
    pub(crate) main_memory_end: u64,
    /// How many memories, and how many tables, one instance can show.
    pub(crate) per_instance: u64,
    /// Region `per_instance * instance + memory`.
    pub(crate) memories: Regions,
    /// Region `instance`.
    pub(crate) globals: Regions,
    /// Region `per_instance * instance + table`.
    pub(crate) tables: Regions,
    /// Region `module`.
    pub(crate) bytecode: Regions,
    /// Region `module`; `<host>` comes first in it, then the imported functions.
    pub(crate) host: Regions,
    /// Region `module`.
    pub(crate) code: Regions,
    /// Region `ordinal` of a thread, its frame images. The first one is the highest.
    pub(crate) stacks: Stacks,
}

/// Where frame images are: regions of equal size below each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stacks {
    /// The frame pointer of a frame of depth 0 in region 0.
    pub(crate) base: u64,
    /// Bytes from one region down to the next.
    pub(crate) stride: u64,
    /// How many there are. More threads than that share some: the debugger asks for one thread's at a time.
    pub(crate) count: u64,
}

/// One thread's region of frame images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stack {
    /// The frame pointer of a frame of depth 0.
    pub(crate) base: u64,
    /// Lowest address that a frame image can have.
    pub(crate) end: u64,
}

impl Stacks {
    /// The region of the thread with that ordinal.
    pub(crate) fn of(self, ordinal: u32) -> Stack {
        let base = self.base.saturating_sub(self.region_of(ordinal) * self.stride);
        // The uppermost slot of the next region is its frames' of depth 0.
        Stack { base, end: base.saturating_sub(self.stride) + SLOT }
    }

    /// The number of the region of the thread with that ordinal.
    pub(crate) fn region_of(self, ordinal: u32) -> u64 {
        u64::from(ordinal).checked_rem(self.count).unwrap_or_default()
    }

    /// The region that an address is in.
    fn find(self, address: u64) -> Option<u64> {
        let below_top = (self.base + SLOT - 1).checked_sub(address)?;
        Some(below_top / self.stride).filter(|region| *region < self.count)
    }
}

/// The address space of personas with 64-bit addresses.
pub(crate) const WIDE: AddressSpace = AddressSpace {
    word: 8,
    main_memory_end: 0x1000_0000_0000,
    per_instance: 16,
    memories: Regions { base: 0x1000_0000_0000, stride: 0x10_0000_0000, count: 1280 },
    globals: Regions { base: 0x7000_0000_0000, stride: 0x1_0000_0000, count: 256 },
    tables: Regions { base: 0x7100_0000_0000, stride: 0x1_0000_0000, count: 768 },
    bytecode: Regions { base: 0x7c00_0000_0000, stride: 0x1_0000_0000, count: 256 },
    host: Regions { base: 0x7d00_0000_0000, stride: 0x1_0000_0000, count: 256 },
    code: Regions { base: 0x7e00_0000_0000, stride: 0x1_0000_0000, count: 256 },
    stacks: Stacks { base: 0x7f80_0000_0000, stride: 0x1000_0000, count: 2048 },
};

/// The address space of personas with 32-bit addresses, and registers of 64 bits.
pub(crate) const NARROW: AddressSpace = AddressSpace {
    word: 8,
    main_memory_end: 0xb000_0000,
    per_instance: 16,
    memories: Regions { base: 0xb000_0000, stride: 0x200_0000, count: 8 },
    bytecode: Regions { base: 0xc000_0000, stride: 0x800_0000, count: 2 },
    globals: Regions { base: 0xd000_0000, stride: 0x10_0000, count: 64 },
    tables: Regions { base: 0xd400_0000, stride: 0x40_0000, count: 16 },
    host: Regions { base: 0xd800_0000, stride: 0x10_0000, count: 64 },
    code: Regions { base: 0xe000_0000, stride: 0x800_0000, count: 2 },
    stacks: Stacks { base: 0xfff0_0000, stride: 0x110_0000, count: 15 },
};

/// As [`NARROW`], for programs of several modules: 16 of them, of less than 16 MiB each, with an instance each. What is
/// of the first module is at the same addresses, but its memory ends at 2 GiB.
pub(crate) const NARROW_MODULES: AddressSpace = AddressSpace {
    main_memory_end: 0x8000_0000,
    per_instance: 2,
    memories: Regions { base: 0x8000_0000, stride: 0x200_0000, count: 32 },
    bytecode: Regions { base: 0xc000_0000, stride: 0x100_0000, count: 16 },
    tables: Regions { base: 0xd400_0000, stride: 0x20_0000, count: 32 },
    code: Regions { base: 0xe000_0000, stride: 0x100_0000, count: 16 },
    ..NARROW
};

/// The address space of personas with 32-bit registers.
pub(crate) const NARROW_WORDS: AddressSpace = AddressSpace { word: 4, ..NARROW };

/// The same for programs of several modules.
pub(crate) const NARROW_WORDS_MODULES: AddressSpace = AddressSpace { word: 4, ..NARROW_MODULES };

/// The address space of lldb's Wasm plugin: memories and modules, 4 GiB each. An operator is where its byte in the file is.
pub(crate) const TAGGED: AddressSpace = {
    const NOTHING: Regions = Regions { base: u64::MAX, stride: 1, count: 0 };
    const MODULES: Regions =
        Regions { base: 0x4000_0000_0000_0000, stride: 0x1_0000_0000, count: 0x4000_0000 };
    AddressSpace {
        word: 8,
        main_memory_end: 0x1_0000_0000,
        per_instance: 16,
        memories: Regions { base: 0, stride: 0x1_0000_0000, count: 0x4000_0000 },
        globals: NOTHING,
        tables: NOTHING,
        bytecode: MODULES,
        host: NOTHING,
        code: MODULES,
        stacks: Stacks { base: 0, stride: 1, count: 0 },
    }
};

/// What an address stands for. Instances, modules, memories, tables, globals and functions are indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A byte of a linear memory.
    Memory { instance: u32, memory: u32, offset: u64 },
    /// Byte `byte` of a global's slot.
    Global { instance: u32, global: u32, byte: u64 },
    /// Byte `byte` of a table element.
    Table { instance: u32, table: u32, element: u32, byte: u64 },
    /// A byte of a module's file.
    Bytecode { module: u32, offset: u32 },
    /// The code that called into Wasm.
    Host,
    /// Code of an imported function, by function index.
    HostFunction { module: u32, function: u32 },
    /// Code of a module.
    Code { module: u32, pc: ModulePc },
    /// Somewhere in the frame images, in this region.
    Stack { region: u64 },
}

impl Regions {
    /// Region number and offset in it.
    fn find(self, address: u64) -> Option<(u64, u64)> {
        let offset = address.checked_sub(self.base)?;
        let region = offset.checked_div(self.stride)?;
        (region < self.count).then_some((region, offset % self.stride))
    }

    /// Address of an offset in a region, if both exist.
    fn address(self, region: u64, offset: u64) -> Option<u64> {
        (region < self.count && offset < self.stride).then(|| self.base + region * self.stride + offset)
    }
}

fn number(value: u64) -> Option<u32> {
    u32::try_from(value).ok()
}

impl AddressSpace {
    /// What is at an address; none for the gaps. Whether the thing exists in the guest is for others to say.
    pub(crate) fn place(&self, address: u64) -> Option<Place> {
        if address < self.main_memory_end {
            return Some(Place::Memory { instance: 0, memory: 0, offset: address });
        }
        if let Some(region) = self.stacks.find(address) {
            return Some(Place::Stack { region });
        }
        if let Some((region, offset)) = self.memories.find(address) {
            let (instance, memory) =
                (number(region / self.per_instance)?, number(region % self.per_instance)?);
            // The main memory has one address for each byte, and that is the one at 0.
            return (region != 0).then_some(Place::Memory { instance, memory, offset });
        }
        if let Some((region, offset)) = self.globals.find(address) {
            let global = number(offset / SLOT)?;
            return Some(Place::Global { instance: number(region)?, global, byte: offset % SLOT });
        }
        if let Some((region, offset)) = self.tables.find(address) {
            let (instance, table) =
                (number(region / self.per_instance)?, number(region % self.per_instance)?);
            let element = number(offset / ELEMENT)?;
            return Some(Place::Table { instance, table, element, byte: offset % ELEMENT });
        }
        if let Some((region, offset)) = self.bytecode.find(address) {
            return Some(Place::Bytecode { module: number(region)?, offset: number(offset)? });
        }
        if let Some((region, offset)) = self.code.find(address) {
            return Some(Place::Code { module: number(region)?, pc: ModulePc(number(offset)?) });
        }
        let (region, offset) = self.host.find(address)?;
        match (region, offset / HOST_FUNCTION) {
            (0, 0) => Some(Place::Host),
            (_, 0) => None,
            (_, after) => Some(Place::HostFunction { module: number(region)?, function: number(after - 1)? }),
        }
    }

    /// The operator that an address can be a breakpoint's, by module and PC. Whether it exists is for others to say.
    pub(crate) fn code_at(&self, address: u64) -> Option<(u32, ModulePc)> {
        let (module, pc) = self.code.find(address)?;
        Some((number(module)?, ModulePc(number(pc)?)))
    }

    /// Address of a byte of a linear memory.
    pub(crate) fn memory(&self, instance: u32, memory: u32, offset: u64) -> Option<u64> {
        if (instance, memory) == (0, 0) {
            return (offset < self.main_memory_end).then_some(offset);
        }
        let memory = u64::from(memory);
        if memory >= self.per_instance {
            return None;
        }
        self.memories.address(u64::from(instance) * self.per_instance + memory, offset)
    }

    /// Bytes from an address of a memory to the end of the range in which that memory is shown.
    pub(crate) fn memory_room(&self, address: u64) -> u64 {
        if let Some(room) = self.main_memory_end.checked_sub(address).filter(|room| *room > 0) {
            return room;
        }
        self.memories.find(address).map_or(0, |(_, offset)| self.memories.stride - offset)
    }

    /// Address of a global's slot.
    pub(crate) fn global(&self, instance: u32, global: u32) -> Option<u64> {
        self.globals.address(u64::from(instance), u64::from(global) * SLOT)
    }

    /// Address of a table element.
    pub(crate) fn table(&self, instance: u32, table: u32, element: u32) -> Option<u64> {
        let table = u64::from(table);
        if table >= self.per_instance {
            return None;
        }
        self.tables.address(u64::from(instance) * self.per_instance + table, u64::from(element) * ELEMENT)
    }

    /// Address of a byte of a module's file.
    pub(crate) fn bytecode(&self, module: u32, offset: u32) -> Option<u64> {
        self.bytecode.address(u64::from(module), u64::from(offset))
    }

    /// Address of the code at a module PC.
    pub(crate) fn code(&self, module: u32, pc: ModulePc) -> Option<u64> {
        self.code.address(u64::from(module), u64::from(pc.0))
    }

    /// Address of an imported function.
    pub(crate) fn host_function(&self, module: u32, function: u32) -> Option<u64> {
        self.host.address(u64::from(module), (u64::from(function) + 1) * HOST_FUNCTION)
    }

    /// Address of `<host>`.
    pub(crate) fn host(&self) -> u64 {
        self.host.base
    }
}

#[cfg(test)]
mod tests;
