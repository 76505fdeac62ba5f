//! The ELF file around the symbols and the debug sections.
//!
//! It looks like a bare-metal program on purpose: no interpreter, no notes, no OS. A debugger that thinks it sees
//! a Linux program goes looking for a dynamic linker. Code is filler: debuggers scan code for prologues, epilogues
//! and branches, and 0xCF (`iret`) is the byte with which they all behave as on real code.

use std::io::{self, BufWriter};

use object::elf;
use object::endian::Endianness;
use object::write::elf::{FileHeader, ProgramHeader, SectionHeader, SectionIndex, Sym, Writer};
use object::write::{StreamingBuffer, StringId};

use crate::convert::Pieces;
use crate::{Error, Machine, Symbol};

/// What stands at every code address.
const FILLER: u8 = 0xcf;

/// Some of it, which is written at once.
static FILLERS: [u8; 64 << 10] = [FILLER; 64 << 10];

/// A range of addresses with what is in it.
pub(crate) struct AddressSection {
    /// Section name.
    pub(crate) name: &'static str,
    /// First address.
    pub(crate) address: u64,
    /// Length in bytes.
    pub(crate) size: u64,
    /// What it is made of.
    pub(crate) contents: Contents,
    /// Symbols that all of the program can name.
    pub(crate) symbols: Vec<Symbol>,
    /// Symbols that only some of the program can name.
    pub(crate) local_symbols: Vec<Symbol>,
}

/// What a section is made of, and so what its symbols are.
pub(crate) enum Contents {
    /// Functions. The bytes are filler, if there are any in the file.
    Code(CodeBytes),
    /// Variables that start with these bytes, as many as the section's size says.
    Data(Vec<u8>),
    /// Objects that start as zero. There are no bytes in the file.
    Zero { writable: bool },
}

/// Where debuggers find the bytes of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeBytes {
    /// In the image, for debuggers that look at it before they are connected.
    InFile,
    /// Only where they read the program's memory, if there is much of it.
    OnTarget,
}

/// Writes the file: the entry point `entry`, sections with addresses, as segments too, then `debug` sections (name and contents) in their order.
/// The contents of the `last` section, which stand behind all else, are asked for when everything before them is written. Returns how many
/// bytes the file has.
///
/// # Errors
/// If a size or a string table overflows, or there is no room for it.
pub(crate) fn write(
    machine: Machine,
    entry: u64,
    sections: &[AddressSection],
    debug: &[(&'static str, Pieces)],
    last: Option<(&'static str, impl FnOnce() -> Pieces)>,
    out: &mut dyn io::Write,
) -> Result<u64, Error> {
    let (e_machine, is_64) = match machine {
        Machine::X86_64 => (elf::EM_X86_64, true),
        Machine::X32 => (elf::EM_X86_64, false),
        Machine::I386 => (elf::EM_386, false),
    };
    let mut stream = StreamingBuffer::new(BufWriter::new(out));
    let mut writer = Writer::new(Endianness::Little, is_64, &mut stream);
    let places = Places::reserve(&mut writer, sections, debug, last.as_ref().map(|last| last.0))?;

    // Everything is written in the order in which its place was reserved.
    writer.write_file_header(&FileHeader {
        os_abi: elf::ELFOSABI_NONE,
        abi_version: 0,
        e_type: elf::ET_EXEC,
        e_machine,
        e_entry: entry,
        e_flags: Default::default(),
    })?;
    writer.write_align_program_headers();
    for (section, place) in sections.iter().zip(&places.sections) {
        writer.write_program_header(&section.segment(place.offset));
    }
    for section in sections {
        match &section.contents {
            Contents::Code(CodeBytes::OnTarget) => {}
            Contents::Code(CodeBytes::InFile) => {
                let mut rest = usize::try_from(section.size).unwrap_or(usize::MAX);
                while rest > 0 {
                    let some = rest.min(FILLERS.len());
                    writer.write(FILLERS.get(..some).unwrap_or_default());
                    rest -= some;
                }
            }
            Contents::Data(bytes) => writer.write(bytes),
            Contents::Zero { .. } => {}
        }
    }
    for piece in debug.iter().flat_map(|(_, pieces)| pieces) {
        writer.write(piece);
    }
    writer.write_null_symbol();
    for place in &places.symbols {
        writer.write_symbol(&place.entry());
    }
    writer.write(&places.names);
    writer.write_shstrtab();

    writer.write_null_section_header();
    for (section, place) in sections.iter().zip(&places.sections) {
        let sh_name = writer.section_name_offset(Some(place.name));
        writer.write_section_header(&section.header(sh_name, place.offset));
    }
    for ((_, contents), place) in debug.iter().zip(&places.debug) {
        let sh_name = writer.section_name_offset(Some(place.name));
        writer.write_section_header(&section_header(sh_name, place.offset, total(contents)));
    }
    let last = last.map_or_else(Pieces::new, |(_, contents)| contents());
    if let Some(place) = &places.last {
        let sh_name = writer.section_name_offset(Some(place.name));
        writer.write_section_header(&section_header(sh_name, place.offset, total(&last)));
    }
    let locals = places.symbols.iter().filter(|place| place.is_local).count();
    // The null symbol is local too.
    writer.write_symtab_section_header(u32::try_from(locals + 1).unwrap_or(u32::MAX));
    let sh_name = writer.section_name_offset(Some(places.names_place.name));
    let names = section_header(sh_name, places.names_place.offset, length(&places.names));
    writer.write_section_header(&SectionHeader { sh_type: elf::SHT_STRTAB, ..names });
    writer.write_shstrtab_section_header();
    for piece in &last {
        writer.write(piece);
    }
    let length = writer.reserved_len().saturating_add(total(&last));
    drop(writer);
    stream.flush().map_err(Error::Write)?;
    Ok(length)
}

/// Where everything goes in the file.
struct Places<'e> {
    sections: Vec<SectionPlace>,
    debug: Vec<SectionPlace>,
    last: Option<SectionPlace>,
    /// The local ones come first.
    symbols: Vec<SymbolPlace<'e>>,
    /// Their names, each with a zero behind it; those of a large program are not worth being sorted for common ends.
    names: Vec<u8>,
    names_place: SectionPlace,
}

/// A symbol, the section that it is in, and where its name is.
struct SymbolPlace<'e> {
    name: u32,
    section: SectionIndex,
    is_local: bool,
    is_function: bool,
    symbol: &'e Symbol,
}

/// Where one section is in the file, and its name in the table of section names.
struct SectionPlace {
    index: SectionIndex,
    name: StringId,
    offset: u64,
}

impl<'e> Places<'e> {
    fn reserve(
        writer: &mut Writer<'e>,
        sections: &'e [AddressSection],
        debug: &'e [(&'static str, Pieces)],
        last: Option<&'static str>,
    ) -> Result<Self, Error> {
        writer.reserve_file_header();
        writer.reserve_program_headers(u32::try_from(sections.len()).unwrap_or(u32::MAX));
        writer.reserve_null_section_index();
        let mut section = |name: &'static str, size| SectionPlace {
            index: writer.reserve_section_index(),
            name: writer.add_section_name(name.as_bytes()),
            offset: writer.reserve(size, 1),
        };
        let section_places =
            sections.iter().map(|part| section(part.name, part.file_size())).collect::<Vec<_>>();
        let debug = debug.iter().map(|(name, contents)| section(name, total(contents))).collect();
        let last = last.map(|name| section(name, 0));
        let mut symbols = Vec::new();
        let mut names = vec![0];
        writer.reserve_null_symbol_index();
        for is_local in [true, false] {
            for (section, place) in sections.iter().zip(&section_places) {
                for symbol in if is_local { &section.local_symbols } else { &section.symbols } {
                    writer.reserve_symbol_index(Some(place.index));
                    let name = u32::try_from(names.len());
                    names.extend_from_slice(symbol.name.as_bytes());
                    names.push(0);
                    symbols.push(SymbolPlace {
                        name: name.map_err(|_| Error::Write(io::ErrorKind::FileTooLarge.into()))?,
                        section: place.index,
                        is_local,
                        is_function: section.is_code(),
                        symbol,
                    });
                }
            }
        }
        writer.reserve_symtab_section_index();
        writer.reserve_symtab();
        let names_place = SectionPlace {
            index: writer.reserve_strtab_section_index(),
            name: writer.add_section_name(b".strtab"),
            offset: writer.reserve(length(&names), 1),
        };
        writer.reserve_shstrtab_section_index();
        writer.reserve_shstrtab()?;
        writer.reserve_section_headers();
        let end = writer.reserved_len();
        let last = last.map(|place| SectionPlace { offset: end, ..place });
        Ok(Self { sections: section_places, debug, last, symbols, names, names_place })
    }
}

/// Bytes of a section in pieces.
fn total(pieces: &Pieces) -> u64 {
    pieces.iter().map(|piece| length(piece)).sum()
}

fn length(contents: &[u8]) -> u64 {
    u64::try_from(contents.len()).unwrap_or(u64::MAX)
}

impl SymbolPlace<'_> {
    fn entry(&self) -> Sym {
        let binding = if self.is_local { elf::STB_LOCAL } else { elf::STB_GLOBAL };
        let kind = if self.is_function { elf::STT_FUNC } else { elf::STT_OBJECT };
        Sym {
            section: Some(self.section.0),
            st_name: self.name,
            st_info: elf::SymbolInfo::new(binding, kind),
            st_other: Default::default(),
            st_shndx: elf::SHN_UNDEF,
            st_value: self.symbol.address,
            st_size: self.symbol.size,
        }
    }
}

impl AddressSection {
    fn is_code(&self) -> bool {
        matches!(self.contents, Contents::Code(_))
    }

    /// Bytes in the file.
    fn file_size(&self) -> u64 {
        match &self.contents {
            Contents::Code(CodeBytes::InFile) => self.size,
            Contents::Data(bytes) => length(bytes),
            Contents::Code(CodeBytes::OnTarget) | Contents::Zero { .. } => 0,
        }
    }

    fn segment(&self, p_offset: u64) -> ProgramHeader {
        let p_flags = match self.contents {
            Contents::Code(_) => elf::PF_R | elf::PF_X,
            Contents::Data(_) | Contents::Zero { writable: true } => elf::PF_R | elf::PF_W,
            Contents::Zero { writable: false } => elf::PF_R,
        };
        ProgramHeader {
            p_type: elf::PT_LOAD,
            p_flags,
            p_offset,
            p_vaddr: self.address,
            p_paddr: self.address,
            p_filesz: self.file_size(),
            p_memsz: self.size,
            p_align: 1,
        }
    }

    fn header(&self, sh_name: u32, sh_offset: u64) -> SectionHeader {
        let (sh_type, sh_flags) = match self.contents {
            Contents::Code(CodeBytes::InFile) => (elf::SHT_PROGBITS, elf::SHF_ALLOC | elf::SHF_EXECINSTR),
            Contents::Code(CodeBytes::OnTarget) => (elf::SHT_NOBITS, elf::SHF_ALLOC | elf::SHF_EXECINSTR),
            Contents::Data(_) => (elf::SHT_PROGBITS, elf::SHF_ALLOC | elf::SHF_WRITE),
            Contents::Zero { writable: true } => (elf::SHT_NOBITS, elf::SHF_ALLOC | elf::SHF_WRITE),
            Contents::Zero { writable: false } => (elf::SHT_NOBITS, elf::SHF_ALLOC),
        };
        let header = section_header(sh_name, sh_offset, self.size);
        SectionHeader { sh_type, sh_flags, sh_addr: self.address, ..header }
    }
}

/// The header of a section without an address.
fn section_header(sh_name: u32, sh_offset: u64, sh_size: u64) -> SectionHeader {
    SectionHeader {
        sh_name,
        sh_type: elf::SHT_PROGBITS,
        sh_flags: Default::default(),
        sh_addr: 0,
        sh_offset,
        sh_size,
        sh_link: 0,
        sh_info: 0,
        sh_addralign: 1,
        sh_entsize: 0,
    }
}
