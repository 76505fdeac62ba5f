//! Loads and stores of vectors and of single lanes.

use super::super::memory::access;
use super::FunctionTranslator;
use cranelift_codegen::ir::types::{I8, I8X16, I16, I16X8, I32, I32X4, I64, I64X2};
use cranelift_codegen::ir::{InstBuilder, Type};
use wasmparser::{MemArg, Operator};

impl FunctionTranslator<'_> {
    /// Handles an operator of this family; false if it is none.
    pub(super) fn simd_memory_operator(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::V128Load { memarg } => self.load_lanes(memarg, I8X16),
            Operator::V128Store { memarg } => {
                let value = self.pop();
                let address = self.address(memarg, I8X16.bytes());
                self.builder.ins().store(access(), value, address, 0);
            }
            Operator::V128Load8x8S { memarg } => {
                let address = self.address(memarg, I64.bytes());
                let value = self.builder.ins().sload8x8(access(), address, 0);
                self.push_lanes(value);
            }
            Operator::V128Load8x8U { memarg } => {
                let address = self.address(memarg, I64.bytes());
                let value = self.builder.ins().uload8x8(access(), address, 0);
                self.push_lanes(value);
            }
            Operator::V128Load16x4S { memarg } => {
                let address = self.address(memarg, I64.bytes());
                let value = self.builder.ins().sload16x4(access(), address, 0);
                self.push_lanes(value);
            }
            Operator::V128Load16x4U { memarg } => {
                let address = self.address(memarg, I64.bytes());
                let value = self.builder.ins().uload16x4(access(), address, 0);
                self.push_lanes(value);
            }
            Operator::V128Load32x2S { memarg } => {
                let address = self.address(memarg, I64.bytes());
                let value = self.builder.ins().sload32x2(access(), address, 0);
                self.push_lanes(value);
            }
            Operator::V128Load32x2U { memarg } => {
                let address = self.address(memarg, I64.bytes());
                let value = self.builder.ins().uload32x2(access(), address, 0);
                self.push_lanes(value);
            }
            Operator::V128Load8Splat { memarg } => self.load_splat(memarg, I8, I8X16),
            Operator::V128Load16Splat { memarg } => self.load_splat(memarg, I16, I16X8),
            Operator::V128Load32Splat { memarg } => self.load_splat(memarg, I32, I32X4),
            Operator::V128Load64Splat { memarg } => self.load_splat(memarg, I64, I64X2),
            Operator::V128Load32Zero { memarg } => self.load_zero(memarg, I32, I32X4),
            Operator::V128Load64Zero { memarg } => self.load_zero(memarg, I64, I64X2),
            _ => return self.simd_lane_operator(operator),
        }
        true
    }

    fn simd_lane_operator(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::V128Load8Lane { memarg, lane } => self.load_lane(memarg, I8X16, *lane),
            Operator::V128Store8Lane { memarg, lane } => self.store_lane(memarg, I8X16, *lane),
            Operator::V128Load16Lane { memarg, lane } => self.load_lane(memarg, I16X8, *lane),
            Operator::V128Store16Lane { memarg, lane } => self.store_lane(memarg, I16X8, *lane),
            Operator::V128Load32Lane { memarg, lane } => self.load_lane(memarg, I32X4, *lane),
            Operator::V128Store32Lane { memarg, lane } => self.store_lane(memarg, I32X4, *lane),
            Operator::V128Load64Lane { memarg, lane } => self.load_lane(memarg, I64X2, *lane),
            Operator::V128Store64Lane { memarg, lane } => self.store_lane(memarg, I64X2, *lane),
            _ => return false,
        }
        true
    }

    fn load_lanes(&mut self, memarg: &MemArg, ty: Type) {
        let address = self.address(memarg, ty.bytes());
        let value = self.builder.ins().load(ty, access(), address, 0);
        self.push_lanes(value);
    }

    fn load_splat(&mut self, memarg: &MemArg, lane: Type, ty: Type) {
        let address = self.address(memarg, lane.bytes());
        let value = self.builder.ins().load(lane, access(), address, 0);
        let value = self.builder.ins().splat(ty, value);
        self.push_lanes(value);
    }

    fn load_zero(&mut self, memarg: &MemArg, lane: Type, ty: Type) {
        let address = self.address(memarg, lane.bytes());
        let value = self.builder.ins().load(lane, access(), address, 0);
        let value = self.builder.ins().scalar_to_vector(ty, value);
        self.push_lanes(value);
    }

    fn load_lane(&mut self, memarg: &MemArg, ty: Type, index: u8) {
        let vector = self.pop_lanes(ty);
        let lane = ty.lane_type();
        let address = self.address(memarg, lane.bytes());
        let value = self.builder.ins().load(lane, access(), address, 0);
        let value = self.builder.ins().insertlane(vector, value, index);
        self.push_lanes(value);
    }

    fn store_lane(&mut self, memarg: &MemArg, ty: Type, index: u8) {
        let vector = self.pop_lanes(ty);
        let address = self.address(memarg, ty.lane_type().bytes());
        let value = self.builder.ins().extractlane(vector, index);
        self.builder.ins().store(access(), value, address, 0);
    }
}
