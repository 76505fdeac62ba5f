;; A division checks its divisor where it can still tell the state; an access out of bounds does not.
(module (memory 1) (func (param i32 i32) (result i32)
  (local.set 1 (i32.add (local.get 1) (i32.const 1)))
  (i32.load (local.get 0))
  (i32.div_u (local.get 0) (local.get 1))
  i32.add
  (if (result i32) (then (i32.const 2)) (else unreachable))))
