;; The arguments of a call are gone from its stack shape; what lies below them stays.
(module
  (func (param f64) (result i32)
    i32.const 7
    local.get 0
    local.get 0
    call $callee
    i32.add)
  (func $callee (param f64 f64) (result i32) unreachable))
