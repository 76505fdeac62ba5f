//! The ELF file around the symbols and the debug sections.
//!
//! It looks like a bare-metal program on purpose: no interpreter, no notes, no OS. A debugger that thinks it sees
//! a Linux program goes looking for a dynamic linker. Code is filler: debuggers scan code for prologues, epilogues
//! and branches, and 0xCF (`iret`) is the byte with which they all behave as on real code.

use object::elf;
use object::endian::Endianness;
use object::write::StringId;
use object::write::elf::{FileHeader, ProgramHeader, SectionHeader, SectionIndex, Sym, Writer};

use crate::{Error, Machine, Symbol};

/// What stands at every code address.
const FILLER: u8 = 0xcf;

/// A range of code addresses with the functions in it. Its bytes are filler.
pub(crate) struct CodeSection {
    /// Section name.
    pub(crate) name: &'static str,
    /// First address.
    pub(crate) address: u64,
    /// Length in bytes.
    pub(crate) size: u64,
    /// The functions.
    pub(crate) symbols: Vec<Symbol>,
}

/// Writes the file: the entry point `entry`, `code` sections as segments, then `debug` sections (name and contents) in their order.
///
/// # Errors
/// If a size or a string table overflows.
pub(crate) fn write(
    machine: Machine,
    entry: u64,
    code: &[CodeSection],
    debug: &[(&'static str, Vec<u8>)],
) -> Result<Vec<u8>, Error> {
    let (e_machine, is_64) = match machine {
        Machine::X86_64 => (elf::EM_X86_64, true),
    };
    let mut bytes = Vec::new();
    let mut writer = Writer::new(Endianness::Little, is_64, &mut bytes);
    let places = Places::reserve(&mut writer, code, debug)?;

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
    for (section, place) in code.iter().zip(&places.code) {
        writer.write_program_header(&segment(section, place.offset));
    }
    for section in code {
        writer.write(&vec![FILLER; usize::try_from(section.size).unwrap_or(usize::MAX)]);
    }
    for (_, contents) in debug {
        writer.write(contents);
    }
    writer.write_null_symbol();
    for &(name, section, symbol) in &places.symbols {
        let st_name = writer.string_offset(Some(name));
        writer.write_symbol(&function(st_name, section, symbol));
    }
    writer.write_strtab();
    writer.write_shstrtab();

    writer.write_null_section_header();
    for (section, place) in code.iter().zip(&places.code) {
        let sh_name = writer.section_name_offset(Some(place.name));
        let flags = elf::SHF_ALLOC | elf::SHF_EXECINSTR;
        writer.write_section_header(&progbits(sh_name, flags, section.address, place.offset, section.size));
    }
    for ((_, contents), place) in debug.iter().zip(&places.debug) {
        let sh_name = writer.section_name_offset(Some(place.name));
        writer.write_section_header(&progbits(
            sh_name,
            Default::default(),
            0,
            place.offset,
            length(contents),
        ));
    }
    // All symbols are global, so the only local one is the null symbol.
    writer.write_symtab_section_header(1);
    writer.write_strtab_section_header();
    writer.write_shstrtab_section_header();
    drop(writer);
    Ok(bytes)
}

/// Where everything goes in the file.
struct Places<'e> {
    code: Vec<SectionPlace>,
    debug: Vec<SectionPlace>,
    symbols: Vec<(StringId, SectionIndex, &'e Symbol)>,
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
        code: &'e [CodeSection],
        debug: &'e [(&'static str, Vec<u8>)],
    ) -> Result<Self, Error> {
        writer.reserve_file_header();
        writer.reserve_program_headers(u32::try_from(code.len()).unwrap_or(u32::MAX));
        writer.reserve_null_section_index();
        let mut section = |name: &'static str, size| SectionPlace {
            index: writer.reserve_section_index(),
            name: writer.add_section_name(name.as_bytes()),
            offset: writer.reserve(size, 1),
        };
        let mut places = Self {
            code: code.iter().map(|code| section(code.name, code.size)).collect(),
            debug: debug.iter().map(|(name, contents)| section(name, length(contents))).collect(),
            symbols: Vec::new(),
        };
        writer.reserve_null_symbol_index();
        for (section, place) in code.iter().zip(&places.code) {
            for symbol in &section.symbols {
                writer.reserve_symbol_index(Some(place.index));
                places.symbols.push((writer.add_string(symbol.name.as_bytes()), place.index, symbol));
            }
        }
        writer.reserve_symtab_section_index();
        writer.reserve_symtab();
        writer.reserve_strtab_section_index();
        writer.reserve_strtab()?;
        writer.reserve_shstrtab_section_index();
        writer.reserve_shstrtab()?;
        writer.reserve_section_headers();
        Ok(places)
    }
}

fn length(contents: &[u8]) -> u64 {
    u64::try_from(contents.len()).unwrap_or(u64::MAX)
}

fn segment(section: &CodeSection, p_offset: u64) -> ProgramHeader {
    ProgramHeader {
        p_type: elf::PT_LOAD,
        p_flags: elf::PF_R | elf::PF_X,
        p_offset,
        p_vaddr: section.address,
        p_paddr: section.address,
        p_filesz: section.size,
        p_memsz: section.size,
        p_align: 1,
    }
}

fn function(st_name: u32, section: SectionIndex, symbol: &Symbol) -> Sym {
    Sym {
        section: Some(section.0),
        st_name,
        st_info: elf::SymbolInfo::new(elf::STB_GLOBAL, elf::STT_FUNC),
        st_other: Default::default(),
        st_shndx: elf::SHN_UNDEF,
        st_value: symbol.address,
        st_size: symbol.size,
    }
}

fn progbits(
    sh_name: u32,
    sh_flags: elf::SectionFlags,
    sh_addr: u64,
    sh_offset: u64,
    sh_size: u64,
) -> SectionHeader {
    SectionHeader {
        sh_name,
        sh_type: elf::SHT_PROGBITS,
        sh_flags,
        sh_addr,
        sh_offset,
        sh_size,
        sh_link: 0,
        sh_info: 0,
        sh_addralign: 1,
        sh_entsize: 0,
    }
}
