//! The functions of the runtime that compiled code calls. This file is their list; `vm/builtins.rs` is what they do.

use cranelift_codegen::ir::{Type, types};

macro_rules! builtins {
    ($($(#[$doc:meta])* $name:ident ( $($param:ident)* ) $(-> $result:ident)?;)*) => {
        /// A function of the runtime that compiled code calls. Its code also gets the vmctx, before the parameters.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Builtin { $($(#[$doc])* $name,)* }

        impl Builtin {
            /// All of them, in the order of the vmctx's table.
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// Parameter types.
            pub(crate) fn params(self) -> &'static [Type] {
                match self { $(Self::$name => &[$(types::$param,)*],)* }
            }

            /// Result type.
            pub(crate) fn result(self) -> Option<Type> {
                match self { $(Self::$name => { let _result: Option<Type> = None; $(let _result = Some(types::$result);)? _result })* }
            }
        }
    };
}

builtins! {
    /// tag -> an exception, whose values the caller fills in.
    NewException(I32) -> I64;
    /// exception; does not return.
    ThrowRef(I64);
    /// memory, pages -> old size in pages, or -1.
    MemoryGrow(I32 I64) -> I64;
    /// destination memory, source memory, destination, source, length.
    MemoryCopy(I32 I32 I64 I64 I64);
    /// memory, destination, value, length.
    MemoryFill(I32 I64 I32 I64);
    /// memory, segment, destination, source, length.
    MemoryInit(I32 I32 I64 I64 I64);
    /// memory, address, count -> how many were woken.
    AtomicNotify(I32 I64 I32) -> I32;
    /// memory, address, expected value, nanoseconds -> 0 woken, 1 another value, 2 timed out.
    AtomicWait32(I32 I64 I32 I64) -> I32;
    /// As `AtomicWait32`.
    AtomicWait64(I32 I64 I64 I64) -> I32;
    /// segment.
    DataDrop(I32);
    /// table, value, elements -> old size, or -1.
    TableGrow(I32 I64 I64) -> I64;
    /// destination table, source table, destination, source, length.
    TableCopy(I32 I32 I64 I64 I64);
    /// table, destination, value, length.
    TableFill(I32 I64 I64 I64);
    /// table, segment, destination, source, length.
    TableInit(I32 I32 I64 I64 I64);
    /// segment.
    ElemDrop(I32);
    /// type, length of an array -> a new object, zeroed.
    Allocate(I32 I32) -> I64;
    /// A reference in an object that is about to be overwritten, while a collection is marking.
    Overwriting(I64);
    /// array, start, low and high half of the value, length.
    ArrayFill(I64 I32 I64 I64 I32);
    /// destination array, start there, source array, start there, length.
    ArrayCopy(I64 I32 I64 I32 I32);
    /// type, segment, source, length -> a new array.
    ArrayNewData(I32 I32 I32 I32) -> I64;
    /// segment, array, start, source, length.
    ArrayInitData(I32 I64 I32 I32 I32);
    /// type, segment, source, length -> a new array.
    ArrayNewElem(I32 I32 I32 I32) -> I64;
    /// segment, array, start, source, length.
    ArrayInitElem(I32 I64 I32 I32 I32);
}
