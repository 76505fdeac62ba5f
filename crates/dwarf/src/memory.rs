//! What a module puts into its first memory and its first table before it runs.

use wasmparser::{
    BinaryReaderError, ConstExpr, Data, DataKind, Element, ElementItems, ElementKind, MemoryType, Operator,
    Payload, TableType, TypeRef,
};

/// log2 of the size of a page that does not say it.
const PAGE_SIZE_LOG2: u32 = 16;

/// The first contents of memory 0 and table 0, as far as the module says them in constants.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory<'a> {
    /// First size of memory 0 in bytes; 0 if there is none.
    pub(crate) size: u64,
    /// Address and bytes of data segments, in the order in which they are copied.
    pub(crate) data: Vec<(u64, &'a [u8])>,
    /// First length of table 0.
    pub(crate) table_length: u64,
    /// Table index and function index of functions in table 0, in the order in which they are put there.
    pub(crate) functions: Vec<(u64, u32)>,
    /// Whether memory 0 has 64-bit addresses.
    pub(crate) is_wide: bool,
    has_memory: bool,
    has_table: bool,
}

impl<'a> Memory<'a> {
    /// Reads a section if it is about memories or tables. What cannot be read of it is left out: symbols are a
    /// convenience.
    pub(crate) fn read(&mut self, payload: &Payload<'a>) {
        // The caller has no use for the reason; what was read up to there stays.
        let _: Result<(), BinaryReaderError> = self.section(payload);
    }

    fn section(&mut self, payload: &Payload<'a>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    match import?.ty {
                        TypeRef::Memory(ty) => self.memory(ty),
                        TypeRef::Table(ty) => self.table(ty),
                        _ => {}
                    }
                }
            }
            Payload::MemorySection(section) => {
                for ty in section.clone() {
                    self.memory(ty?);
                }
            }
            Payload::TableSection(section) => {
                for table in section.clone() {
                    self.table(table?.ty);
                }
            }
            Payload::DataSection(section) => {
                for data in section.clone() {
                    self.data(&data?);
                }
            }
            Payload::ElementSection(section) => {
                for element in section.clone() {
                    self.element(element?)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn memory(&mut self, ty: MemoryType) {
        if !self.has_memory {
            self.has_memory = true;
            self.is_wide = ty.memory64;
            let page = 1_u64.checked_shl(ty.page_size_log2.unwrap_or(PAGE_SIZE_LOG2)).unwrap_or(0);
            self.size = ty.initial.saturating_mul(page);
        }
    }

    fn table(&mut self, ty: TableType) {
        if !self.has_table {
            self.has_table = true;
            self.table_length = ty.initial;
        }
    }

    fn data(&mut self, data: &Data<'a>) {
        if let Some(address) = address(data) {
            self.data.push((address, data.data));
        }
    }

    fn element(&mut self, element: Element<'a>) -> Result<(), BinaryReaderError> {
        let ElementKind::Active { table_index: None | Some(0), offset_expr } = &element.kind else {
            return Ok(());
        };
        let Some(start) = constant(offset_expr) else { return Ok(()) };
        let indexes = (0..).map(|position| start.wrapping_add(position));
        match element.items {
            ElementItems::Functions(functions) => {
                for (index, function) in indexes.zip(functions) {
                    self.functions.push((index, function?));
                }
            }
            ElementItems::Expressions(_, expressions) => {
                for (index, expression) in indexes.zip(expressions) {
                    if let Ok(Operator::RefFunc { function_index }) =
                        expression?.get_operators_reader().read()
                    {
                        self.functions.push((index, function_index));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Where in memory 0 a data segment is put, if it is put there at the start, at a constant address.
pub(crate) fn address(data: &Data<'_>) -> Option<u64> {
    match &data.kind {
        DataKind::Active { memory_index: 0, offset_expr } => constant(offset_expr),
        _ => None,
    }
}

/// The value of an expression that is one constant. Others depend on imported globals.
fn constant(expression: &ConstExpr<'_>) -> Option<u64> {
    let mut operators = expression.get_operators_reader();
    let value = match operators.read().ok()? {
        Operator::I32Const { value } => u64::from(value.cast_unsigned()),
        Operator::I64Const { value } => value.cast_unsigned(),
        _ => return None,
    };
    matches!(operators.read().ok()?, Operator::End).then_some(value)
}
